package memstore

import (
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/epoch"
)

// records is the state of a store in memory, without its files. Methods that
// change something are for the one writer, but those of views; what readers do
// is in read.go.
type records struct {
	mem    *arena.Arena
	index  Index
	groups groups
	lanes  lanes
	epoch  epoch.Domain
	limbo  limbo
	views  views
	wheel  wheel

	seq       atomic.Uint64 // of the last batch that has taken effect
	watermark atomic.Int64

	loading bool     // whether what is applied comes from files
	tracks  bool     // whether dirty records are noted, which checkpoint durability needs
	dirty   grainSet // of the arena

	steps   []step // of the batch that is being applied
	logical int64  // bytes of its keys and elements

	maxBound int64        // no record's bound was ever greater
	size     int64        // bytes of keys, and of elements that are not garbage
	dropped  atomic.Int64 // elements that died before they were written
}

// A step is what an operation has changed.
type step struct {
	do  stepKind
	old arena.Ref // the record of the key before
	new arena.Ref // the record or element that was made
}

type stepKind uint8

const (
	doNothing stepKind = iota
	doInsert           // new is a record of a new key
	doReplace          // new is a record in the place of old
	doAppend           // new is an element of old
	doEnd              // old is deleted
)

// inUse returns the bytes of memory in use.
func (r *records) inUse() int64 { return r.mem.InUse() + r.groups.bytes() }

func (r *records) keys() Keys { return Keys{Mem: r.mem} }

// find returns the record of key in the index, or 0. It is for readers too.
func (r *records) find(key []byte) arena.Ref {
	if r.groups.on() {
		if ref, long := r.groups.find(key); !long {
			return ref
		}
	}
	return r.index.Find(key)
}

// seek is find for the writer, who may go on to put a record of key in or in the
// place of the one that is there.
func (r *records) seek(key []byte) arena.Ref {
	if r.groups.on() {
		if ref, long := r.groups.seek(key); !long {
			return ref
		}
	}
	return r.index.Seek(key)
}

// insert puts a record in whose key is not there. If it fails, readers may have
// come to the record.
func (r *records) insert(ref arena.Ref) error {
	if err := r.index.Insert(ref); err != nil {
		return err
	}
	if r.groups.on() {
		if err := r.groups.add(ref); err != nil {
			r.index.Remove(ref)
			return err
		}
	}
	return nil
}

// replace puts a record in the place of old.
func (r *records) replace(old, ref arena.Ref) {
	r.index.Replace(old, ref)
	if r.groups.on() {
		r.groups.replace(old, ref)
	}
}

// remove takes a record out.
func (r *records) remove(ref arena.Ref) {
	r.index.Remove(ref)
	if r.groups.on() {
		r.groups.remove(ref, r.index)
	}
}

// each calls do with every record in the index, in the order of keys. It is for
// the writer.
func (r *records) each(do func(arena.Ref)) {
	var (
		buf  [refsAtATime]arena.Ref
		key  []byte
		refs = buf[:]
	)
	for after := false; len(refs) == len(buf); after = true {
		refs = r.index.Ascend(buf[:0], key, after)
		for _, ref := range refs {
			key = r.keys().Of(ref)
			do(ref)
		}
	}
}

