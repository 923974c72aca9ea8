package btree

import (
	"errors"

	"github.com/statelab/statelab"
)

// A buffer is the write buffer: a second tree, of the records that changed last,
// whose pages are frames that the pool has lent and are never written.
//
//	       buffer                         main
//	      /      \                     /    |    \
//	[b d e]     [p t]       [a c d] [f h] [k m] [n q s]
//
// A change goes there and touches no page of the main tree. When the buffer is
// full, the records of one stretch of keys, and in the next turn those of the
// next, are merged into the leaves of that stretch (merge.go); so a leaf is
// written for all records that came to it in one turn, and what dies before its
// turn never reaches one. A commit merges all.
//
// What the buffer has of a key is newer than what the main tree has. A record
// that covers replaces it: it was put, or with no elements is what is left of a
// Delete. One that does not cover goes behind it: its elements were appended,
// without asking the main tree; or nothing of the key was alive there.
//
// A record that covers and dies must stay, lest what it covers be alive again.
// But if nothing that the main tree has of the key lived longer, it outlives
// that and can go. What the main tree has is judged by the expiries in its inner
// pages (B5), so that no leaf is read: where all records live equally long, as
// in a window, what is put later outlives what was there.
type buffer struct {
	tree
	main  *tree
	limit int    // pages above which it is to be relieved; 0: there is no buffer
	turn  []byte // no key below it is left of this round
}

// errBufferFull says that the pool lends no more. The change was undone.
var errBufferFull = errors.New("the write buffer is full")

const (
	bufferRest = 64 // frames

	// undoShare is the part of the memory that the buffer's undo log may take: enough
	// for the batches that come, as what does not fit takes a frame for each page.
	undoShare = 32
)

// undoLimit is how many bytes the buffer's undo log takes.
func undoLimit(memory int64, pageSize int) int { return max(2*pageSize, int(memory/undoShare)) }

// open makes an empty buffer over a main tree that is open.
func (b *buffer) open(main *tree) {
	b.main, b.failed, b.logger = main, main.failed, main.logger
	b.pager = &pager{name: main.name, pageSize: main.pageSize, perPage: 1, pool: main.pool}
	b.snaps.epoch = 1
}

// enable lets the buffer take so many bytes of frames, and for its undo log beside
// them.
func (b *buffer) enable(bytes int64, undo int) {
	loan := b.pool.SetLoan(int(bytes / int64(b.pool.Charge())))
	// The rest is for a batch, and for what snapshots hold.
	b.limit = loan - max(loan/16, min(loan/8, bufferRest))
	b.scratch = make(page, b.pageSize)
	b.txn.undo.setLimit(undo, 0)
}

// apply makes the operations of a batch take effect, all or none.
func (b *buffer) apply(ops statelab.OpReader) error {
	err := b.applyBy(ops, b.applyOp)
	b.beneath = 0
	return err
}

func (b *buffer) applyOp(op statelab.Op) error {
	dead := op.Kind != statelab.OpDelete && statelab.Expired(op.ExpireAt, b.watermark)
	if dead {
		b.deadOps++
	}
	switch {
	case op.Kind == statelab.OpAppend && dead:
		return nil
	case op.Kind == statelab.OpDelete || dead:
		return b.bury(op.Key)
	}
	mark := record{}
	if op.Kind == statelab.OpPut {
		sum, err := b.main.summaryFor(op.Key, op.ExpireAt)
		if err != nil {
			return err
		}
		mark.covers = !statelab.Expired(sum.dieAt, b.watermark)
		mark.outlives = mark.covers && sum.dieAt <= op.ExpireAt && op.ExpireAt != statelab.NoExpiry
		b.beneath = 0
	} else if err := b.weigh(op); err != nil {
		return err
	}
	if b.height == 0 {
		if err := b.plantLeaf(); err != nil {
			return err
		}
	}
	return b.put(op, mark)
}

// bury takes a key's record out, and covers what the main tree may have of it.
func (b *buffer) bury(key []byte) error {
	sum, err := b.main.summaryFor(key, noBound)
	if err != nil {
		return err
	}
	if statelab.Expired(sum.dieAt, b.watermark) {
		if b.height == 0 {
			return nil
		}
		return b.remove(key)
	}
	if b.height == 0 {
		if err := b.plantLeaf(); err != nil {
			return err
		}
	}
	leaf, at, exact, err := b.openLeaf(key)
	if err != nil {
		return err
	}
	defer leaf.release()
	r := record{covers: true}
	if exact {
		old := leaf.record(at)
		r.keyField = old.keyField
		if err := b.freeBody(old); err != nil {
			return err
		}
	} else if r.keyField, err = b.newKeyField(b.bodies[:0], key); err != nil {
		return err
	}
	b.liveCell = r.appendCell(b.liveCell[:0]) // apart from the page, which the key may be of
	b.cells = append(b.cells[:0], b.liveCell...)
	return b.place(&leaf, at, exact, key)
}

