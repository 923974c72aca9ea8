package memstore

import (
	"runtime"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/epoch"
)

// A limbo is where what is dead waits for readers to leave, in the order in
// which it came. An element waits twice: once linked, for those who began
// before its death and may need it, and again unlinked, for those who may be
// passing over it. It is a list of stretches, so that it grows and shrinks
// without moving what is in it.
type limbo struct {
	first  *stretch // where the next to go is, unless n is 0
	last   *stretch // where the next to come goes
	spare  *stretch // a list, for the next time
	spares int      // in it, up to maxSpares
	begin  int      // in first
	end    int      // in last
	n      int      // how many wait
}

// A stretch is 4 KiB of those that wait.
type stretch struct {
	all  [stretchLen]waiting
	next *stretch
}

const (
	stretchLen = 256

	// maxSpares is what is kept of stretches, 256 KiB: as many as an Advance fills,
	// so that what dies steadily leaves nothing to the collector.
	maxSpares = 64
)

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
	if l.last == nil || l.end == stretchLen {
		l.extend()
	}
	l.last.all[l.end] = w
	l.end++
	l.n++
}

func (l *limbo) extend() {
	s := l.spare
	if s == nil {
		s = new(stretch)
	} else {
		l.spare, s.next = s.next, nil
		l.spares--
	}
	if l.last == nil {
		l.first, l.begin = s, 0
	} else {
		l.last.next = s
	}
	l.last, l.end = s, 0
}

// pop takes the first, if it came Grace periods before period.
func (l *limbo) pop(period uint64) (w waiting, ok bool) {
	if l.n == 0 {
		return waiting{}, false
	}
	if w = l.first.all[l.begin]; w.period+epoch.Grace > period {
		return waiting{}, false
	}
	l.begin++
	l.n--
	if l.n == 0 {
		l.begin, l.end = 0, 0 // first is last
	} else if l.begin == stretchLen {
		s := l.first
		l.first, l.begin = s.next, 0
		if s.next = nil; l.spares < maxSpares {
			s.next, l.spare = l.spare, s
			l.spares++
		}
	}
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

// release lets go of what has waited long enough, of up to limit pieces; moving
// to the next period counts as one. When no reader is active nothing waits:
// periods pass as fast as they are asked to. It returns what is left of limit.
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
