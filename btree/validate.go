package btree

import (
	"fmt"
	"math"

	"github.com/statelab/statelab"
)

// validate says what is wrong with the structure of a page that was read, so
// that everything after may trust offsets and lengths, whatever bytes there
// were. It does not look at the order of keys, which cannot make anyone fall.
func (p page) validate() error {
	switch p.kind() {
	case kindLeaf, kindInner:
		return p.validateSlotted()
	case kindOverflow:
		if p.count() != 0 || p.level() != 0 {
			return fmt.Errorf("an overflow page of level %d with %d cells", p.level(), p.count())
		}
	case kindOverflowIndex:
		if n := p.count(); n < 1 || n > indexFanout(len(p)) || p.level() < 1 || p.level() > maxStreamHeight {
			return fmt.Errorf("an overflow index of level %d with %d references", p.level(), n)
		}
	default:
		return fmt.Errorf("kind %d of page is unknown", p.kind())
	}
	return nil
}

func (p page) validateSlotted() error {
	n, low := p.count(), p.low()
	if isLeaf := p.kind() == kindLeaf; isLeaf != (p.level() == 0) || p.level() >= maxHeight {
		return fmt.Errorf("kind %d at level %d", p.kind(), p.level())
	}
	end := len(p) - p.prefixSize()
	if slottedHeader+slotSize*n > low || low > end || p.prefixSize() > keyLimit(len(p)) {
		return fmt.Errorf("%d slots, cells from offset %d, a prefix of %d bytes", n, low, p.prefixSize())
	}
	packed, beyond := true, end // each cell ends where the one before begins, as in pages that a merge made
	lead, prefix := p.lead(0), p.prefix()
	cells, spills, dieAt, firstDeath := 0, 0, int64(math.MinInt64), int64(math.MaxInt64)
	for i := range n {
		at := p.slot(i)
		if at < low || at > end {
			return fmt.Errorf("cell %d at offset %d, not from %d to %d", i, at, low, end)
		}
		size, s, err := p.validateCell(p[at:end:end], lead, p.head(i))
		lead = prefix
		if err != nil {
			return fmt.Errorf("cell %d: %w", i, err)
		}
		packed = packed && at+size == beyond
		beyond = at
		cells += size
		if s.spills {
			spills++
		}
		dieAt, firstDeath = max(dieAt, s.dieAt), min(firstDeath, s.firstDeath)
	}
	if !packed {
		if i := p.overlapping(); i >= 0 {
			return fmt.Errorf("cell %d overlaps another", i)
		}
	}
	if p.kind() == kindLeaf {
		firstDeath = dieAt
	}
	if n == 0 {
		dieAt, firstDeath = statelab.NoExpiry, statelab.NoExpiry
	}
	if cells+p.holes() != end-low {
		return fmt.Errorf("cells of %d bytes and holes of %d in %d", cells, p.holes(), end-low)
	}
	if got := (summary{p.i64(32), p.i64(40), p.spills() > 0}); got != (summary{dieAt, firstDeath, spills > 0}) || p.spills() != spills {
		return fmt.Errorf("B5: summary %v with %d spills, want %d, %d with %d", got, p.spills(), dieAt, firstDeath, spills)
	}
	return nil
}

// overlapping returns the first cell that overlaps one before it, -1 if none does. All of them are
// within the page. It is apart from its caller so that a page without holes need not clear a coverage.
func (p page) overlapping() int {
	var taken coverage
	for i := range p.count() {
		at := p.slot(i)
		if !taken.add(at, p.cellSize(at)) {
			return i
		}
	}
	return -1
}

// A coverage is which bytes of a page are taken.
type coverage [MaxPageSize / 64]uint64

// add takes n bytes from at on, and says whether all of them were free.
func (c *coverage) add(at, n int) bool {
	for n > 0 {
		bit := at % 64
		take := min(n, 64-bit)
		mask := (^uint64(0) >> (64 - take)) << bit
		if c[at/64]&mask != 0 {
			return false
		}
		c[at/64] |= mask
		at, n = at+take, n-take
	}
	return true
}

// validateCell checks the cell at the beginning of b, which ends where cells may
// end, and the head in its slot. It returns its size and summary.
func (p page) validateCell(b page, lead []byte, head uint32) (size int, sum summary, err error) {
	if p.kind() == kindLeaf {
		return validateLeafCell(b, lead, head, len(p))
	}
	return validateInnerCell(b, lead, head, len(p))
}
