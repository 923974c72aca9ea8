package btree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
)

// Load makes a store in dir, which must not exist, of elements that come in the
// order of their keys, with its watermark as given. It writes each page once, in
// the order of the keys and full, so that it costs about what writing the data to
// a file does. The store is durable when Load returns; if it fails there is none.
//
// next returns one element after the other as operations, and io.EOF after the
// last. An element of another key than the one before begins a record, by an
// OpPut or an OpAppend; more elements of the same key are appended to it. Keys
// that do not ascend are an error, and so is an OpDelete. Dead elements are left out. What next
// returns must stay as it is until it is called again. opts may be nil; its
// Memory bounds what Load takes, but for one record.
//
// LMDB's MDB_APPEND and bbolt's FillPercent put such a run into a store that is
// there; a run of ascending keys that is applied to ours leaves full leaves too,
// but goes through the write buffer and the log, and is in the tree only after a merge.
func Load(dir string, opts *Options, watermark int64, next func() (statelab.Op, error)) error {
	if err := load(dir, opts, watermark, next); err != nil {
		return fmt.Errorf("load btree %s: %w", dir, err)
	}
	return nil
}

func load(dir string, opts *Options, watermark int64, next func() (statelab.Op, error)) error {
	o, err := opts.resolve()
	if err != nil {
		return err
	}
	if o.Index != IndexPaged {
		return fmt.Errorf("only a tree in pages can be loaded, not one in %s", o.Index)
	}
	if o.PageSize == 0 {
		o.PageSize = DefaultPageSize
	}
	if err := o.checkMemory(); err != nil {
		return err
	}
	o.Memory = min(o.Memory, loadMemory)
	m := new(meter.Meter)
	return storedir.Copy(o.FS, dir, identity(o), m, func() error {
		l := loader{next: next, field: []byte{}}
		return l.make(o, filepath.Join(dir, treeName), m, func() error { return l.run(watermark) })
	})
}

// loadMemory is the most memory that Load takes: pages wait there to be written together.
const loadMemory = 4 << 20

// A filler makes a new tree, of records that come in the order of their keys.
type filler struct {
	to tree
	m  merge
}

// make makes the file, has fill bring the records, and makes it durable, but for
// its name. If it fails the whole file goes.
func (f *filler) make(o Options, name string, m *meter.Meter, fill func() error) error {
	if err := f.to.open(o, name, m, meter.Checkpoint, meter.Checkpoint, true); err != nil {
		return err
	}
	err := fill()
	if err == nil {
		err = f.to.persist(0, nil)
	}
	if cerr := f.to.close(); err == nil {
		err = cerr
	}
	return err
}

// fill makes the tree of the records that yield adds to f.m.
func (f *filler) fill(watermark int64, yield func() error) error {
	f.to.plant(watermark)
	f.m.tree = &f.to
	f.to.begin()
	err := f.m.mark(keyField{})
	if err == nil {
		err = yield()
	}
	if err == nil {
		err = f.m.finish()
	}
	if err != nil {
		f.to.rollback()
		return err
	}
	f.m.plant()
	f.to.commit()
	return nil
}

// A loader is a filler of elements.
type loader struct {
	filler
	next  func() (statelab.Op, error)
	key   []byte // of the record that is being put together
	body  []byte // its elements
	live  int    // bytes of them
	any   bool   // there was a record before
	field []byte
}

func (l *loader) run(watermark int64) error {
	return l.fill(watermark, func() error {
		for {
			op, err := l.next()
			if errors.Is(err, io.EOF) {
				return l.flush()
			}
			if err == nil {
				err = l.add(op)
			}
			if err != nil {
				return err
			}
		}
	})
}

// add takes over an element.
func (l *loader) add(op statelab.Op) error {
	c := bytes.Compare(op.Key, l.key)
	switch {
	case op.Kind != statelab.OpPut && op.Kind != statelab.OpAppend:
		return fmt.Errorf("a %s of key %.100q is no element", op.Kind, op.Key)
	case len(op.Key) > statelab.MaxKeySize:
		return fmt.Errorf("a key of %d bytes: %w", len(op.Key), statelab.ErrTooLarge)
	case l.any && c < 0:
		return fmt.Errorf("key %.100q comes behind %.100q, which is greater", op.Key, l.key)
	case l.any && c == 0 && op.Kind == statelab.OpPut:
		return fmt.Errorf("key %.100q is put twice", op.Key)
	case !l.any || c > 0:
		if err := l.flush(); err != nil {
			return err
		}
		l.key, l.any = append(l.key[:0], op.Key...), true
	}
	if statelab.Expired(op.ExpireAt, l.to.watermark) {
		return nil
	}
	if l.live+len(op.Value) > statelab.MaxRecordSize {
		return tooLarge(op, l.live)
	}
	l.live += len(op.Value)
	l.body = append(appendElementHeader(l.body, len(op.Value), op.ExpireAt), op.Value...)
	return nil
}

// flush makes a record of the elements.
func (l *loader) flush() error {
	if len(l.body) == 0 {
		return nil
	}
	r := record{body: l.body}
	var err error
	if r.keyField, err = l.to.newKeyField(l.field[:0], l.key); err != nil {
		return err
	}
	l.field = r.key
	if leafCellHeader+r.size()+len(l.body) > maxLeafCell(l.to.pageSize) {
		w := streamWriter{tree: &l.to}
		err = w.write(l.body)
		s := w.close()
		if err != nil {
			return err
		}
		_, dieAt := bodySize(l.body)
		l.to.bodies = appendSpill(l.to.bodies[:0], spill{s, int64(l.live), dieAt, 2 * s.length})
		r.body, r.spilled = l.to.bodies, true
	}
	l.body, l.live = l.body[:0], 0
	return l.m.record(r)
}
