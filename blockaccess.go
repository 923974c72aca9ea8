package statelab

import "math"

// A BlockAccess is what a store did with one block or page that its own cache
// may hold. Who collects them can say how a cache of another size or policy
// would have done ([Options.OnBlockAccess]).
//
// File and Block name the block, from a BlockMiss or BlockMade until the
// BlockGone that follows: after that the same name may come to mean another. So
// a page that is copied on write is a page made under a new name, and the old
// one, once no snapshot sees it, is gone. That is how a cache sees it: a copy is
// in the cache without having been read, and what is gone takes no room.
type BlockAccess struct {
	Kind  string // as in Stats.Cache, such as "data" or "leaf"; empty with BlockGone
	File  uint64
	Block uint64 // in the file; AllBlocks with BlockGone says that all of the file are gone
	Bytes int    // of memory that the block takes in the cache, what the cache adds included; zero with BlockGone
	Event BlockEvent
}

// AllBlocks stands for all blocks of a file.
const AllBlocks = math.MaxUint64

// A BlockEvent says what happened to a block.
type BlockEvent uint8

const (
	BlockHit  BlockEvent = iota // it was looked up, and in the cache
	BlockMiss                   // it was looked up, and read from its file
	BlockMade                   // it came into being in the cache, without being read
	BlockGone                   // it is no more; it may be one that nothing was told of
)

// LookUp says that a block was asked for: that it was a hit or a miss.
func (e BlockEvent) LookUp() bool { return e <= BlockMiss }

func (e BlockEvent) String() string {
	return nameOf([]string{"hit", "miss", "made", "gone"}, uint8(e))
}
