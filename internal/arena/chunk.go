package arena

import (
	"fmt"
	"math/bits"

	"github.com/statelab/statelab/internal/offheap"
)

const (
	pageShift  = 12                    // of a Ref, to its page's number
	pageSize   = wordSize << pageShift // 32 KiB
	chunkShift = 18                    // of a Ref, to its chunk's number
	chunkPages = 1 << (chunkShift - pageShift)
	chunkSize  = chunkPages * pageSize // 2 MiB: a huge page, and few enough chunks for the first cache
)

// chunks cuts memory from the system into runs of pages. A chunk is 64 pages; a
// run lies in one chunk, or, if it is longer than that, is a block of its own
// that stands in place of a chunk. (M6)
//
// Pages are taken from the chunk with the lowest number that has a run of them.
// So what is taken gathers in the first chunks, and the last ones empty when
// less is needed, and can be given back.
type chunks struct {
	all    []chunk // by block number; the first is never used
	runs   []uint8 // length of the longest run of free pages, by block number
	lowest int     // the first chunk that has a free page, or how many there are
	vacant []int32 // numbers of chunks without a block
	empty  int32   // the chunk of which no page is in use, or 0
	idle   int     // pieces that were taken since there is one
	spare  int     // free pages that the system does not have

	reserve       []byte // a block that nothing is in, for a chunk (see Arena.Reserve)
	mayUseReserve bool
	limit         int64 // see Arena.LimitTo; 0 is none
}

// A chunk is a block of pages.
type chunk struct {
	block []byte
	free  uint64 // bit i is set if page i is free
	gone  uint64 // bit i is set if page i is free and the system has its memory
}

func newChunks() chunks {
	return chunks{all: make([]chunk, 1), runs: make([]uint8, 1), lowest: 1} // Ref 0 names nothing (M1)
}

// longestRun returns the length of the longest run of ones.
func longestRun(x uint64) (n int) {
	for ; x != 0; n++ {
		x &= x << 1
	}
	return n
}

// findRun returns the position of the first run of n ones, which must be there.
func findRun(x uint64, n int) int {
	for range n - 1 {
		x &= x >> 1
	}
	return bits.TrailingZeros64(x)
}

func runMask(n int) uint64 { return 1<<n - 1 } // n is 64 at most, which gives all ones

// take returns the number of the first of n free pages in a row.
func (c *chunks) take(a *Arena, n int) (page int, err error) {
	if n > chunkPages {
		number, err := c.newChunk(a, n)
		return int(number) * chunkPages, err
	}
	number := c.withRun(n)
	if number == 0 {
		if number, err = c.newChunk(a, chunkPages); err != nil {
			return 0, err
		}
		c.spare += chunkPages
		c.setFree(number, runMask(chunkPages))
	}
	free := c.all[number].free
	at := findRun(free, n)
	if number == c.empty {
		c.empty = 0
	}
	c.spare -= n - c.comeBack(a, number, runMask(n)<<at)
	c.setFree(number, free&^(runMask(n)<<at))
	return int(number)*chunkPages + at, nil
}

// withRun returns the lowest number of a chunk with n free pages in a row, or 0.
func (c *chunks) withRun(n int) int32 {
	for number := c.lowest; number < len(c.runs); number++ {
		if int(c.runs[number]) >= n {
			return int32(number)
		}
	}
	return 0
}

// setFree notes which pages of a chunk are free.
func (c *chunks) setFree(number int32, free uint64) {
	c.all[number].free = free
	c.runs[number] = uint8(longestRun(free))
	if free != 0 {
		c.lowest = min(c.lowest, int(number))
	}
	c.seekLowest()
}

func (c *chunks) seekLowest() {
	for c.lowest < len(c.runs) && c.runs[c.lowest] == 0 {
		c.lowest++
	}
}

// hasBefore says whether the first chunk with a free page comes before the one
// of a page, and has n in a row.
func (c *chunks) hasBefore(page uint32, n int) bool {
	return c.lowest < int(page/chunkPages) && int(c.runs[c.lowest]) >= n
}

// give gives n pages back. One empty chunk is kept for some time, so that
// a piece that comes and goes does not cost two calls to the system.
func (c *chunks) give(a *Arena, page, n int) {
	number := int32(page / chunkPages)
	if n > chunkPages {
		c.vacate(a, number)
		return
	}
	mask := runMask(n) << (page % chunkPages)
	free := c.all[number].free | mask
	c.spare += n
	if c.spare > fewSpare && int64(c.spare)*pageSize > a.Mapped()/mostSpare {
		c.letGo(a, number, mask)
	}
	if free == runMask(chunkPages) {
		if c.empty != 0 {
			c.vacate(a, number)
			return
		}
		c.empty, c.idle = number, 0
	}
	c.setFree(number, free)
}

