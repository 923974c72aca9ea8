// Package arena hands out small pieces of off-heap memory, so that ten million
// records cost the garbage collector nothing: it sees a handful of tables.
//
// A piece is named by a [Ref], 32 bits wide, so that links between pieces cost
// half of what pointers do. A Ref counts words of 8 bytes: its high bits are
// the number of a page, its low bits the piece's word in the page.
//
//	Ref   31            shift              0
//	     +----------------+----------------+        table
//	     |  page number   |      word      |       +------+
//	     +----------------+----------------+       | base ---> page: 2^shift words
//	             |                                 | base --->
//	             +-------------------------------->| base --->
//	                                               +------+
//
// Invariants, and what callers may rely on:
//
//	M1  Ref 0 is no piece.
//	M2  A piece is aligned to 8 bytes, contiguous, and stays where it is until it is freed.
//	M3  A piece that was never in use before is zero; one that was is not.
//	M4  InUse is the sum of the sizes handed out and not freed, each as rounded up.
//
// Thread safety: Alloc, Free and Release need external order, as one writer
// has. Ptr, Bytes, InUse and Mapped may be called at any time beside them, Ptr
// and Bytes for a Ref that the writer published atomically (a Ref read from an
// atomic link that was stored after Alloc returned) and that is not freed.
package arena

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/offheap"
)

// A Ref names a piece of an arena; zero names none.
type Ref uint32

// ErrFull says that an arena has no Refs left: 32 GiB are in use.
var ErrFull = errors.New("arena is full")

const (
	wordSize = 8
	refBits  = 32
)

// MaxPiece is the size of the largest piece, in bytes.
const MaxPiece = 1 << 30

// An Arena is memory from which pieces are cut one after another and given
// back all at once. Make one with New.
type Arena struct {
	table atomic.Pointer[unsafe.Pointer] // first of the bases, by page number
	shift uint8                          // of a Ref, to its page number
	mask  Ref                            // of a Ref, its word in the page

	bases  []unsafe.Pointer // what table points to
	blocks [][]byte         // by page number: what to give back
	page   int              // page size in bytes

	free []byte // rest of the page that is being filled
	next Ref    // names the first byte of free

	inUse  atomic.Int64
	mapped atomic.Int64
}

// New returns an empty arena that takes pages of pageSize bytes, a power of
// two of at least 4 KiB, from the system as it needs them.
func New(pageSize int) *Arena {
	shift := uint8(0)
	for wordSize<<shift < pageSize {
		shift++
	}
	a := &Arena{shift: shift, mask: 1<<shift - 1, page: wordSize << shift}
	a.addPage(nil) // page 0 is never used, so that Ref 0 names nothing (M1)
	return a
}

// Alloc returns a piece of n bytes. The only errors are that the system has no
// memory and ErrFull.
func (a *Arena) Alloc(n int) (Ref, error) {
	size := roundUp(n)
	if size > len(a.free) {
		if size > a.page/4 {
			return a.allocAlone(size)
		}
		if err := a.refill(); err != nil {
			return 0, err
		}
	}
	ref := a.next
	a.free = a.free[size:]
	a.next += Ref(size / wordSize)
	a.inUse.Store(a.inUse.Load() + int64(size))
	return ref, nil
}

// refill starts a new page. What is left of the old one is wasted: less than a
// quarter of it, since larger pieces are allocated alone.
func (a *Arena) refill() error {
	block, ref, err := a.mapPage(a.page)
	if err != nil {
		return err
	}
	a.free, a.next = block, ref
	return nil
}

// allocAlone gives a large piece a page of its own, of whatever size it needs.
func (a *Arena) allocAlone(size int) (Ref, error) {
	_, ref, err := a.mapPage(size)
	if err == nil {
		a.inUse.Store(a.inUse.Load() + int64(size))
	}
	return ref, err
}

func (a *Arena) mapPage(size int) ([]byte, Ref, error) {
	if size > MaxPiece {
		return nil, 0, fmt.Errorf("a piece of %d bytes: %w", size, ErrFull)
	}
	if len(a.bases) >= 1<<(refBits-a.shift) {
		return nil, 0, fmt.Errorf("%d pages of %d bytes: %w", len(a.bases), a.page, ErrFull)
	}
	block, err := offheap.Alloc(size)
	if err != nil {
		return nil, 0, err
	}
	return block, a.addPage(block), nil
}

// addPage enters block in the table and returns the Ref of its first byte.
// Readers of the old table keep it: what it says stays true.
func (a *Arena) addPage(block []byte) Ref {
	number := len(a.bases)
	a.bases = append(a.bases, unsafe.Pointer(unsafe.SliceData(block)))
	a.blocks = append(a.blocks, block)
	a.table.Store(unsafe.SliceData(a.bases))
	a.mapped.Add(int64(len(block)))
	return Ref(number) << a.shift
}

// Ptr returns the address of the piece, good until it is freed.
func (a *Arena) Ptr(ref Ref) unsafe.Pointer {
	base := *(*unsafe.Pointer)(unsafe.Add(unsafe.Pointer(a.table.Load()), uintptr(ref>>(a.shift&31))*unsafe.Sizeof(uintptr(0))))
	return unsafe.Add(base, uintptr(ref&a.mask)*wordSize)
}

// Bytes returns n bytes of the piece, from its byte off on; it aliases them.
func (a *Arena) Bytes(ref Ref, off, n int) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(a.Ptr(ref), off)), n)
}

// InUse returns the bytes of the pieces in use.
func (a *Arena) InUse() int64 { return a.inUse.Load() }

// Mapped returns the bytes taken from the system.
func (a *Arena) Mapped() int64 { return a.mapped.Load() }

// Release gives everything back. Using the arena or its pieces afterwards is a
// fault, except for InUse and Mapped, which are zero, and Release itself.
func (a *Arena) Release() {
	for _, block := range a.blocks {
		offheap.Free(block)
	}
	a.bases, a.blocks, a.free = nil, nil, nil
	a.table.Store(nil)
	a.inUse.Store(0)
	a.mapped.Store(0)
}

func roundUp(n int) int { return (n + wordSize - 1) &^ (wordSize - 1) }
