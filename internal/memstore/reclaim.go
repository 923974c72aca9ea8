package memstore

import (
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// An openView is a view that somebody reads by, and what is held for it: the
// garbage that it sees and no newer view does.
type openView struct {
	view
	internal bool      // the store's own: it is never given up
	held     arena.Ref // list of garbage
	heldLast arena.Ref
	bytes    int64 // of it
	err      error // why the view was given up
}

// shadow makes garbage of all elements of a record, as a Put or Delete does.
func (r *records) shadow(ref arena.Ref) {
	rec := r.rec(ref)
	rec.bound = 0
	for at := rec.newest; at != 0; {
		e := r.elem(at)
		if e.flags&elementShadowed != 0 {
			return
		}
		older := e.older
		e.flags |= elementShadowed
		if e.flags&elementGarbage != 0 {
			// It is dead to all views since it became garbage, but to those
			// before now it is not shadowed.
			e.prev = arena.Ref(uint32(r.opened))
		} else {
			if e.expireAt != statelab.NoExpiry {
				r.wheel.remove(r.mem, at)
			}
			r.discard(at, e) // the caller sees to the record
		}
		at = older
	}
}

// expire makes garbage of an element that is due and out of the wheel.
func (r *records) expire(ref arena.Ref) {
	e := r.elem(ref)
	if r.tracks && !e.saved {
		r.dropped++
	}
	if emptied := r.discard(ref, e); emptied != 0 {
		r.settle(emptied)
	}
}

// discard makes garbage of an element. It is freed unless an open view sees it.
func (r *records) discard(ref arena.Ref, e *element) (emptied arena.Ref) {
	r.size -= int64(e.size)
	e.flags |= elementGarbage
	e.prev = arena.Ref(uint32(r.opened))
	return r.holdOrDrop(ref, e, r.opened)
}

// holdOrDrop gives garbage to the newest open view up to an ordinal that sees
// it, or frees it if there is none, and returns the record if it has no element
// any more.
func (r *records) holdOrDrop(ref arena.Ref, e *element, ordinal uint64) (emptied arena.Ref) {
	v := r.viewer(e, ordinal)
	if v == nil {
		return r.drop(ref)
	}
	e.next = v.held
	if v.held == 0 {
		v.heldLast = ref
	}
	v.held = ref
	n := int64(r.elementSize(e))
	v.bytes += n
	r.pinned += n
	return 0
}

// viewer returns the newest open view up to an ordinal that sees an element
// which was not garbage before that view. Ordinals and watermarks of views
// ascend together, so those that see it are neighbours.
func (r *records) viewer(e *element, ordinal uint64) *openView {
	n := sort.Search(len(r.views), func(i int) bool {
		v := r.views[i]
		return v.ordinal > ordinal || statelab.Expired(e.expireAt, v.watermark)
	})
	if n == 0 || r.views[n-1].ordinal <= e.born {
		return nil
	}
	return r.views[n-1]
}

// maxViewDistance is how far apart the ordinals of open views may be so that
// view.before can compare them in 32 bits.
const maxViewDistance = math.MaxInt32 / 2

// open makes v a view of the present. If that would leave another too far
// behind, that is given up.
func (r *records) open(v *openView, internal bool) {
	r.opened++
	if len(r.views) > 0 && r.opened-r.views[0].ordinal > maxViewDistance {
		r.giveUp(r.views[0])
	}
	*v = openView{view: view{r.opened, r.watermark}, internal: internal}
	r.views = append(r.views, v)
}

// close closes a view, which may have been given up. What it held is looked
// through later, a bounded number at a time; it is not pinned by anybody
// until then.
func (r *records) close(v *openView) {
	at := slices.Index(r.views, v)
	if at < 0 {
		return
	}
	r.views = slices.Delete(r.views, at, at+1)
	r.pinned -= v.bytes
	if v.held != 0 {
		r.elem(v.heldLast).next = r.orphans
		r.orphans = v.held
	}
	v.held, v.heldLast, v.bytes = 0, 0, 0
}

// giveUp closes a view in the middle of its life.
func (r *records) giveUp(v *openView) {
	v.err = statelab.ErrSnapshotTooOld
	r.close(v)
}

// limitPinned gives up the oldest views that may be, until no more than limit
// bytes are held for open ones (I8).
func (r *records) limitPinned(limit int64) {
	for i := 0; r.pinned > limit && i < len(r.views); {
		if v := r.views[i]; v.internal {
			i++
		} else {
			r.giveUp(v)
		}
	}
}

// pinnedInternally says whether a view of the store's own holds anything.
func (r *records) pinnedInternally() bool {
	return slices.ContainsFunc(r.views, func(v *openView) bool { return v.internal && v.bytes > 0 })
}

// reap reclaims what is dead: it looks at up to limit elements that a closed
// view has held or that are due. It says whether there are more.
func (r *records) reap(limit int) bool {
	for range limit {
		if ref := r.orphans; ref != 0 {
			r.adopt(ref)
			continue
		}
		due, more := r.wheel.step(r.mem, r.watermark)
		if due != 0 {
			r.expire(due)
		}
		if !more {
			return false
		}
	}
	return true
}

// adopt takes the first orphan and gives it to an older view, or frees it.
func (r *records) adopt(ref arena.Ref) {
	e := r.elem(ref)
	r.orphans = e.next
	if emptied := r.holdOrDrop(ref, e, r.lastBefore(e)); emptied != 0 {
		r.settle(emptied)
	}
}

// lastBefore returns the ordinal of the last view that was opened before e
// became garbage. The element has its low half.
func (r *records) lastBefore(e *element) uint64 {
	return r.opened - uint64(uint32(r.opened)-uint32(e.prev))
}

// reapAll reclaims all that is dead.
func (r *records) reapAll() {
	for r.reap(math.MaxInt32) {
	}
}

func (v *openView) String() string {
	return fmt.Sprintf("view %d at watermark %d holds %d bytes", v.ordinal, v.watermark, v.bytes)
}
