package btree

import "math/bits"

// A tree that is updated in place could write every page that it makes over one that it has
// just given up, and the file would never be longer than what is used. But each such
// page of the last commit costs an image. So there is some room in the file for new pages beside:

const (
	slackShare = 32 // of the pages used
	slackLeast = 4  // pages
)

// mayHold returns how many pages the file may have before spared ones are taken.
func (s *space) mayHold() uint32 {
	used := s.usedCount.Load()
	return uint32(min(used+max(used/slackShare, slackLeast), int64(s.limit)))
}

// unspare makes the lowest spared pages free, at least one and up to 64 that are near each other, so
// that leaves which are made one after the other find their places side by side.
func (s *space) unspare() {
	for ; s.spared[s.sparedHint] == 0; s.sparedHint++ {
	}
	most := 1
	for most < 64 && s.mayOwe(2*most) {
		most *= 2
	}
	s.freeSpared(s.sparedHint, most, s.owe)
}

// freeSpared makes spared pages of a word free, the lowest, and tells of each.
func (s *space) freeSpared(word, most int, tell func(id uint32)) {
	for ; most > 0 && s.spared[word] != 0; most-- {
		id := uint32(word*64 + bits.TrailingZeros64(s.spared[word]))
		clearBit(s.spared, id)
		s.sparedCount--
		tell(id)
		s.free(id)
	}
}

// An image is owed from the moment in which its page is given away to be overwritten. So all
// that there are and all that may still come are counted, and can be bounded: where no
// more may be, what changes gets another place, as copy-on-write would have it, and the file
// becomes longer.

// mayOverwrite says whether a page can be changed where it is.
func (s *space) mayOverwrite(id uint32) bool {
	return !s.inPlace || !getBit(s.bare, id) || getBit(s.owed, id) || s.mayOwe(1)
}

// owe takes note that a page may be overwritten.
func (s *space) owe(id uint32) {
	if s.inPlace && getBit(s.bare, id) && !getBit(s.owed, id) {
		setBit(s.owed, id)
		s.owedCount++
	}
}

// imaged takes note that a bare page has its image now.
func (s *space) imaged(id uint32) {
	clearBit(s.bare, id)
	if getBit(s.owed, id) {
		clearBit(s.owed, id)
		s.owedCount--
	}
}

// rebase takes note that the pages that are used now are those of the last commit. Of
// pages in imaged there are images.
func (s *space) rebase(imaged []uint64) {
	if !s.inPlace {
		return
	}
	for word := range s.spared {
		s.freeSpared(word, 64, func(uint32) {})
	}
	copy(s.bare, s.used)
	clear(s.owed)
	s.owedCount = 0
	for word, bits := range imaged {
		s.bare[word] &^= bits
	}
}
