package pool

import "sync/atomic"

// A frame holds a page. Its state is one word, so that a reader who finds a
// page pins it and counts that by a single compare-and-swap, without the lock:
//
//	BITS   FIELD
//	0-19   pins
//	20     closed: it holds no page that could be pinned without the lock,
//	       because it holds none, is being given up, is being filled or is lent
//	21-63  uses: how often it was pinned by Get, or filled
//
// Uses only grow. So if the word is the same before and after the id was read,
// the frame has held that page all the while, and a pin is never of another.
type frame struct {
	state atomic.Uint64
	id    atomic.Uint32
	uses  uint64 // of state when it was filled, for counting hits
	stamp uint64
	kind  uint8
	dirty bool // changed by the writer only, under the lock
}

const (
	onePin   = 1
	pinMask  = 1<<20 - 1
	isClosed = 1 << 20
	oneUse   = 1 << 21
)

// pin pins the frame if it holds page id and is not closed.
func (f *frame) pin(id uint32) bool {
	for {
		s := f.state.Load()
		if s&isClosed != 0 || f.id.Load() != id {
			return false
		}
		if f.state.CompareAndSwap(s, s+oneUse+onePin) {
			return true
		}
	}
}

// unpin takes a pin away and returns how many are left.
func (f *frame) unpin() int { return int(f.state.Add(^uint64(0)) & pinMask) }

// pins returns how many handles to the page are out.
func (f *frame) pins() int { return int(f.state.Load() & pinMask) }

// close closes the frame if it is not pinned. It is called with the lock held.
func (f *frame) close() bool {
	s := f.state.Load()
	return s&(pinMask|isClosed) == 0 && f.state.CompareAndSwap(s, s|isClosed)
}

// open makes a closed frame, which has been filled, one with a single pin.
func (f *frame) open() {
	s := f.state.Load()&^isClosed + oneUse + onePin
	f.uses = s / oneUse
	f.state.Store(s)
}

// hits returns how often the page was found since the frame was filled.
func (f *frame) hits() int64 { return int64(f.state.Load()/oneUse - f.uses) }

// reset makes a closed frame one that holds no page.
func (f *frame) reset() {
	f.id.Store(0)
	f.uses = f.state.Load() / oneUse
	f.stamp, f.kind, f.dirty = 0, 0, false
}
