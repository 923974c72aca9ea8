package btree

import (
	"fmt"
	"math/bits"
)

// Where leaves are compressed a page's place in the file is an extent of allocation
// units, each an eighth of a page, and a page's id is the first of them. A compressed leaf has
// as many as it takes, and its reference says how many; any other page has all eight.
// Elsewhere a unit is a page.
//
//	unit   16      24    27       32
//	       | inner | leaf | leaf   | free ...
//
// Bits of the space (space.go) are then those of units.
const pageUnits = 8

// extent returns how many units a page has.
func (g *pager) extent(r ref) uint32 {
	if r.units > 0 {
		return uint32(r.units)
	}
	return g.perPage
}

// behind returns the unit behind a page.
func (g *pager) behind(r ref) uint32 { return r.id + g.extent(r) }

// offset returns where a unit is in the file.
func (g *pager) offset(id uint32) int64 { return int64(id) * int64(g.unit) }

// first returns the first unit after the root slots.
func (g *pager) first() uint32 { return firstPage * g.perPage }

// vacate makes a page's place free.
func (g *pager) vacate(r ref) {
	for i := range g.extent(r) {
		g.space.release(r.id + i)
	}
}

// runUnits is how many free units in a row are a run that compressed leaves are put into one
// after the other.
const runUnits = 32

// fits are where free extents are sought, by their length in units: no word of busy
// before has the beginning of one. The last one is for runs.
type fits [pageUnits + 2]int

func (f *fits) at(n int) *int {
	if n > pageUnits {
		return &f[pageUnits+1]
	}
	return &f[n]
}

// lower takes note that a unit is free.
func (f *fits) lower(id uint32) {
	word := int(max(id, runUnits)-runUnits) / 64
	for n := range f {
		f[n] = min(f[n], word)
	}
}

// extentsIn returns the bits of a word where n free units begin, and may go on in the
// next word. Both are bits of what is free.
func extentsIn(word, next uint64, n int) uint64 {
	for have := 1; have < n; {
		step := min(have, n-have)
		word &= word>>step | next<<(64-step)
		next &= next >> step
		have += step
	}
	return word
}

// lowest returns where the lowest n free units in a row are. They may go beyond the end.
func (s *space) lowest(n int) uint32 {
	hint := s.fits.at(n)
	for ; *hint < len(s.busy); *hint++ {
		next := ^uint64(0)
		if *hint+1 < len(s.busy) {
			next = ^s.busy[*hint+1]
		}
		if begin := extentsIn(^s.busy[*hint], next, n); begin != 0 {
			return uint32(*hint*64 + bits.TrailingZeros64(begin))
		}
	}
	return uint32(len(s.busy)) * 64
}

// allocExtent returns n free units in a row, which are used from now on: those behind another
// page, if behind is not 0 and they are free, else where a run begins, if the page is
// one of many, and else the lowest.
func (s *space) allocExtent(n int, behind uint32, many bool) (uint32, error) {
	id := behind
	if behind == 0 || !s.freeAt(behind, n) {
		id = s.lowest(n)
		if run := s.lowest(runUnits); many && run < s.end.Load() {
			id = run
		}
	}
	if uint64(id)+uint64(n) > uint64(s.limit) {
		return 0, fmt.Errorf("the tree has reached its limit of %d units of %d; a larger page size has a higher one", s.limit, pageUnits)
	}
	s.grow(id + uint32(n))
	for i := range uint32(n) {
		s.mark(id + i)
	}
	return id, nil
}

// freeAt says whether the n units from id on are free and in the file.
func (s *space) freeAt(id uint32, n int) bool {
	for i := range uint32(n) {
		if id+i >= s.end.Load() || getBit(s.busy, id+i) {
			return false
		}
	}
	return true
}
