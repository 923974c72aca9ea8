package pool

import (
	"math/bits"
	"sync/atomic"
)

// Clock is the second-chance policy (Corbató, 1968): a hand goes round the
// frames, takes away the mark of use from each that has one and takes the
// first that has none. A frame costs two bits, so that the hand passes by frames
// without a page, as those are that the pool has lent, 64 at a time; and a use costs one
// load if the mark is there already.
type Clock struct {
	held   []uint64        // by bits: frames that have a page
	used   []atomic.Uint64 // by bits: those with a mark
	frames int
	hand   int
}

// NewClock returns a clock over frames 0 to frames-1.
func NewClock(frames int) *Clock {
	words := (frames + 63) / 64
	return &Clock{held: make([]uint64, words), used: make([]atomic.Uint64, words), frames: frames}
}

// Added marks the frame as used.
func (c *Clock) Added(frame int, _ uint32) {
	c.held[frame/64] |= 1 << (frame % 64)
	c.Touch(frame)
}

// Touch marks the frame as used.
func (c *Clock) Touch(frame int) {
	mark := uint64(1) << (frame % 64)
	if w := &c.used[frame/64]; w.Load()&mark == 0 {
		w.Or(mark)
	}
}

// Removed takes the frame out.
func (c *Clock) Removed(frame int) { c.held[frame/64] &^= 1 << (frame % 64) }

// Cold says that the hand has passed since the last use.
func (c *Clock) Cold(frame int) bool { return c.used[frame/64].Load()&(1<<(frame%64)) == 0 }

// Victim turns the hand at most twice round: the first turn may only take marks away.
func (c *Clock) Victim(take func(frame int) bool) int {
	for range 2*len(c.held) + 1 { // the word where the hand stands is gone through in two parts
		word, ahead := c.hand/64, ^uint64(0)<<(c.hand%64)
		for cold := c.held[word] &^ c.used[word].Load() & ahead; cold != 0; cold &= cold - 1 {
			f := word*64 + bits.TrailingZeros64(cold)
			if take(f) {
				c.pass(word, ahead&(cold&-cold-1))
				c.Removed(f)
				c.turn(f + 1)
				return f
			}
		}
		c.pass(word, ahead)
		c.turn(word*64 + 64)
	}
	return -1
}

// pass takes the marks of some frames of a word away.
func (c *Clock) pass(word int, frames uint64) {
	if w := &c.used[word]; w.Load()&frames != 0 {
		w.And(^frames)
	}
}

func (c *Clock) turn(to int) {
	c.hand = to
	if to >= c.frames {
		c.hand = 0
	}
}
