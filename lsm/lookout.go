package lsm

import (
	"bytes"
	"encoding/binary"
)

// lookout is what a look-up needs to know of a table before it goes there. Those of
// a version lie side by side, so that a probe passes tables by that are in no
// extents, and the range of which it is not in, at the cost of a comparison.
type lookout struct {
	first, last uint64 // the first 8 bytes of the table's bounds
	table       *table
}

func newLookout(t *table) lookout {
	return lookout{first: headOf(t.first), last: headOf(t.last), table: t}
}

// headOf returns the first 8 bytes of a key as a number, zeros if it ends before.
// The heads of two keys are in their order, or the same.
func headOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var head [8]byte
	copy(head[:], key)
	return binary.BigEndian.Uint64(head[:])
}

// candidate is a table where a group may be.
type candidate struct {
	at      int32  // index of its lookout
	listed  bool   // extents say that something of the group's hash is there
	inBlock bool   // and in which block
	block   uint32 // index of the block
}

// where returns the handle of the block, zero if it is not known.
func (p *candidate) where(t *table) blockHandle {
	if !p.inBlock {
		return blockHandle{}
	}
	start := t.blockStarts[p.block]
	return blockHandle{uint64(start), t.blockStarts[p.block+1] - start - blockTrailerSize}
}

// search finds the candidates for groups, and keeps what it needs for that.
type search struct {
	candidates     []candidate // newest first
	numbers        []uint32
	touched        uint32 // so that touching is not for nothing
	asked, refused int64  // extents, to be told at once: counters that all readers share are not for each
}

// touch reads from the lines of extents where the search for a group will begin, so
// that the processor waits for memory once and not once for each.
func (s *search) touch(v *version, hash uint64) {
	for i := range v.extents {
		s.touched ^= v.extents[i].touch(hash)
	}
}

// find finds the candidates for all keys of a group from lower to upper, and perhaps some
// more.
func (s *search) find(v *version, lower, upper []byte, hash uint64) {
	s.candidates = s.candidates[:0]
	for i := range v.extents {
		s.ask(&v.extents[i], hash)
	}
	if len(v.bare) == 0 {
		return
	}
	from, to := headOf(lower), headOf(upper)
	for _, i := range v.bare {
		if l := &v.lookouts[i]; l.first <= to && l.last >= from {
			s.add(candidate{at: i})
		}
	}
}

// ask adds the candidates that extents know of.
func (s *search) ask(x *shownExtents, hash uint64) {
	numbers, more := x.find(s.numbers[:0], hash)
	s.numbers = numbers
	before := len(s.candidates)
	for _, n := range numbers {
		if t, ok := x.tableOf(n); ok {
			n -= t.base
			s.add(candidate{at: t.at, listed: true, inBlock: n < t.blocks, block: n})
		}
	}
	if more {
		for _, t := range x.tables {
			s.add(candidate{at: t.at})
		}
	}
	s.asked++
	if before == len(s.candidates) {
		s.refused++
	}
}

// add puts a candidate among the others. If two blocks of a table were named, or there
// may be others, its index knows more.
func (s *search) add(p candidate) {
	s.candidates = append(s.candidates, p)
	i := len(s.candidates) - 1
	for ; i > 0 && s.candidates[i-1].at > p.at; i-- {
		s.candidates[i] = s.candidates[i-1]
	}
	s.candidates[i] = p
	if i > 0 && s.candidates[i-1].at == p.at {
		q := &s.candidates[i-1]
		q.listed, q.inBlock = q.listed || p.listed, q.inBlock && p.inBlock && q.block == p.block
		s.candidates = append(s.candidates[:i], s.candidates[i+1:]...)
	}
}

// tell tells how often extents were asked.
func (s *search) tell(e *tableEnv) {
	if s.asked > 0 {
		e.filterProbes.Add(s.asked)
		e.filterNegatives.Add(s.refused)
		s.asked, s.refused = 0, 0
	}
}

// inBounds says whether the table may hold keys of lower <= key <= upper.
func (t *table) inBounds(lower, upper []byte) bool {
	return bytes.Compare(lower, t.last) <= 0 && bytes.Compare(t.first, upper) <= 0
}
