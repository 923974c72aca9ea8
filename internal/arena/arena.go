// Package arena hands out small pieces of off-heap memory, so that ten million
// records cost the garbage collector nothing: it sees a handful of tables.
//
// A piece is named by a [Ref], 32 bits wide, so that links between pieces cost
// half of what pointers do. A Ref counts words of 8 bytes: its high bits are
// the number of a block, its low bits the piece's word in the block.
//
//	Ref   31            shift              0
//	     +----------------+----------------+        table
//	     |  block number  |      word      |       +------+
//	     +----------------+----------------+       | base ---> block: 2^shift words
//	             |                                 | base --->
//	             +-------------------------------->| base --->
//	                                               +------+
//
// Three allocators share this naming, and so all that is built on it:
//
//	NewBump   cuts pieces one after another and gives pages back all at once
//	NewSlabs  gives back single pieces, and pages that have become empty
//	NewHeap   makes each piece an object of the Go heap: the reference that the others are judged against
//
// Invariants, and what callers may rely on:
//
//	M1  Ref 0 is no piece.
//	M2  A piece is aligned to 8 bytes, contiguous, and stays where it is until it is freed.
//	M3  What a piece holds at first is undefined.
//	M4  InUse is the sum of the sizes handed out and not freed, each as SizeOf rounds it up.
//	M5  Pages of a span hold pieces of one size; a span is in its size's set of open ones if and only if it has a free piece.
//	M6  Each page of a chunk is free or in one span; the length of a chunk's longest run of free pages is noted.
//
// Thread safety: Alloc, Free and Release need external order, as one writer
// has. Ptr, Bytes, InUse and Mapped may be called at any time beside them, Ptr
// and Bytes for a Ref that the writer published atomically (a Ref read from an
// atomic link that was stored after Alloc returned) and that is not freed.
package arena

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"unsafe"
)

// A Ref names a piece of an arena; zero names none.
type Ref uint32

// ErrFull says that an arena has no Refs left, which is at 32 GiB, or that a
// piece is larger than MaxPiece.
var ErrFull = errors.New("arena is full")

const (
	wordSize = 8
	refBits  = 32
)

// MaxPiece is the size of the largest piece, in bytes.
const MaxPiece = 1 << 30

// An Arena is memory from which pieces are cut.
type Arena struct {
	table atomic.Pointer[unsafe.Pointer] // first of bases
	shift uint8                          // of a Ref, to its block's number
	mask  Ref                            // of a Ref, its word in the block

	grainShift uint8 // of a Ref, to its grain

	bases []unsafe.Pointer // where each block begins
	from  allocator

	inUse  atomic.Int64
	mapped atomic.Int64
}

// An allocator is a way to find room. Sizes are those that sizeOf returned.
type allocator interface {
	sizeOf(n int) int
	alloc(a *Arena, size int) (Ref, error)
	free(a *Arena, ref Ref, size int)
	check(a *Arena) error
	release()
	dump(w io.Writer)
}

// newArena returns an arena whose first block is none, so that Ref 0 names
// nothing (M1).
func newArena(shift uint8, from allocator) *Arena {
	a := &Arena{shift: shift, mask: 1<<shift - 1, from: from, bases: make([]unsafe.Pointer, 1)}
	a.table.Store(unsafe.SliceData(a.bases))
	return a
}

// Alloc returns a piece of n bytes. The only errors are that the system has no
// memory and ErrFull.
func (a *Arena) Alloc(n int) (Ref, error) {
	if n > MaxPiece {
		return 0, fmt.Errorf("a piece of %d bytes: %w", n, ErrFull)
	}
	size := a.from.sizeOf(n)
	ref, err := a.from.alloc(a, size)
	if err != nil {
		return 0, err
	}
	a.inUse.Store(a.inUse.Load() + int64(size))
	return ref, nil
}

// AllocLasting is Alloc for a piece whose life has nothing to do with that of
// those which come at the same time, as a rule. In an arena of slabs it lies among
// its like.
func (a *Arena) AllocLasting(n int) (Ref, error) {
	if s, ok := a.from.(*slabs); ok {
		s.lasting = true
		defer func() { s.lasting = false }()
	}
	return a.Alloc(n)
}

