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

// unspare makes the lowest spared pages free, up to 64 that are near each other, so
// that leaves which are made one after the other find their places side by side.
func (s *space) unspare() {
	for ; s.spared[s.sparedHint] == 0; s.sparedHint++ {
	}
	s.freeSpared(s.sparedHint)
}

func (s *space) freeSpared(word int) {
	v := s.spared[word]
	s.spared[word] = 0
	s.sparedCount -= bits.OnesCount64(v)
	for ; v != 0; v &= v - 1 {
		s.free(uint32(word*64 + bits.TrailingZeros64(v)))
	}
}

// rebase takes note that the pages that are used now are those of the last commit. Of
// pages in imaged there are images.
func (s *space) rebase(imaged []uint64) {
	if !s.inPlace {
		return
	}
	for word := range s.spared {
		s.freeSpared(word)
	}
	copy(s.bare, s.used)
	for word, bits := range imaged {
		s.bare[word] &^= bits
	}
}