// weigh finds out how many live bytes of an Append's record are in the main tree
// (K4). It reads them only if the two trees are large enough to hold too many.
func (b *buffer) weigh(op statelab.Op) error {
	b.beneath = 0
	most := b.main.space.usedCount.Load()*int64(b.main.unit) + int64(b.pages)*int64(b.pageSize)
	if most+int64(len(op.Value)) <= statelab.MaxRecordSize {
		return nil
	}
	sum, err := b.main.summaryFor(op.Key, noBound)
	if err != nil {
		return err
	}
	if most = int64(b.pages+1) * int64(b.pageSize); !sum.spills && most+int64(len(op.Value)) <= statelab.MaxRecordSize {
		return nil
	}
	if b.height > 0 {
		leaf, at, exact, err := b.find(b.position, op.Key, nil)
		if err != nil {
			return err
		}
		covered := exact && leaf.record(at).covers
		leaf.release()
		if covered {
			return nil
		}
	}
	b.beneath, err = b.main.liveBytes(op.Key)
	return err
}

// liveBytes returns how many bytes of live elements the tree has of a key.
func (t *tree) liveBytes(key []byte) (int, error) {
	leaf, at, exact, err := t.find(t.position, key, nil)
	if err != nil || !exact {
		leaf.release()
		return 0, err
	}
	r := leaf.record(at)
	if r.spilled {
		s := getSpill(r.body).stream
		leaf.release()
		_, payload, _, err := t.measure(s, t.watermark)
		return int(payload), err
	}
	_, live := appendLive(t.liveBody[:0], r.body, t.watermark)
	leaf.release()
	return live, nil
}

// noBound is a bound before all deaths.
const noBound = statelab.MinWatermark

// summaryFor returns the summary of the leaf where key belongs, of which it
// reads the inner pages above only; of a tree without any, that of the root. An
// empty tree's says that nothing ever lived. The summary of a page above will do
// if all below that dies by enough: where all records live equally long that of the
// root does, mostly.
func (t *tree) summaryFor(key []byte, enough int64) (summary, error) {
	r := t.root
	for level := t.height - 1; ; level-- {
		n, err := t.get(r, level)
		if err != nil {
			return summary{}, err
		}
		if level == 0 {
			sum := n.summary()
			if n.count() == 0 {
				sum.dieAt = statelab.MinWatermark
			}
			n.release()
			return sum, nil
		}
		if sum := n.summary(); sum.dieAt <= enough {
			n.release()
			return sum, nil
		}
		at, err := t.childFor(&n, key)
		if err != nil {
			return summary{}, err
		}
		e := n.entry(at)
		r = e.child
		n.release()
		if level == 1 || e.sum.dieAt <= enough {
			return e.sum, nil
		}
	}
}

// removeRange takes all records from from up to until (nil is the end) out of
// the buffer, in an open transaction. All there are it takes out without a new page.
func (b *buffer) removeRange(from, until []byte) error {
	if b.height == 0 { // Defragment merges where nothing is buffered, too
		return nil
	}
	if len(from) == 0 && until == nil {
		return b.removeAll(b.root, b.height-1)
	}
	at := append([]byte(nil), from...)
	for b.height > 0 {
		next, last, err := b.removeFrom(at, until)
		if err != nil {
			return err
		}
		if last || until != nil && string(next) >= string(until) {
			return nil
		}
		at = append(at[:0], next...)
	}
	return nil
}

// removeAll frees a subtree with all it owns, and makes the tree none.
func (b *buffer) removeAll(r ref, level int) error {
	n, err := b.get(r, level)
	if err != nil {
		return err
	}
	if level == 0 {
		err = b.freeLeaf(r, n.spills() > 0)
	}
	for i := 0; i < n.count() && level > 0 && err == nil; i++ {
		e := n.entry(i)
		if err = b.freeKeyField(e.keyField); err == nil {
			err = b.removeAll(e.child, level-1)
		}
	}
	if err == nil && level > 0 {
		b.free(r)
	}
	b.root, b.height = ref{}, 0
	return err
}

// removeFrom is removeRange within the leaf where from belongs. It returns the
// separator of the next leaf, or that there is none.
func (b *buffer) removeFrom(from, until []byte) (next []byte, last bool, err error) {
	leaf, at, _, err := b.find(b.position, from, &b.path)
	if err != nil {
		return nil, false, err
	}
	defer leaf.release()
	if next, last, err = b.nextSeparator(); err != nil {
		return nil, false, err
	}
	end := leaf.count()
	if until != nil {
		if end, _, err = b.search(&leaf, at, until); err != nil {
			return nil, false, err
		}
	}
	if at == end {
		return next, last, nil
	}
	if at == 0 && end == leaf.count() {
		r, spills := leaf.ref(), leaf.spills() > 0
		leaf.release()
		if err := b.freeLeaf(r, spills); err != nil {
			return nil, false, err
		}
		return next, last, b.settle(0, b.kids[:0])
	}
	if err := b.writable(&leaf); err != nil {
		return nil, false, err
	}
	for range end - at {
		if err := b.dropRecord(&leaf, at); err != nil {
			return nil, false, err
		}
	}
	return next, last, b.settleLeaf(&leaf, true)
}

// nextSeparator returns the separator behind the leaf that the path leads to.
func (t *tree) nextSeparator() (key []byte, last bool, err error) {
	for level := 1; level < t.height; level++ {
		s := t.path[level]
		if s.last {
			continue
		}
		n, err := t.get(s.ref, level)
		if err != nil {
			return nil, false, err
		}
		e := n.entry(s.at + 1)
		key, err = t.appendKey(nil, e.keyField)
		n.release()
		return key, false, err
	}
	return nil, true, nil
}
