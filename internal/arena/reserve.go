package arena

import (
	"fmt"

	"github.com/statelab/statelab/internal/offheap"
)

// Reserve sets a chunk aside for AllocReserved, if none is. It takes addresses
// and no memory as long as it is not used, and counts in neither InUse nor
// Mapped. The only error is that the system has no memory. Only an arena of
// slabs has a reserve.
func (a *Arena) Reserve() error {
	s, ok := a.from.(*slabs)
	if !ok || s.chunks.reserve != nil {
		return nil
	}
	block, err := s.chunks.mapBlock(a, chunkSize)
	if err != nil {
		return fmt.Errorf("reserve memory: %w", err)
	}
	s.chunks.reserve = block
	return nil
}

// AllocReserved is AllocLasting for those who must not fail: if the system has no
// memory it takes what Reserve has set aside.
func (a *Arena) AllocReserved(n int) (Ref, error) {
	if s, ok := a.from.(*slabs); ok {
		s.chunks.mayUseReserve = true
		defer func() { s.chunks.mayUseReserve = false }()
	}
	return a.AllocLasting(n)
}

// LimitTo lets the arena find, from now on, that the system has no memory for
// more than so many bytes in all. It is for tests of what happens then, with an
// arena of slabs.
func (a *Arena) LimitTo(mapped int64) { a.from.(*slabs).chunks.limit = mapped }

// mapBlock takes a block from the system.
func (c *chunks) mapBlock(a *Arena, size int) ([]byte, error) {
	if c.limit > 0 && a.Mapped()+int64(size) > c.limit {
		return nil, fmt.Errorf("%d bytes are mapped, and %d the limit: %w", a.Mapped(), c.limit, ErrFull)
	}
	return offheap.Alloc(size)
}

// blockFor takes a block from the system, or the reserve in its place.
func (c *chunks) blockFor(a *Arena, size int) ([]byte, error) {
	block, err := c.mapBlock(a, size)
	if err != nil && c.mayUseReserve && size <= len(c.reserve) {
		block, c.reserve = c.reserve, nil
		return block, nil
	}
	return block, err
}
