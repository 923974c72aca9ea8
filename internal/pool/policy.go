package pool

// A Policy chooses which frame to give up. Touch is called by many goroutines at
// a time, of frames that are pinned; the rest with the pool's lock held. A policy
// must not call the pool.
type Policy interface {
	// Added notes that page id has come into frame.
	Added(frame int, id uint32)
	// Touch notes that the page in frame was found.
	Touch(frame int)
	// Removed notes that the page in frame is gone, other than by Victim.
	Removed(frame int)
	// Cold says whether frame has not been used for a while, so that writing
	// it out is not likely to be in vain.
	Cold(frame int) bool
	// Victim returns the first frame that take says it has taken, of those it
	// would give up, or -1 if there is none.
	Victim(take func(frame int) bool) int
}

// policyOverhead is what a policy takes for a frame, at most, in bytes.
const policyOverhead = 4
