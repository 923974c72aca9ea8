package memstore

import (
	"math"
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// bury makes garbage of all elements of a record, which a batch has deleted or
// replaced.
func (r *records) bury(ref arena.Ref, seq uint64) {
	for at := r.newestOf(ref); at != 0; at = r.olderOf(ref, at) {
		e := r.elem(at)
		if e.flags&elementGarbage == 0 {
			if e.expires() {
				r.wheel.remove(r.mem, at)
			}
			r.discard(at, e, seq)
		}
	}
}

// expire makes garbage of an element that is due and out of the wheel.
func (r *records) expire(ref arena.Ref) {
	e := r.elem(ref)
	if r.tracks && e.flags&elementSaved == 0 {
		r.dropped.Add(1)
	}
	// The views that see it are of the batches before the next.
	r.discard(ref, e, nextSeq(r.seq.Load()))
}

// discard makes garbage of an element: from a sequence on nobody sees it.
func (r *records) discard(ref arena.Ref, e *element, seq uint64) {
	r.size -= int64(e.size)
	e.flags |= elementGarbage
	if e.kind() == appended {
		e.prev = arena.Ref(uint32(seq))
	}
	r.holdOrLet(ref, e)
}

// unlink takes an element out of its record, when nobody can see it any more.
func (r *records) unlink(ref arena.Ref) {
	e := r.elem(ref)
	if e.kind() == appended {
		newer := r.unlinkAppended(ref)
		r.freeLater(ref)
		if r.elem(newer).kind() != appended {
			r.settleIfEmpty(newer)
		}
		return
	}
	e.flags |= elementUnlinked
	if r.rec(ref).isEmpty() {
		r.settle(ref)
	} else {
		r.shed(ref)
	}
}

func (r *records) settleIfEmpty(ref arena.Ref) {
	if r.rec(ref).isEmpty() {
		r.settle(ref)
	}
}

// settle takes a record out that has no elements, unless it is the way to an
// older one that a view sees, or the next Sync has still to write that it is
// gone.
func (r *records) settle(ref arena.Ref) {
	rec := r.rec(ref)
	prior := arena.Ref(rec.prior.Load())
	switch {
	case rec.state&recordReplaced != 0:
		newer := rec.prev
		r.rec(newer).prior.Store(uint32(prior))
		if prior != 0 {
			r.rec(prior).prev = newer
		}
		r.freeLater(ref)
		r.settleIfEmpty(newer)
	case prior != 0:
	case rec.state&recordDirty != 0 && rec.state&recordSaved != 0:
		r.shed(ref)
	default:
		r.unmarkDirty(ref, rec)
		r.size -= int64(rec.keyLen)
		r.remove(ref)
		r.freeLater(ref)
	}
}

// shed puts a record without a first element in the place of one whose first
// element is gone but that has to stay, if that gives memory back. If there is
// no memory to do it, the record stays as it is.
func (r *records) shed(ref arena.Ref) {
	old := r.rec(ref)
	whole := old.pieceSize()
	if old.kind() != withFirst || old.state&recordReplaced != 0 || r.mem.SizeOf(old.valueAt()) == r.mem.SizeOf(whole) {
		return
	}
	bare, err := r.mem.Alloc(old.valueAt())
	if err != nil {
		return
	}
	copy(r.mem.Bytes(bare, 0, old.valueAt()), arena.Slice(unsafe.Pointer(old), 0, old.valueAt()))
	rec := r.rec(bare)
	rec.form, rec.size = rec.form&formExpires|withoutAny, 0
	if newest := rec.newest(); newest != 0 {
		r.appended(newest).newer = bare
	}
	if prior := rec.prior.Load(); prior != 0 {
		r.rec(arena.Ref(prior)).prev = bare
	}
	if rec.state&recordDirty != 0 {
		r.dirty.remove(r.mem.Grain(ref))
		r.dirty.add(r.mem.Grain(bare))
	}
	r.replace(ref, bare)
	r.freeLater(ref)
}

// reap reclaims what is dead: it looks at up to limit elements that a closed
// view has held, or that are due, and lets go of up to lettingGo times as many
// pieces. It says whether there are more of those elements.
func (r *records) reap(limit int) bool {
	more := r.findDead(limit)
	r.release(lettingGo * limit)
	return more
}

// lettingGo: each dead element passes through limbo twice, and takes a block of
// the index there now and then. So what is found goes as fast as it comes.
const lettingGo = 4

func (r *records) findDead(limit int) (more bool) {
	watermark := r.watermark.Load()
	for range limit {
		if r.adopt() {
			continue
		}
		due, more := r.wheel.step(r.mem, watermark)
		if due != 0 {
			r.expire(due)
		}
		if !more {
			return false
		}
	}
	return true
}

// reapAll reclaims all that is dead, waiting for the readers that are active.
func (r *records) reapAll() {
	for r.findDead(math.MaxInt32) {
	}
	r.releaseAll()
}
