package btree

import (
	"fmt"

	"github.com/statelab/statelab"
)

// apply makes the operations of a batch take effect in the tree itself, all or none.
func (t *tree) apply(ops statelab.OpReader) error { return t.applyBy(ops, t.applyOp) }

// applyBy makes the operations of a batch take effect by one, all or none.
func (t *tree) applyBy(ops statelab.OpReader, one func(statelab.Op) error) error {
	t.begin()
	if err := t.applyAll(ops, one); err != nil {
		t.rollback()
		return err
	}
	t.commit()
	return nil
}

// applyAll makes the operations of a batch take effect by one, up to the first that fails.
func (t *tree) applyAll(ops statelab.OpReader, one func(statelab.Op) error) error {
	for {
		op, ok := ops.Next()
		if !ok {
			return ops.Err()
		}
		if err := one(op); err != nil {
			return err
		}
	}
}

func (t *tree) applyOp(op statelab.Op) error {
	dead := op.Kind != statelab.OpDelete && statelab.Expired(op.ExpireAt, t.watermark)
	if dead {
		t.deadOps++
	}
	switch {
	case op.Kind == statelab.OpAppend && dead:
		return nil
	case op.Kind == statelab.OpDelete || dead:
		return t.remove(op.Key)
	default:
		return t.put(op, record{})
	}
}

// remove takes key's record out, if there is one. A page is made writable only then.
func (t *tree) remove(key []byte) error {
	leaf, at, exact, err := t.find(t.position, key, &t.path)
	if err != nil || !exact {
		leaf.release()
		return err
	}
	defer leaf.release()
	if err := t.editable(&leaf, len(leaf.cell(at))); err != nil {
		return err
	}
	if err := t.freeRecord(leaf.record(at)); err != nil {
		return err
	}
	if err := t.takeOut(&leaf, at); err != nil {
		return err
	}
	return t.settleLeaf(&leaf, true)
}

// dropRecord takes record at out of a writable leaf and frees what it owns.
func (t *tree) dropRecord(leaf *node, at int) error {
	r := leaf.record(at)
	if err := t.freeRecord(r); err != nil {
		return err
	}
	leaf.removeRecord(at)
	return nil
}

// freeRecord frees the overflow pages of a record.
func (t *tree) freeRecord(r record) error {
	if err := t.freeKeyField(r.keyField); err != nil {
		return err
	}
	return t.freeBody(r)
}

func (t *tree) freeBody(r record) error {
	if !r.spilled {
		return nil
	}
	return t.freeStream(getSpill(r.body).stream)
}

// put makes a live element the record, or appends it. What is put, or appended
// to nothing, is marked as mark is.
func (t *tree) put(op statelab.Op, mark record) error {
	leaf, at, exact, err := t.openLeaf(op.Key)
	if err != nil {
		return err
	}
	defer leaf.release()

	r := record{covers: mark.covers, outlives: mark.outlives}
	if exact {
		old := leaf.record(at)
		r.keyField = old.keyField
		if op.Kind == statelab.OpAppend {
			r.covers, r.outlives = old.covers, old.outlives
		}
	} else if r.keyField, err = t.newKeyField(t.bodies[:0], op.Key); err != nil {
		return err
	}
	// The cell is made apart from the page, and the field may be of the page.
	t.cells = r.appendTo(append(t.cells[:0], 0, 0, 0, 0))
	r.keyField = keyField{key: t.cells[leafCellHeader:], long: r.long}

	if exact && op.Kind == statelab.OpAppend {
		r.body, r.spilled, err = t.extend(leaf.record(at), len(r.key), op)
	} else {
		if exact {
			if err := t.freeBody(leaf.record(at)); err != nil {
				return err
			}
		}
		r.body, r.spilled, err = t.newBody(t.bodies[:0], 0, len(r.key), op)
	}
	if err != nil {
		return err
	}
	t.cells = r.appendCell(t.cells[:0])
	return t.place(&leaf, at, exact, op.Key)
}

