package hashdir

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/offheap"
)

const (
	chunkLog   = 15
	chunkLen   = 1 << chunkLog // buckets
	chunkBytes = chunkLen * bucketSize
)

// An area is an array of buckets that grows and shrinks at its end by chunks of
// 2 MiB, which is a huge page, and of which a small table touches only the
// beginning of the first.
type area struct {
	table atomic.Pointer[unsafe.Pointer] // first of bases

	bases  []unsafe.Pointer // where each chunk begins
	chunks [][]byte
	used   int                         // chunks before this one have memory
	alloc  func(n int) ([]byte, error) // offheap.Alloc; tests put others here
}

// at returns a bucket. Readers who hold the old table keep it: what it says
// stays true.
func (a *area) at(number uint32) *bucket {
	chunk := unsafe.Add(unsafe.Pointer(a.table.Load()), uintptr(number>>chunkLog)*unsafe.Sizeof(uintptr(0)))
	return (*bucket)(unsafe.Add(*(*unsafe.Pointer)(chunk), uintptr(number%chunkLen)*bucketSize))
}

// isEmpty says whether a bucket, in use or not, holds nothing. It needs external order with
// the writer. The race detector is not told: it takes milliseconds over the tens of thousands of
// buckets that a small table has in reserve.
//
//go:norace
//go:noinline
func (a *area) isEmpty(number uint32) bool {
	at := a.chunks[number>>chunkLog][number%chunkLen*bucketSize:][:bucketSize]
	var all uint64
	for i := 0; i < bucketSize; i += 8 {
		all |= binary.NativeEndian.Uint64(at[i:])
	}
	return all == 0
}

// reach sees to it that there is memory for a bucket, which is empty if it was
// not in use.
func (a *area) reach(number uint32) error {
	chunk := int(number >> chunkLog)
	if chunk < a.used {
		return nil
	}
	if chunk == len(a.chunks) {
		alloc := offheap.Alloc
		if a.alloc != nil {
			alloc = a.alloc
		}
		block, err := alloc(chunkBytes)
		if err != nil {
			return err
		}
		a.chunks = append(a.chunks, block)
		if chunk > 0 { // a small table is to take what it touches
			offheap.PreferHugePages(a.chunks[0])
			offheap.PreferHugePages(block)
		}
		a.bases = append(a.bases, unsafe.Pointer(unsafe.SliceData(block)))
		a.table.Store(unsafe.SliceData(a.bases))
	}
	a.used = chunk + 1
	return nil
}

// trim gives memory of empty chunks back, where no bucket from number n on is
// in use. Half a chunk is kept, for the next time.
func (a *area) trim(n uint32) {
	for a.used > 1 && uint64(n)+chunkLen/2 <= uint64(a.used-1)<<chunkLog {
		a.used--
		offheap.Discard(a.chunks[a.used])
	}
}

func (a *area) release() {
	for _, block := range a.chunks {
		offheap.Free(block)
	}
	a.table.Store(nil)
	a.bases, a.chunks, a.used = nil, nil, 0
}

// spill is the overflow buckets. Those with the lowest numbers are taken first,
// so that the area can shrink.
type spill struct {
	area
	taken  []uint64 // bit i of word w is set if bucket 64 w + i is in use
	lowest int      // words before this one are all ones
	inUse  atomic.Int64
}

// take returns the number of an empty bucket, from now on in use.
func (s *spill) take() (uint32, error) {
	for s.lowest < len(s.taken) && s.taken[s.lowest] == ^uint64(0) {
		s.lowest++
	}
	number := uint32(s.lowest * 64)
	if s.lowest < len(s.taken) {
		number += uint32(bits.TrailingZeros64(^s.taken[s.lowest]))
	}
	if err := s.reach(number); err != nil {
		return 0, err
	}
	if s.lowest == len(s.taken) {
		s.taken = append(s.taken, 0)
	}
	s.taken[s.lowest] |= 1 << (number % 64)
	s.inUse.Add(1)
	return number, nil
}

// give takes an empty bucket back.
func (s *spill) give(number uint32) {
	word := int(number / 64)
	s.taken[word] &^= 1 << (number % 64)
	s.inUse.Add(-1)
	s.lowest = min(s.lowest, word)
	for n := len(s.taken); n > 0 && s.taken[n-1] == 0; n = len(s.taken) {
		s.taken = s.taken[:n-1]
	}
	s.trim(uint32(len(s.taken) * 64))
}

func (s *spill) release() {
	s.area.release()
	s.taken, s.lowest = nil, 0
	s.inUse.Store(0)
}
