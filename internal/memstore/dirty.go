package memstore

import (
	"math/bits"

	"github.com/statelab/statelab/internal/arena"
)

// A grainSet is a set of grains of the arena (see arena.Grain), of which neighbours
// are in it or not together, as a rule: a bit for each, and above them one for
// each 64 of which any is. It takes a 256th of the memory that records with
// a grain in it lie in, and links of the records none.
type grainSet struct {
	parts []*grainPart // by grain; nil as long as none of a part's was ever in it
	n     int          // grains in the set
}

// A grainPart is the grains of 2 MiB.
type grainPart struct {
	words [partGrains / 64]uint64
	above [partGrains / 64 / 64]uint64
}

const partGrains = 1 << 16

func (s *grainSet) has(grain uint32) bool {
	part := grain / partGrains
	return int(part) < len(s.parts) && s.parts[part] != nil && s.parts[part].words[grain%partGrains/64]>>(grain%64)&1 != 0
}

// add puts a grain in that is not in the set.
func (s *grainSet) add(grain uint32) {
	part := int(grain / partGrains)
	for part >= len(s.parts) {
		s.parts = append(s.parts, nil)
	}
	p := s.parts[part]
	if p == nil {
		p = new(grainPart)
		s.parts[part] = p
	}
	word := grain % partGrains / 64
	p.words[word] |= 1 << (grain % 64)
	p.above[word/64] |= 1 << (word % 64)
	s.n++
}

// remove takes a grain out that is in the set.
func (s *grainSet) remove(grain uint32) {
	p := s.parts[grain/partGrains]
	word := grain % partGrains / 64
	if p.words[word] &^= 1 << (grain % 64); p.words[word] == 0 {
		p.above[word/64] &^= 1 << (word % 64)
	}
	s.n--
}

// from returns the first grain in the set that is not before grain.
func (s *grainSet) from(grain uint32) (first uint32, ok bool) {
	for part := int(grain / partGrains); part < len(s.parts); part++ {
		if p := s.parts[part]; p != nil {
			if at, ok := p.from(grain % partGrains); ok {
				return uint32(part)*partGrains + at, true
			}
		}
		grain = 0
	}
	return 0, false
}

func (p *grainPart) from(grain uint32) (first uint32, ok bool) {
	word := grain / 64
	if left := p.words[word] >> (grain % 64); left != 0 {
		return grain + uint32(bits.TrailingZeros64(left)), true
	}
	word++
	for at := word / 64; int(at) < len(p.above); at++ {
		above := p.above[at]
		if at == word/64 {
			above = above >> (word % 64) << (word % 64)
		}
		if above != 0 {
			word = at*64 + uint32(bits.TrailingZeros64(above))
			return word*64 + uint32(bits.TrailingZeros64(p.words[word])), true
		}
	}
	return 0, false
}

// bytes returns the memory that the set takes.
func (s *grainSet) bytes() (n int64) {
	for _, p := range s.parts {
		if p != nil {
			n += partGrains / 8
		}
	}
	return n
}

// changed notes that a record is not what the last Sync has written.
func (r *records) changed(ref arena.Ref) {
	if r.tracks {
		r.markDirty(ref, r.rec(ref))
	}
}

func (r *records) markDirty(ref arena.Ref, rec *record) {
	if rec.state&recordDirty == 0 {
		rec.state |= recordDirty
		r.dirty.add(r.mem.Grain(ref))
	}
}

func (r *records) unmarkDirty(ref arena.Ref, rec *record) {
	if rec.state&recordDirty != 0 {
		rec.state &^= recordDirty
		r.dirty.remove(r.mem.Grain(ref))
	}
}

// nextDirty returns the dirty record that comes after ref in the order of grains;
// after 0 it is the first, and 0 comes after the last.
func (r *records) nextDirty(ref arena.Ref) arena.Ref {
	grain, ok := r.dirty.from(r.mem.Grain(ref) + 1) // no record has the first grain, which is that of Ref 0
	if !ok {
		return 0
	}
	return r.mem.AtGrain(grain)
}