// openLeaf finds key and makes its leaf editable, with room for saving the cell that
// key has. A leaf that had to be copied
// is rid of its dead elements on the occasion.
func (t *tree) openLeaf(key []byte) (leaf node, at int, exact bool, err error) {
	leaf, at, exact, err = t.find(t.position, key, &t.path)
	if err != nil {
		return leaf, 0, false, err
	}
	old, cells := leaf.ref(), 0
	if exact {
		cells = len(leaf.cell(at))
	}
	if err = t.editable(&leaf, cells); err != nil {
		leaf.release()
		return node{}, 0, false, err
	}
	if leaf.ref() == old {
		return leaf, at, exact, nil
	}
	squeezed, err := t.squeeze(&leaf)
	if err == nil && squeezed {
		at, exact, err = t.search(&leaf, 0, key)
	}
	if err != nil {
		leaf.release()
		return node{}, 0, false, err
	}
	return leaf, at, exact, nil
}

// newBody returns the body field of live elements, which are in t.bodies and
// have so many bytes, and the element of op behind them.
func (t *tree) newBody(elements []byte, live, keySize int, op statelab.Op) (field []byte, spilled bool, err error) {
	if all := live + t.beneath; all+len(op.Value) > statelab.MaxRecordSize {
		return nil, false, tooLarge(op, all)
	}
	dieAt := max(bodyDieAt(elements), op.ExpireAt)
	body := appendElementHeader(elements, len(op.Value), op.ExpireAt)
	if leafCellHeader+keySize+len(body)+len(op.Value) <= maxLeafCell(t.pageSize) {
		t.bodies = append(body, op.Value...)
		return t.bodies, false, nil
	}
	w := streamWriter{tree: t}
	if err = w.write(body); err == nil {
		err = w.write(op.Value)
	}
	s := w.close()
	if err != nil {
		return nil, false, err
	}
	t.bodies = appendSpill(body[:0], spill{s, int64(live + len(op.Value)), dieAt, 2 * s.length})
	return t.bodies, true, nil
}

func tooLarge(op statelab.Op, live int) error {
	return fmt.Errorf("%s of an element of %d bytes to a record of %d, over the limit of %d: %w",
		op.Kind, len(op.Value), live, statelab.MaxRecordSize, statelab.ErrTooLarge)
}

// extend returns the body field of record r with the element of op behind it.
func (t *tree) extend(r record, keySize int, op statelab.Op) (field []byte, spilled bool, err error) {
	if !r.spilled {
		if t.lent() {
			t.died += countDead(r, t.watermark)
		}
		elements, live := appendLive(t.bodies[:0], r.body, t.watermark)
		return t.newBody(elements, live, keySize, op)
	}
	s := getSpill(r.body)
	most := statelab.MaxRecordSize - int64(t.beneath+len(op.Value))
	if s.stream.length >= s.sweepAt || s.payload > most {
		elements, live, swept, err := t.sweep(&s, keySize)
		if err != nil {
			return nil, false, err
		}
		if swept {
			return t.newBody(elements, live, keySize, op)
		}
	}
	if s.payload > most {
		return nil, false, tooLarge(op, int(s.payload)+t.beneath)
	}
	w := streamWriter{tree: t, stream: s.stream}
	if err = w.write(appendElementHeader(t.bodies[:0], len(op.Value), op.ExpireAt)); err == nil {
		err = w.write(op.Value)
	}
	s.stream = w.close()
	if err != nil {
		return nil, false, err
	}
	s.payload += int64(len(op.Value))
	s.dieAt = max(s.dieAt, op.ExpireAt)
	t.bodies = appendSpill(t.bodies[:0], s)
	return t.bodies, true, nil
}

// sweep rids a spilled body of its dead elements. Its cost is the length of the
// stream, and it is done when that has doubled since the last time, so that an
// append's share is a constant. If what lives is short enough for a cell, sweep
// frees the stream and returns the elements instead, and true.
func (t *tree) sweep(s *spill, keySize int) (elements []byte, live int, whole bool, err error) {
	length, payload, dieAt, err := t.measure(s.stream, t.watermark)
	if err != nil {
		return nil, 0, false, err
	}
	switch {
	case length == s.stream.length:
		s.sweepAt = 2 * length
		return nil, 0, false, nil
	case leafCellHeader+keySize+int(length) <= maxLeafCell(t.pageSize):
		elements, err = t.appendLiveStream(t.bodies[:0], s.stream)
		whole = true
	default:
		old := s.stream
		if s.stream, err = t.copyLive(old); err == nil {
			s.payload, s.dieAt, s.sweepAt = payload, dieAt, 2*length
			err = t.freeStream(old)
		}
		return nil, 0, false, err
	}
	if err == nil {
		err = t.freeStream(s.stream)
	}
	return elements, int(payload), whole, err
}

