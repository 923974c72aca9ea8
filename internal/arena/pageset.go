package arena

import "math/bits"

// A pageSet is a set of page numbers that knows its least: a bit for each page,
// and above them one for each chunk that has any.
type pageSet struct {
	least  uint32   // 0 if there are none
	pages  []uint64 // by chunk
	chunks []uint64 // by 64 chunks: bit set if the chunk's pages are not zero
}

func (s *pageSet) has(page uint32) bool {
	chunk := page / chunkPages
	return int(chunk) < len(s.pages) && s.pages[chunk]>>(page%chunkPages)&1 != 0
}

func (s *pageSet) add(page uint32) {
	chunk := page / chunkPages
	for int(chunk) >= len(s.pages) {
		s.pages = append(s.pages, 0)
	}
	for int(chunk/64) >= len(s.chunks) {
		s.chunks = append(s.chunks, 0)
	}
	s.pages[chunk] |= 1 << (page % chunkPages)
	s.chunks[chunk/64] |= 1 << (chunk % 64)
	if s.least == 0 || page < s.least {
		s.least = page
	}
}

func (s *pageSet) remove(page uint32) {
	chunk := page / chunkPages
	s.pages[chunk] &^= 1 << (page % chunkPages)
	if s.pages[chunk] == 0 {
		s.chunks[chunk/64] &^= 1 << (chunk % 64)
	}
	if page == s.least {
		s.least = s.from(chunk)
	}
}

// from returns the least page of those in a chunk and the ones after it, or 0.
// Words of chunks without any are passed over by 64: of an arena of 10 GiB these
// are some eighty.
func (s *pageSet) from(chunk uint32) uint32 {
	word := s.chunks[chunk/64] >> (chunk % 64) << (chunk % 64)
	for i := chunk / 64; ; word = s.chunks[i] {
		if word != 0 {
			chunk = i*64 + uint32(bits.TrailingZeros64(word))
			return chunk*chunkPages + uint32(bits.TrailingZeros64(s.pages[chunk]))
		}
		if i++; int(i) == len(s.chunks) {
			return 0
		}
	}
}

// len counts the pages.
func (s *pageSet) len() (n int) {
	for _, word := range s.pages {
		n += bits.OnesCount64(word)
	}
	return n
}
