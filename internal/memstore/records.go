package memstore

import (
	"math"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// records is the state of a store in memory, without its files and locks. Its
// methods that change something need the exclusion of everybody else, but
// those for views, which need only their own; see Store for the locks.
type records struct {
	mem       *arena.Arena
	index     OldIndex
	watermark int64
	wheel     wheel

	opened  uint64      // views so far
	views   []*openView // the open ones, oldest first
	pinned  int64       // bytes of what they hold
	orphans arena.Ref   // list of garbage that closed views have held

	loading    bool // whether what is applied comes from files
	tracks     bool // whether dirty records are listed, which checkpoint durability needs
	dirtyFirst arena.Ref
	dirtyLast  arena.Ref

	steps   []step      // of the batch that is being applied
	logical int64       // bytes of its keys and elements
	emptied []arena.Ref // records that it left without elements

	maxBound int64 // no record's bound was ever greater
	size     int64 // bytes of keys, and of elements that are not garbage
	removals uint64
	dropped  int64 // elements that died before they were written
}

// A step is an operation, with its memory found.
type step struct {
	kind  statelab.OpKind // delete also stands for a Put that is dead when applied
	added bool            // the record was made for it
	rec   arena.Ref       // 0 if there is nothing to do
	elem  arena.Ref
}

// present is the view of what is.
func (r *records) present() view { return view{math.MaxUint64, r.watermark} }

// prepare finds or makes all the memory that operations need, so that commit
// cannot fail. Until then nothing that it made is seen. After a failure nothing
// is left of it. The record of a step stays valid until commit or abandon.
func (r *records) prepare(ops statelab.OpReader) error {
	r.steps, r.logical = r.steps[:0], 0
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		r.logical += int64(len(op.Key) + len(op.Value))
		st, err := r.prepareStep(op)
		r.steps = append(r.steps, st)
		if err != nil {
			r.abandon()
			return err
		}
	}
	if err := ops.Err(); err != nil {
		r.abandon()
		return err
	}
	return nil
}

func (r *records) prepareStep(op statelab.Op) (st step, err error) {
	st.kind = op.Kind
	if op.Kind != statelab.OpDelete && statelab.Expired(op.ExpireAt, r.watermark) {
		if op.Kind == statelab.OpAppend {
			return st, nil
		}
		st.kind = statelab.OpDelete
	}
	if st.kind == statelab.OpDelete {
		st.rec = r.index.Find(op.Key)
		return st, nil
	}
	if st.rec, st.added, err = r.index.Insert(op.Key); err != nil {
		return step{}, err
	}
	if st.added {
		r.size += int64(len(op.Key))
	}
	st.elem, err = r.newElement(op.Value, op.ExpireAt)
	return st, err
}

// abandon undoes prepare.
func (r *records) abandon() {
	for i := len(r.steps) - 1; i >= 0; i-- {
		st := r.steps[i]
		if st.elem != 0 {
			r.mem.Free(st.elem, elementHead+int(r.elem(st.elem).size))
		}
		if st.added {
			r.removeRecord(st.rec)
		}
	}
	r.steps = r.steps[:0]
}

// commit makes what was prepared take effect.
func (r *records) commit() {
	for _, st := range r.steps {
		if st.rec == 0 {
			continue
		}
		if st.kind != statelab.OpAppend {
			r.shadow(st.rec)
		}
		if st.elem != 0 {
			r.push(st.rec, st.elem)
		}
		rec := r.rec(st.rec)
		if r.tracks {
			r.markDirty(st.rec, rec)
		} else if r.loading {
			rec.flags |= recordSaved
		}
		if rec.newest == 0 && rec.flags&recordEmptied == 0 {
			rec.flags |= recordEmptied
			r.emptied = append(r.emptied, st.rec)
		}
	}
	for _, ref := range r.emptied {
		r.rec(ref).flags &^= recordEmptied
		r.settle(ref)
	}
	r.steps, r.emptied = r.steps[:0], r.emptied[:0]
}

// allocated says whether what was prepared took memory.
func (r *records) allocated() bool {
	for _, st := range r.steps {
		if st.elem != 0 {
			return true
		}
	}
	return false
}

// markDirty puts a record last in the list of those that changed since the last
// Sync, unless it is there.
func (r *records) markDirty(ref arena.Ref, rec *record) {
	if rec.flags&recordDirty != 0 {
		return
	}
	rec.flags |= recordDirty
	rec.dirtyPrev, rec.dirtyNext = r.dirtyLast, 0
	if r.dirtyLast != 0 {
		r.rec(r.dirtyLast).dirtyNext = ref
	} else {
		r.dirtyFirst = ref
	}
	r.dirtyLast = ref
}

func (r *records) unmarkDirty(rec *record) {
	if rec.flags&recordDirty == 0 {
		return
	}
	rec.flags &^= recordDirty
	if rec.dirtyNext != 0 {
		r.rec(rec.dirtyNext).dirtyPrev = rec.dirtyPrev
	} else {
		r.dirtyLast = rec.dirtyPrev
	}
	if rec.dirtyPrev != 0 {
		r.rec(rec.dirtyPrev).dirtyNext = rec.dirtyNext
	} else {
		r.dirtyFirst = rec.dirtyNext
	}
	rec.dirtyPrev, rec.dirtyNext = 0, 0
}

// settle removes a record that has no elements, unless the next Sync has still
// to write that it is gone.
func (r *records) settle(ref arena.Ref) {
	rec := r.rec(ref)
	if rec.newest != 0 || rec.flags&recordDirty != 0 && rec.flags&recordSaved != 0 {
		return
	}
	r.unmarkDirty(rec)
	r.removeRecord(ref)
}

func (r *records) removeRecord(ref arena.Ref) {
	r.size -= int64(len(r.index.Key(ref)))
	r.index.Remove(ref)
	r.removals++
}

// overLimit says whether an operation would make a record too large, and of
// which key. Almost always the bounds that are kept rule it out.
func (r *records) overLimit(ops statelab.OpReader, batchBytes int64) (key []byte, over bool) {
	if r.maxBound+batchBytes <= statelab.MaxRecordSize {
		return nil, false
	}
	doubt := batchBytes > statelab.MaxRecordSize
	for rest := ops; !doubt; {
		op, ok := rest.Next()
		if !ok {
			return nil, false
		}
		if op.Kind == statelab.OpAppend {
			ref := r.index.Find(op.Key)
			doubt = ref != 0 && int64(r.rec(ref).bound)+batchBytes > statelab.MaxRecordSize
		}
	}
	return r.replayed(ops)
}

// replayed is overLimit without guessing: it follows the live bytes of each
// record through the batch.
func (r *records) replayed(ops statelab.OpReader) (key []byte, over bool) {
	sizes := map[string]int64{}
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		size := int64(len(op.Value))
		if statelab.Expired(op.ExpireAt, r.watermark) {
			size = 0
		}
		if op.Kind == statelab.OpAppend {
			before, known := sizes[string(op.Key)]
			if ref := r.index.Find(op.Key); !known && ref != 0 {
				before = r.tighten(ref)
			}
			size += before
		}
		if size > statelab.MaxRecordSize {
			return op.Key, true
		}
		sizes[string(op.Key)] = size
	}
	return nil, false
}

// tighten makes a record's bound what its live elements have, and returns it.
func (r *records) tighten(ref arena.Ref) int64 {
	n := r.liveBytes(ref)
	r.rec(ref).bound = uint32(n)
	return n
}
