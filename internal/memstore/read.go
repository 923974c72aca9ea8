package memstore

import (
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// A view is a moment of the history: what batches up to a sequence made, at the
// watermark of then. What follows here is all that readers do with records,
// within an epoch and beside the writer.
type view struct {
	seq       uint64
	watermark int64
}

// present returns the view of what is. Sequence and watermark are of one
// moment, since the sequence did not move while the watermark was read.
func (r *records) present() view {
	for {
		seq := r.seq.Load()
		watermark := r.watermark.Load()
		if r.seq.Load() == seq {
			return view{seq, watermark}
		}
	}
}

// sees says whether the view sees an element of a record that it sees.
func (v view) sees(e *element) bool {
	return e.born() <= v.seq && !statelab.Expired(e.expireAt(), v.watermark)
}

// seenBy returns the record of a key that the view looks at: of those that have
// been in the place of ref the newest that was there at the time, unless that
// was deleted or has no elements any more.
func (r *records) seenBy(ref arena.Ref, v view) arena.Ref {
	for ref != 0 {
		rec := r.rec(ref)
		if rec.born() <= v.seq {
			if rec.endedBy(v.seq) {
				return 0
			}
			return ref
		}
		ref = arena.Ref(rec.prior.Load())
	}
	return 0
}

// A walk goes through the elements of a record that a view sees, from the newest
// to the oldest.
type walk struct {
	r  *records
	v  view
	of arena.Ref // the record
	at arena.Ref // the next element to look at
}

// walkOver begins a walk over what the view sees of the key whose record is ref.
func (r *records) walkOver(ref arena.Ref, v view) walk {
	w := walk{r: r, v: v, of: r.seenBy(ref, v)}
	if w.of != 0 {
		if w.at = r.rec(w.of).newest(); w.at == 0 {
			w.at = w.of
		}
	}
	return w
}

// next returns the next element, or 0 at the end.
func (w *walk) next() arena.Ref {
	for w.at != 0 {
		ref := w.at
		e := w.r.elem(ref)
		if ref == w.of { // the first element, which is the oldest
			w.at = 0
			if e.kind() == withoutAny {
				break
			}
		} else if w.at = arena.Ref(e.older.Load()); w.at == 0 {
			w.at = w.of
		}
		if w.v.sees(e) {
			return ref
		}
	}
	return 0
}

// appendValue appends what the view sees of the key whose record is ref, and
// says whether it sees anything.
func (r *records) appendValue(dst []byte, ref arena.Ref, v view) ([]byte, bool) {
	w := r.walkOver(ref, v)
	first := w.next()
	if first == 0 {
		return dst, false
	}
	rest := w
	second := w.next()
	if second == 0 {
		return append(dst, r.elem(first).value()...), true
	}
	total := r.elem(first).size
	for at := second; at != 0; at = w.next() {
		total += r.elem(at).size
	}
	dst = slices.Grow(dst, int(total))[:len(dst)+int(total)]
	end := len(dst)
	for at := first; at != 0; at = rest.next() {
		e := r.elem(at)
		end -= copy(dst[end-int(e.size):end], e.value())
	}
	return dst, true
}

// isSeen says whether the view sees anything of the key whose record is ref.
func (r *records) isSeen(ref arena.Ref, v view) bool {
	w := r.walkOver(ref, v)
	return w.next() != 0
}

// elements appends to dst what the view sees of the key whose record is ref,
// newest first.
func (r *records) elements(dst []arena.Ref, ref arena.Ref, v view) []arena.Ref {
	w := r.walkOver(ref, v)
	for at := w.next(); at != 0; at = w.next() {
		dst = append(dst, at)
	}
	return dst
}

// liveBytes returns the bytes of a key's live elements.
func (r *records) liveBytes(ref arena.Ref) (n int64) {
	w := r.walkOver(ref, r.present())
	for at := w.next(); at != 0; at = w.next() {
		n += int64(r.elem(at).size)
	}
	return n
}
