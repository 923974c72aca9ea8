package btree

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"sync/atomic"
)

// A space knows what each page of the file is used for, by two bits:
//
//	used busy
//	 0    0    free
//	 1    1    reachable from the root as it is now
//	 0    1    no longer reachable, but held for the durable root or an iterator, or spared
//
// Where pages are updated in place a page of the last commit is bare as long as no image
// of it was kept (image.go). One that is given up while it is bare is spared: it is
// taken only when the file would else grow beyond what mayHold allows, as to write there costs an image.
//
// What a commit makes durable is the used bits: after a reopening nobody holds
// anything. They stand in map pages, one for each stretch of the file:
//
//	OFFSET SIZE FIELD
//	0      18   as in every page; kind 5, level 0
//	18     6    zero
//	24          used bits; page k of the stretch is bit k%64 of the k/64-th 64-bit word
//
// A map page is written when a bit of it has changed, to a new place like any
// other page, and the root slot says where each of them is. So what a commit
// writes for its free space depends on what has changed, not on how much is free.
//
// Pages are taken lowest first, so that the file's end falls free in time and can be cut off.
// Leaves that a merge makes one after the other take runs of pages, the lowest first too,
// while there are any.
type space struct {
	used, busy []uint64
	full       []uint64 // bit w is set if all of busy[w] is
	fits       fits     // where extents are sought, where pages are not units
	hint       int      // no word of full before it has a zero bit with a free page below
	runHint    int      // no word of busy before it has a run
	end        atomic.Uint32
	limit      uint32 // pages that the root slot's maps can describe
	mapBits    int    // pages that one map page describes
	mapDirty   []bool // by map page
	usedCount  atomic.Int64
	memory     atomic.Int64 // bytes that the bitmaps take

	inPlace     bool
	bare        []uint64 // pages of the last commit without an image; with inPlace
	spared      []uint64 // those of them that nobody leads to or holds
	sparedCount int
	sparedHint  int // no word of spared before it has a bit

	owed      []uint64              // bare pages that may be overwritten, and need an image first
	owedCount int                   // of them
	mayOwe    func(images int) bool // whether so many more may be kept
}

func newSpace(pageSize int) *space {
	s := &space{mapBits: (pageSize - pageHeader) / 8 * 64}
	s.limit = uint32(min(int64(maxMaps)*int64(s.mapBits), 1<<32-1))
	return s
}

func getBit(b []uint64, i uint32) bool { return b[i/64]>>(i%64)&1 != 0 }
func setBit(b []uint64, i uint32)      { b[i/64] |= 1 << (i % 64) }
func clearBit(b []uint64, i uint32)    { b[i/64] &^= 1 << (i % 64) }

// alloc returns a free page, which is used from now on.
func (s *space) alloc() (uint32, error) {
	id, ok := s.lowestFree()
	if end := s.end.Load(); !ok && s.sparedCount > 0 && (end >= s.limit || end >= s.mayHold() && s.mayOwe(1)) {
		s.unspare()
		id, ok = s.lowestFree()
	}
	if !ok {
		if id = s.end.Load(); id >= s.limit {
			return 0, fmt.Errorf("the tree has reached its limit of %d pages; a larger page size has a higher one", s.limit)
		}
		s.grow(id + 1)
	}
	s.mark(id)
	return id, nil
}

// lowestFree returns the lowest free page, if there is one.
func (s *space) lowestFree() (id uint32, ok bool) {
	for ; s.hint < len(s.full); s.hint++ {
		w := s.hint*64 + bits.TrailingZeros64(^s.full[s.hint])
		if w >= s.hint*64+64 || w >= len(s.busy) {
			continue
		}
		id := uint32(w*64 + bits.TrailingZeros64(^s.busy[w]))
		return id, id < s.end.Load()
	}
	return 0, false
}

// runPages is how many free pages in a row are a run.
const runPages = 8

// runIn returns the first run in a word of busy, as the bit it begins with; 64 if there is none.
func runIn(word uint64) int {
	free := ^word
	for n := 1; n < runPages; n *= 2 {
		free &= free >> n // bits with as many more free ones before them
	}
	return bits.TrailingZeros64(free)
}

// hasRun says whether there is a run of free pages, and where the next one is sought.
func (s *space) hasRun() bool {
	for ; s.runHint < len(s.busy) && uint32(s.runHint+1)*64 <= s.end.Load(); s.runHint++ {
		if runIn(s.busy[s.runHint]) < 64 {
			return true
		}
	}
	return false
}