// prepare makes operations take effect for a sequence that nobody reads by yet.
// After a failure nothing is left of it. The records of its steps stay where
// they are until commit or abandon.
func (r *records) prepare(ops statelab.OpReader) error {
	r.steps, r.logical = r.steps[:0], 0
	seq := nextSeq(r.seq.Load())
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		r.logical += int64(len(op.Key) + len(op.Value))
		if err := r.prepareStep(op, seq); err != nil {
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

func (r *records) prepareStep(op statelab.Op, seq uint64) error {
	old := r.seek(op.Key)
	if op.Kind != statelab.OpDelete && !statelab.Expired(op.ExpireAt, r.watermark.Load()) {
		if op.Kind == statelab.OpAppend && old != 0 && r.takesMore(old) {
			return r.prepareAppend(old, op, seq)
		}
		return r.prepareRecord(old, op, seq)
	}
	// A Put that is dead when applied deletes, an Append does nothing.
	if op.Kind != statelab.OpAppend && old != 0 && !r.rec(old).ended() {
		r.rec(old).extra.Store(uint32(seq))
		r.steps = append(r.steps, step{do: doEnd, old: old})
	} else {
		r.steps = append(r.steps, step{})
	}
	return nil
}

// takesMore says whether elements can be appended to a record. If nothing of it
// lives, a new one takes its place.
func (r *records) takesMore(ref arena.Ref) bool {
	rec := r.rec(ref)
	return !rec.ended() && (rec.newest() != 0 || rec.hasFirst() && rec.flags&elementGarbage == 0)
}

func (r *records) prepareAppend(old arena.Ref, op statelab.Op, seq uint64) error {
	ref, err := r.newElement(op, seq)
	if err != nil {
		return err
	}
	r.push(old, ref)
	r.steps = append(r.steps, step{doAppend, old, ref})
	return nil
}

// prepareRecord makes a record in the place of old, if there is one.
func (r *records) prepareRecord(old arena.Ref, op statelab.Op, seq uint64) error {
	ref, err := r.newRecord(op, seq)
	if err != nil {
		return err
	}
	if old != 0 {
		r.rec(ref).prior.Store(uint32(old))
		r.replace(old, ref)
		r.steps = append(r.steps, step{doReplace, old, ref})
		return nil
	}
	if err := r.insert(ref); err != nil {
		r.freeLater(ref)
		return err
	}
	r.steps = append(r.steps, step{do: doInsert, new: ref})
	return nil
}

// abandon undoes prepare. Readers may have come to what was made, and may stand
// on it until their epoch ends; they do not see it.
func (r *records) abandon() {
	for i := len(r.steps) - 1; i >= 0; i-- {
		switch st := r.steps[i]; st.do {
		case doInsert:
			r.remove(st.new)
			r.freeLater(st.new)
		case doReplace:
			r.replace(st.new, st.old)
			r.freeLater(st.new)
		case doAppend:
			r.unlinkAppended(st.new)
			r.freeLater(st.new)
		case doEnd:
			r.rec(st.old).extra.Store(0)
		}
	}
	r.steps = r.steps[:0]
}

// commit makes what was prepared take effect for all readers that come, with
// the one store of the sequence; then it sees to what that has left behind.
func (r *records) commit() {
	seq := nextSeq(r.seq.Load())
	r.seq.Store(seq)
	for _, st := range r.steps {
		switch st.do {
		case doInsert:
			r.size += int64(r.rec(st.new).keyLen)
			r.welcome(st.new, st.new)
			r.changed(st.new)
		case doReplace:
			r.succeed(st.old, st.new, seq)
			r.welcome(st.new, st.new)
			r.changed(st.new)
		case doAppend:
			r.welcome(st.old, st.new)
			r.changed(st.old)
		case doEnd:
			r.bury(st.old, seq)
			r.changed(st.old)
		}
	}
	for _, st := range r.steps {
		// Those that had no elements before they were deleted. Others, or a
		// later step of the batch, see to themselves.
		if st.do == doEnd && r.rec(st.old).state&recordReplaced == 0 {
			r.settleIfEmpty(st.old)
		}
	}
	r.steps = r.steps[:0]
}

// welcome takes the account of an element that has come to a record.
func (r *records) welcome(rec, ref arena.Ref) {
	e := r.elem(ref)
	r.size += int64(e.size)
	r.maxBound = max(r.maxBound, int64(r.bound(rec)))
	if e.expires() {
		r.wheel.insert(r.mem, ref)
	}
}

// succeed hands over to the record that has come in the place of old.
func (r *records) succeed(old, ref arena.Ref, seq uint64) {
	was := r.rec(old)
	r.rec(ref).state |= was.state & recordSaved
	r.unmarkDirty(old, was)
	was.state |= recordReplaced
	if !was.ended() {
		// Who comes to it by way of newer records is of an earlier batch, as
		// long as the one in its place is among them; but that may go first.
		was.extra.Store(uint32(seq))
	}
	r.bury(old, seq)
	was.prev = ref // which was the wheel's until now
	r.settleIfEmpty(old)
}

// allocated says whether what was prepared took memory.
func (r *records) allocated() bool {
	for _, st := range r.steps {
		if st.new != 0 {
			return true
		}
	}
	return false
}
