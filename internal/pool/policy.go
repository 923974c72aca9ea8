package pool

// A Policy chooses which frame to give up. The pool calls it with its lock
// held, so a policy needs none of its own; it must not call the pool.
type Policy interface {
	// Touch notes that the page in frame was used.
	Touch(frame int)
	// Cold says whether frame has not been used for a while, so that writing
	// it out is not likely to be in vain.
	Cold(frame int) bool
	// Victim returns a frame for which evictable says true, or -1 if there is none.
	Victim(evictable func(frame int) bool) int
}

// Clock is the second-chance policy (Corbató, 1968): a hand goes round the
// frames, takes away the mark of use from each that has one and takes the
// first that has none. It costs a byte a frame and one store a use.
type Clock struct {
	used []bool
	hand int
}

// NewClock returns a clock over frames 0 to frames-1.
func NewClock(frames int) *Clock { return &Clock{used: make([]bool, frames)} }

// Touch marks the frame as used.
func (c *Clock) Touch(frame int) { c.used[frame] = true }

// Cold says that the hand has passed since the last use.
func (c *Clock) Cold(frame int) bool { return !c.used[frame] }

// Victim turns the hand at most twice round: the first turn may only take marks away.
func (c *Clock) Victim(evictable func(frame int) bool) int {
	for range 2 * len(c.used) {
		f := c.hand
		if c.hand++; c.hand == len(c.used) {
			c.hand = 0
		}
		if c.used[f] {
			c.used[f] = false
			continue
		}
		if evictable(f) {
			return f
		}
	}
	return -1
}
