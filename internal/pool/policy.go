package pool

import "fmt"

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

// Kind names a policy.
type Kind uint8

// Policies. Under those that keep an order by use each use takes a lock.
const (
	KindClock Kind = iota
	KindLRU
	Kind2Q
	KindS3FIFO
)

// KindNames returns the names of the policies, by value.
func KindNames() []string { return []string{"clock", "lru", "2q", "s3fifo"} }

func (k Kind) String() string {
	if names := KindNames(); int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("policy(%d)", uint8(k))
}

// New returns a policy of a kind over frames 0 to frames-1.
func (k Kind) New(frames int) Policy {
	switch k {
	case KindLRU:
		return NewLRU(frames)
	case Kind2Q:
		return NewTwoQ(frames)
	case KindS3FIFO:
		return NewS3FIFO(frames)
	}
	return NewClock(frames)
}

// overhead is what a policy takes for a frame, in bytes: a clock its bits, the others
// links and uses, and those with ghosts ids, with slots in a table.
func (k Kind) overhead() int {
	switch k {
	case KindLRU:
		return 12 + 8
	case Kind2Q, KindS3FIFO:
		return 12 + 4 + 4 + 4 + 32
	}
	return 1
}