// A Lane is where pieces go that are read together, one after another: in an arena of
// slabs they lie side by side, as far as they are of one size. The zero Lane is ready
// for use; it holds nothing, and may be forgotten at any time.
type Lane struct {
	page   uint32 // first of the span that is being filled, if that is still one
	class  uint16 // of its pieces
	strays uint8  // pieces of other classes that have come since the last one
}

// AllocIn is Alloc in a lane. A lane keeps a span to itself, of 32 KiB or more, so it is
// for hundreds of pieces that live at the same time. If many pieces are unused, it fills
// up other spans, as Alloc does.
func (a *Arena) AllocIn(lane *Lane, n int) (Ref, error) {
	s, ok := a.from.(*slabs)
	if !ok || n > MaxPiece {
		return a.Alloc(n)
	}
	size := s.sizeOf(n)
	ref, err := s.allocIn(a, lane, size)
	if err != nil {
		return 0, err
	}
	a.inUse.Store(a.inUse.Load() + int64(size))
	return ref, nil
}

// Free gives back a piece that was allocated with n bytes. Using it afterwards
// is a fault. An arena made by NewBump has no use for it but as a piece of the same
// size.
func (a *Arena) Free(ref Ref, n int) {
	size := a.from.sizeOf(n)
	a.from.free(a, ref, size)
	a.inUse.Store(a.inUse.Load() - int64(size))
}

// SizeOf returns what a piece of n bytes counts in InUse.
func (a *Arena) SizeOf(n int) int { return a.from.sizeOf(n) }

// Ptr returns the address of the piece, good until it is freed.
func (a *Arena) Ptr(ref Ref) unsafe.Pointer {
	entry := unsafe.Add(unsafe.Pointer(a.table.Load()), uintptr(ref>>(a.shift&31))*unsafe.Sizeof(uintptr(0)))
	return unsafe.Add(*(*unsafe.Pointer)(entry), uintptr(ref&a.mask)*wordSize)
}

// Bytes returns n bytes of the piece, from its byte off on; it aliases them.
func (a *Arena) Bytes(ref Ref, off, n int) []byte { return Slice(a.Ptr(ref), off, n) }

// Slice returns n bytes from off bytes after p on. If n is 0 it makes no pointer
// to there: that may be the end of the memory, which is the beginning of
// something else, and the collector would take it for a pointer to that.
func Slice(p unsafe.Pointer, off, n int) []byte {
	if n == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Add(p, off)), n)
}

// InUse returns the bytes of the pieces in use.
func (a *Arena) InUse() int64 { return a.inUse.Load() }

// Mapped returns the bytes taken from the system.
func (a *Arena) Mapped() int64 { return a.mapped.Load() }

// Check verifies M4 to M6. It needs external order with the writer.
func (a *Arena) Check() error { return a.from.check(a) }

// Release gives everything back. Using the arena or its pieces afterwards is a
// fault, except for InUse and Mapped, which are zero, and Release itself.
func (a *Arena) Release() {
	a.from.release()
	a.bases = nil
	a.table.Store(nil)
	a.inUse.Store(0)
	a.mapped.Store(0)
}

// addBlock enters a block into the table and returns its number. Readers who
// hold the old table keep it: what it says stays true.
func (a *Arena) addBlock(block []byte) (number int, err error) {
	number = len(a.bases)
	if uint64(number) >= 1<<(refBits-a.shift) {
		return 0, fmt.Errorf("%d blocks: %w", number, ErrFull)
	}
	a.bases = append(a.bases, nil)
	a.setBlock(number, block)
	a.table.Store(unsafe.SliceData(a.bases))
	return number, nil
}

// setBlock changes the block of a number, or takes it away if block is nil.
func (a *Arena) setBlock(number int, block []byte) {
	a.bases[number] = unsafe.Pointer(unsafe.SliceData(block))
}

func roundUp(n, unit int) int { return (n + unit - 1) &^ (unit - 1) }
