package arena

import (
	"fmt"
	"unsafe"
)

// heap makes each piece an object of the Go heap, with a block number of its
// own, so that a Ref is an index into the table of objects. It is no arena at
// all, and stands for what stores do that have none.
type heap struct {
	vacant []Ref
}

// NewHeap returns an arena that is none: each piece is an object that the
// garbage collector allocates, marks and sweeps.
func NewHeap() *Arena { return newArena(0, new(heap)) }

func (h *heap) sizeOf(n int) int { return roundUp(max(n, 1), wordSize) }

func (h *heap) alloc(a *Arena, size int) (Ref, error) {
	words := make([]uint64, size/wordSize)
	block := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), size)
	a.mapped.Add(int64(size))
	if n := len(h.vacant); n > 0 {
		ref := h.vacant[n-1]
		h.vacant = h.vacant[:n-1]
		a.setBlock(int(ref), block)
		return ref, nil
	}
	number, err := a.addBlock(block)
	return Ref(number), err
}

func (h *heap) free(a *Arena, ref Ref, size int) {
	a.mapped.Add(-int64(size))
	a.setBlock(int(ref), nil)
	h.vacant = append(h.vacant, ref)
}

func (h *heap) check(a *Arena) error {
	vacant := 0
	for _, base := range a.bases[1:] {
		if base == nil {
			vacant++
		}
	}
	if vacant != len(h.vacant) {
		return fmt.Errorf("M4: %d numbers have no object, and %d are listed", vacant, len(h.vacant))
	}
	return nil
}

func (h *heap) release() { h.vacant = nil }
