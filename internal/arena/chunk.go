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
type chunks struct {
	all    []chunk // by block number; the first is never used
	byRun  [chunkPages + 1]int32
	filled uint64  // bit r-1 is set if byRun[r] is not empty
	vacant []int32 // numbers of chunks without a block
	empty  int     // chunks of which no page is in use

	reserve       []byte // a block that nothing is in, for a chunk (see Arena.Reserve)
	mayUseReserve bool
	limit         int64 // see Arena.LimitTo; 0 is none
}

// A chunk is a block of pages.
type chunk struct {
	block      []byte
	free       uint64 // bit i is set if page i is free
	next, prev int32  // in the list of its longest free run; 0 is none
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

// take returns the number of the first of n free pages in a row, from a chunk
// whose longest run is the least that will do: so full chunks stay full, and
// empty ones can be given back.
func (c *chunks) take(a *Arena, n int) (page int, err error) {
	if n > chunkPages {
		number, err := c.newChunk(a, n)
		return int(number) * chunkPages, err
	}
	fits := c.filled >> (n - 1) << (n - 1)
	if fits == 0 {
		number, err := c.newChunk(a, chunkPages)
		if err != nil {
			return 0, err
		}
		c.all[number].free = runMask(chunkPages)
		c.empty++
		c.link(number)
		fits = c.filled >> (n - 1) << (n - 1)
	}
	number := c.byRun[bits.TrailingZeros64(fits)+1]
	ch := &c.all[number]
	at := findRun(ch.free, n)
	c.unlink(number)
	if ch.free == runMask(chunkPages) {
		c.empty--
	}
	ch.free &^= runMask(n) << at
	c.link(number)
	return int(number)*chunkPages + at, nil
}

// give gives n pages back. One empty chunk is kept for the next time, so that
// a piece that comes and goes does not cost two calls to the system.
func (c *chunks) give(a *Arena, page, n int) {
	number := int32(page / chunkPages)
	if n > chunkPages {
		c.vacate(a, number)
		return
	}
	ch := &c.all[number]
	c.unlink(number)
	ch.free |= runMask(n) << (page % chunkPages)
	if ch.free == runMask(chunkPages) {
		if c.empty > 0 {
			c.vacate(a, number)
			return
		}
		c.empty++
	}
	c.link(number)
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

// vacate gives the block of a chunk back to the system.
func (c *chunks) vacate(a *Arena, number int32) {
	ch := &c.all[number]
	a.mapped.Add(-int64(len(ch.block)))
	offheap.Free(ch.block)
	*ch = chunk{}
	a.setBlock(int(number), nil)
	c.vacant = append(c.vacant, number)
}

func (c *chunks) link(number int32) {
	ch := &c.all[number]
	run := longestRun(ch.free)
	if run == 0 {
		return
	}
	head := c.byRun[run]
	ch.next, ch.prev = head, 0
	if head != 0 {
		c.all[head].prev = number
	}
	c.byRun[run] = number
	c.filled |= 1 << (run - 1)
}

func (c *chunks) unlink(number int32) {
	ch := &c.all[number]
	run := longestRun(ch.free)
	if run == 0 {
		return
	}
	if ch.next != 0 {
		c.all[ch.next].prev = ch.prev
	}
	if ch.prev != 0 {
		c.all[ch.prev].next = ch.next
	} else if c.byRun[run] = ch.next; ch.next == 0 {
		c.filled &^= 1 << (run - 1)
	}
	ch.next, ch.prev = 0, 0
}

// check verifies M6, but for the spans.
func (c *chunks) check() error {
	listed := make([]bool, len(c.all))
	for run := 1; run <= chunkPages; run++ {
		if c.byRun[run] == 0 != (c.filled&(1<<(run-1)) == 0) {
			return fmt.Errorf("M6: whether chunks have runs of %d free pages is noted wrong", run)
		}
		prev := int32(0)
		for number := c.byRun[run]; number != 0; number = c.all[number].next {
			ch := c.all[number]
			if listed[number] || ch.prev != prev || longestRun(ch.free) != run || len(ch.block) != chunkSize {
				return fmt.Errorf("M6: chunk %d stands wrong in the list of runs of %d pages", number, run)
			}
			listed[number] = true
			prev = number
		}
	}
	empty := 0
	for number, ch := range c.all {
		if ch.free != 0 && !listed[number] {
			return fmt.Errorf("M6: chunk %d has free pages and is in no list", number)
		}
		if ch.free == runMask(chunkPages) {
			empty++
		}
	}
	if empty != c.empty {
		return fmt.Errorf("M6: %d chunks are empty, and %d are counted", empty, c.empty)
	}
	return nil
}

func (c *chunks) release() {
	for _, ch := range c.all {
		offheap.Free(ch.block)
	}
	offheap.Free(c.reserve)
	*c = chunks{}
}