// allocBehind returns a free page, which is used from now on: id itself if it can, else one that begins a run, or if there is none and the file
// may grow for that the one at its end.
func (s *space) allocBehind(id uint32, grow bool) (uint32, error) {
	switch end := s.end.Load(); {
	case id < end && !getBit(s.busy, id):
	case s.hasRun():
		id = uint32(s.runHint*64 + runIn(s.busy[s.runHint]))
	case grow && end < s.limit:
		id = end
		s.grow(end + 1)
	default:
		return s.alloc()
	}
	s.mark(id)
	return id, nil
}

// mayGrow says whether so little of the file is free that it may grow rather than fill holes.
func (s *space) mayGrow() bool {
	end := int64(s.end.Load())
	return end-s.usedCount.Load() < end/8
}

// grow makes the file one of end pages, the new ones free.
func (s *space) grow(end uint32) {
	for uint32(len(s.busy))*64 < end {
		s.busy, s.used = append(s.busy, 0), append(s.used, 0)
		if s.inPlace {
			s.bare, s.spared, s.owed = append(s.bare, 0), append(s.spared, 0), append(s.owed, 0)
		}
	}
	for len(s.full)*64 < len(s.busy) {
		s.full = append(s.full, 0)
	}
	for len(s.mapDirty)*s.mapBits < int(end) {
		s.mapDirty = append(s.mapDirty, false)
	}
	s.end.Store(max(end, s.end.Load()))
	s.memory.Store(int64(8 * (cap(s.used) + cap(s.busy) + cap(s.full) + cap(s.bare) + cap(s.spared) + cap(s.owed))))
}

// mark makes a free page used.
func (s *space) mark(id uint32) {
	setBit(s.used, id)
	setBit(s.busy, id)
	if w := id / 64; s.busy[w] == ^uint64(0) {
		setBit(s.full, w)
	}
	s.mapDirty[int(id)/s.mapBits] = true
	s.usedCount.Add(1)
}

// unuse makes a used page a held one.
func (s *space) unuse(id uint32) {
	if getBit(s.used, id) {
		clearBit(s.used, id)
		s.mapDirty[int(id)/s.mapBits] = true
		s.usedCount.Add(-1)
	}
}

// release makes a page that is not used free, or spares it.
func (s *space) release(id uint32) {
	if s.inPlace && getBit(s.bare, id) {
		setBit(s.spared, id)
		s.sparedCount++
		s.sparedHint = min(s.sparedHint, int(id/64))
		return
	}
	s.free(id)
}

// free makes a page free that is neither used nor held.
func (s *space) free(id uint32) {
	clearBit(s.busy, id)
	clearBit(s.full, id/64)
	s.hint = min(s.hint, int(id/4096))
	s.fits.lower(id)
	if w := int(id / 64); runIn(s.busy[w]) < 64 {
		s.runHint = min(s.runHint, w)
	}
}

// trim cuts off free pages at the end and returns how many pages are left.
func (s *space) trim() uint32 {
	end := s.end.Load()
	for end > 0 && !getBit(s.busy, end-1) {
		end--
	}
	return end
}

// usedEnd returns the number of pages up to the last used one.
func (s *space) usedEnd() uint32 {
	end := s.end.Load()
	for end > 0 && !getBit(s.used, end-1) {
		end--
	}
	return end
}

// encodeMap writes the used bits of stretch i into a map page.
func (s *space) encodeMap(p page, r ref, i int) {
	clear(p)
	p.start(r, kindMap, 0)
	clear(p[18:pageHeader])
	words := s.mapBits / 64
	for k := 0; k < words && i*words+k < len(s.used); k++ {
		binary.LittleEndian.PutUint64(p[pageHeader+8*k:], s.used[i*words+k])
	}
}

// decodeMap takes the used bits of stretch i from a map page. It returns false
// if pages beyond the end are said to be used.
func (s *space) decodeMap(p page, i int) bool {
	words := s.mapBits / 64
	for k := range words {
		v := binary.LittleEndian.Uint64(p[pageHeader+8*k:])
		for ; v != 0; v &= v - 1 {
			id := (i*words+k)*64 + bits.TrailingZeros64(v)
			if id >= int(s.end.Load()) {
				return false
			}
			s.mark(uint32(id))
		}
	}
	s.mapDirty[i] = false
	return true
}