// maxIdle is how many pieces are taken without the empty chunk before it goes.
// That is some 50 milliseconds at least, and to take a chunk from the system and
// give it back is less than one.
const maxIdle = 1 << 16

// tick gives the empty chunk back when it has not been needed for long.
func (c *chunks) tick(a *Arena) {
	if c.idle++; c.idle > maxIdle {
		number := c.empty
		c.empty = 0
		c.vacate(a, number)
	}
}

// newChunk takes a block of at least a chunk's pages from the system; none of
// them is free yet.
func (c *chunks) newChunk(a *Arena, pages int) (int32, error) {
	block, err := c.blockFor(a, pages*pageSize)
	if err != nil {
		return 0, err
	}
	var number int32
	if n := len(c.vacant); n > 0 {
		number, c.vacant = c.vacant[n-1], c.vacant[:n-1]
		a.setBlock(int(number), block)
	} else {
		n, err := a.addBlock(block)
		if err != nil {
			offheap.Free(block)
			return 0, err
		}
		number = int32(n)
		c.all = append(c.all, chunk{})
		c.runs = append(c.runs, 0)
		c.seekLowest()
	}
	c.all[number].block = block
	a.mapped.Add(int64(len(block)))
	c.preferHugePages(number)
	return number, nil
}

// preferHugePages asks for huge pages for a new chunk, unless it is the only
// one: small stores are to take what they touch. When there is a second one the
// first is no longer small.
func (c *chunks) preferHugePages(number int32) {
	switch inUse := len(c.all) - 1 - len(c.vacant); inUse {
	case 1:
	case 2:
		for _, ch := range c.all {
			offheap.PreferHugePages(ch.block)
		}
	default:
		offheap.PreferHugePages(c.all[number].block)
	}
}

// So many pages, and one part in so many of the memory, may be free. What is free
// beyond that the system gets back page by page, which costs the chunk its huge
// page.
const (
	fewSpare  = 16
	mostSpare = 32
)

// letGo gives the memory of a run of free pages back.
func (c *chunks) letGo(a *Arena, number int32, mask uint64) {
	ch := &c.all[number]
	first, n := bits.TrailingZeros64(mask), bits.OnesCount64(mask)
	offheap.Discard(ch.block[first*pageSize : (first+n)*pageSize])
	ch.gone |= mask
	c.spare -= n
	a.mapped.Add(-int64(n) * pageSize)
}

// comeBack notes that free pages are used again, and returns how many of them
// have to be taken from the system, which is done when they are written to.
func (c *chunks) comeBack(a *Arena, number int32, mask uint64) (n int) {
	ch := &c.all[number]
	n = bits.OnesCount64(ch.gone & mask)
	ch.gone &^= mask
	a.mapped.Add(int64(n) * pageSize)
	return n
}

// vacate gives the block of a chunk back to the system.
func (c *chunks) vacate(a *Arena, number int32) {
	ch := &c.all[number]
	a.mapped.Add(int64(bits.OnesCount64(ch.gone))*pageSize - int64(len(ch.block)))
	if len(ch.block) == chunkSize {
		c.spare -= bits.OnesCount64(runMask(chunkPages) &^ ch.gone)
	}
	offheap.Free(ch.block)
	*ch = chunk{}
	c.runs[number] = 0
	c.seekLowest()
	a.setBlock(int(number), nil)
	c.vacant = append(c.vacant, number)
}

// check verifies M6, but for the spans.
func (c *chunks) check() error {
	spare := 0
	for number, ch := range c.all {
		spare += bits.OnesCount64(ch.free &^ ch.gone)
		if ch.gone&^ch.free != 0 {
			return fmt.Errorf("M6: pages %x of chunk %d are in use, and given back", ch.gone&^ch.free, number)
		}
		if int(c.runs[number]) != longestRun(ch.free) {
			return fmt.Errorf("M6: chunk %d has a run of %d free pages, and %d are noted", number, longestRun(ch.free), c.runs[number])
		}
		if ch.free != 0 && len(ch.block) != chunkSize {
			return fmt.Errorf("M6: chunk %d has free pages, and is of %d bytes", number, len(ch.block))
		}
		if ch.free != 0 && number < c.lowest || ch.free == 0 && number == c.lowest {
			return fmt.Errorf("M6: chunk %d is wrongly noted as the first with a free page; of chunk %d they are %x", c.lowest, number, ch.free)
		}
		if (ch.free == runMask(chunkPages)) != (c.empty == int32(number) && number != 0) {
			return fmt.Errorf("M6: chunk %d is wrongly noted as the empty one; of chunk %d pages %x are free", c.empty, number, ch.free)
		}
	}
	if spare != c.spare {
		return fmt.Errorf("M6: %d free pages are held, and %d are counted", spare, c.spare)
	}
	return nil
}

func (c *chunks) release() {
	for _, ch := range c.all {
		offheap.Free(ch.block)
	}
	offheap.Free(c.reserve)
	*c = newChunks()
}