// appendLiveStream appends the live elements of a spilled body with their headers.
func (t *tree) appendLiveStream(dst []byte, s stream) ([]byte, error) {
	err := t.eachLive(s, t.watermark, func(chunk []byte) error {
		dst = append(dst, chunk...)
		return nil
	})
	return dst, err
}

// copyLive returns a stream of the live elements of another.
func (t *tree) copyLive(s stream) (stream, error) {
	w := streamWriter{tree: t}
	err := t.eachLive(s, t.watermark, w.write)
	return w.close(), err
}

// place puts the cell in t.cells where it belongs: in the place of record at if
// that is key's, else before it.
func (t *tree) place(leaf *node, at int, exact bool, key []byte) error {
	cell := t.cells
	if exact && len(leaf.prefix())+len(leaf.cell(at)) == len(cell) {
		t.saveCell(leaf, leaf.slot(at), len(leaf.cell(at)))
		leaf.overwriteRecord(at, cell)
		return t.settleLeaf(leaf, false)
	}
	if exact {
		if err := t.takeOut(leaf, at); err != nil {
			return err
		}
	}
	if !leaf.fits(cell) {
		squeezed, err := t.squeeze(leaf)
		if err == nil && squeezed {
			at, _, err = t.search(leaf, 0, key)
		}
		if err != nil {
			return err
		}
	}
	if !leaf.hasGap(cell) {
		if err := t.writable(leaf); err != nil {
			return err
		}
	}
	if !leaf.fits(cell) {
		leaf.tighten(cell, t.scratch)
	}
	if !leaf.fits(cell) {
		return t.splitLeaf(leaf, at, cell)
	}
	leaf.insertRecord(at, cell, t.scratch)
	return t.settleLeaf(leaf, false)
}

// takeOut takes record at out of an editable leaf. Where its cell was becomes free
// space if it was the lowest, and all the page if it was the last.
func (t *tree) takeOut(leaf *node, at int) error {
	if leaf.count() == 1 {
		if err := t.writable(leaf); err != nil {
			return err
		}
	}
	if cell := leaf.slot(at); cell == leaf.low() {
		t.saveCell(leaf, cell, len(leaf.cell(at)))
	}
	leaf.removeRecord(at)
	return nil
}

// squeeze rids an editable leaf of elements that are dead, but for those in
// spilled bodies that have live ones too, and says whether there were any.
func (t *tree) squeeze(leaf *node) (bool, error) {
	some := false
	for i := range leaf.count() {
		r := leaf.record(i)
		if some = r.dead(t.watermark); some {
			break
		}
	}
	if !some {
		return false, nil
	}
	if err := t.writable(leaf); err != nil {
		return false, err
	}
	copy(t.scratch, leaf.page)
	for i := range t.scratch.count() {
		r := t.scratch.record(i)
		if t.lent() {
			t.died += countDead(r, t.watermark)
		}
		if statelab.Expired(r.dieAt(), t.watermark) {
			if err := t.freeRecord(r); err != nil {
				return false, err
			}
		}
	}
	leaf.restart(t.scratch.prefix())
	for i := range t.scratch.count() {
		r := t.scratch.record(i)
		switch {
		case statelab.Expired(r.dieAt(), t.watermark):
		case !r.dead(t.watermark):
			leaf.pushFrom(t.scratch, i)
		default:
			t.liveBody, _ = appendLive(t.liveBody[:0], r.body, t.watermark)
			r.body = t.liveBody
			t.liveCell = r.appendCell(t.liveCell[:0])
			leaf.push(t.liveCell)
		}
	}
	leaf.summarizeLeaf()
	return true, nil
}

// dead says whether squeezing would shorten the record.
func (r record) dead(watermark int64) bool {
	if r.spilled {
		return statelab.Expired(r.dieAt(), watermark)
	}
	return hasDead(r.body, watermark)
}
