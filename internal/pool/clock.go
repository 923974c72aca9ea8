package pool

import "sync/atomic"

// Clock is the second-chance policy (Corbató, 1968): a hand goes round the
// frames, takes away the mark of use from each that has one and takes the
// first that has none. It costs four bytes a frame, and a use one load if
// the mark is there already.
type Clock struct {
	used []atomic.Bool
	hand int
}

// NewClock returns a clock over frames 0 to frames-1.
func NewClock(frames int) *Clock { return &Clock{used: make([]atomic.Bool, frames)} }

// Added marks the frame as used.
func (c *Clock) Added(frame int, _ uint32) { c.Touch(frame) }

// Touch marks the frame as used.
func (c *Clock) Touch(frame int) {
	if u := &c.used[frame]; !u.Load() {
		u.Store(true)
	}
}

// Removed does nothing: a frame without a page is none that can be taken.
func (c *Clock) Removed(int) {}

// Cold says that the hand has passed since the last use.
func (c *Clock) Cold(frame int) bool { return !c.used[frame].Load() }

// Victim turns the hand at most twice round: the first turn may only take marks away.
func (c *Clock) Victim(take func(frame int) bool) int {
	for range 2 * len(c.used) {
		f := c.hand
		if c.hand++; c.hand == len(c.used) {
			c.hand = 0
		}
		if c.used[f].Load() {
			c.used[f].Store(false)
			continue
		}
		if take(f) {
			return f
		}
	}
	return -1
}
