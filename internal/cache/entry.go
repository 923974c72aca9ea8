package cache

import (
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// An entry is the header of a cached block, which follows it in its piece of
// the arena.
type entry struct {
	key          Key
	used         uint64       // the cache's time at the last use
	size         uint32       // of the block
	refs         atomic.Int32 // C1
	chain        arena.Ref    // next entry of the table's chain
	older, newer arena.Ref    // neighbours in the policy's list
	before       arena.Ref    // neighbours among the shard's entries of the same file
	after        arena.Ref
	shard        uint8
	uses         uint8 // the policy's
	inMain       bool  // the policy's
}

const headerSize = int(unsafe.Sizeof(entry{}))

func entryOf(a *arena.Arena, ref arena.Ref) *entry { return (*entry)(a.Ptr(ref)) }

// A Handle is the use of a cached block. The zero Handle is of none.
type Handle struct {
	c     *Cache
	ref   arena.Ref
	block []byte
}

// Bytes returns the block, which may only be read once it is listed. It is
// valid until Release.
func (h *Handle) Bytes() []byte { return h.block }

// Release ends the use and makes h the zero Handle, of which Release does
// nothing. A copy of h must not be released as well.
func (h *Handle) Release() {
	if h.c == nil {
		return
	}
	c, at := h.c, entryOf(h.c.arena, h.ref).shard
	c.unref(h.ref)
	*h = Handle{}
	if c.over(0) { // by what this handle pinned, perhaps (C3)
		c.makeRoom(uint64(at), 0)
	}
}
