package memstore

import (
	"runtime"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/epoch"
)

// A limbo is where what is dead waits for readers to leave, in the order in
// which it came. An element waits twice: once linked, for those who began
// before its death and may need it, and again unlinked, for those who may be
// passing over it.
type limbo struct {
	ring  []waiting // a power of two
	first int       // of those that wait
	n     int       // how many do
}

// waiting is something in limbo since a period.
type waiting struct {
	ref    arena.Ref
	size   int32 // of what the index retired, or one of those below
	period uint64
}

const (
	toUnlink = 0  // an element, which is linked
	toFree   = -1 // an element or record, which is not
)

func (l *limbo) push(w waiting) {
	if l.n == len(l.ring) {
		grown := make([]waiting, max(64, 2*l.n))
		copy(grown, l.ring[l.first:])
		copy(grown[len(l.ring)-l.first:], l.ring[:l.first])
		l.ring, l.first = grown, 0
	}
	l.ring[(l.first+l.n)&(len(l.ring)-1)] = w
	l.n++
}

// pop takes the first, if it came Grace periods before period.
func (l *limbo) pop(period uint64) (waiting, bool) {
	if l.n == 0 || l.ring[l.first].period+epoch.Grace > period {
		return waiting{}, false
	}
	w := l.ring[l.first]
	l.first = (l.first + 1) & (len(l.ring) - 1)
	l.n--
	return w, true
}

// Retire implements Retirer, for the index.
func (r *records) Retire(ref arena.Ref, size int) {
	r.limbo.push(waiting{ref, int32(size), r.epoch.Period()})
}

// freeLater frees a piece that is unlinked when no reader can stand on it.
func (r *records) freeLater(ref arena.Ref) { r.Retire(ref, toFree) }

// unlinkLater unlinks a dead element when no reader can see it.
func (r *records) unlinkLater(ref arena.Ref) { r.Retire(ref, toUnlink) }

// release lets go of what has waited long enough, of up to limit pieces. When no
// reader is active nothing waits: periods pass as fast as they are asked to. It
// returns what is left of limit.
func (r *records) release(limit int) (left int) {
	for ; r.limbo.n > 0 && limit > 0; limit-- {
		w, ok := r.limbo.pop(r.epoch.Period())
		if ok {
			r.let(w)
		} else if !r.epoch.Advance() {
			break
		}
	}
	return limit
}

func (r *records) let(w waiting) {
	switch w.size {
	case toUnlink:
		r.unlink(w.ref)
	case toFree:
		r.freePiece(w.ref)
	default:
		r.mem.Free(w.ref, int(w.size))
	}
}

// releaseAll lets go of all that is in limbo, waiting for the readers that are
// active.
func (r *records) releaseAll() {
	for r.limbo.n > 0 {
		if r.release(1<<20) > 0 {
			runtime.Gosched()
		}
	}
}
