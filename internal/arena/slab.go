package arena

import (
	"fmt"
	"math/bits"
)

// slabs cuts spans, which are runs of pages, into pieces of one size, their
// class. So what is freed serves for pieces of its class at once and, when its
// whole span is free, for any. Pieces over 128 KiB are runs of their own.
//
// What comes together goes into one span, since what came together dies together
// where first in is first out, as in the state of a join: then spans run out one
// after another, whatever sizes come next. So a class fills one span at a time,
// and takes a new one after it, unless so many of its pieces are free that they
// are half a span and a tenth of those in use. Then it fills up the first
// span that has a free one, or a new one if there is room for that in a chunk
// before. As new spans are taken from the first free pages, too, the last chunks
// run out when less is needed than before.
//
// Filling up holes whenever there are any mixes ages, and then spans stay in use
// when other sizes come; that was tried first. It is right for pieces whose life
// has nothing to do with when they came, as those that an index is made of. They
// are called lasting, and have classes, and so spans, to themselves: among others
// each of them would keep a span from running out.
//
// After J. Bonwick, "The slab allocator" (1994), and Google's tcmalloc; for the
// order of addresses M. Johnstone and P. Wilson, "The memory fragmentation
// problem: solved?" (1998).
type slabs struct {
	chunks chunks
	spans  []span               // by page number
	open   [2 * classes]pageSet // first pages of spans with a free piece, by class
	filled [2 * classes]uint32  // first page of the span that is being filled, or 0
	used   [2 * classes]int     // pieces in use
	unused [2 * classes]int     // pieces of spans that are not
	size   [2 * classes]uint32  // of a piece
	room   [2 * classes]uint16  // pieces of a span
	pages  [2 * classes]uint8   // of a span

	lasting bool // see Arena.AllocLasting
}

// A span is the account of a run of pages, kept with its first one. Of the
// others only back is used.
type span struct {
	class uint16 // of its pieces, and classes more if they are lasting; 0 is none
	back  uint8  // how many pages before this one its span begins
	used  uint16 // pieces in use
	fresh uint16 // pieces that were ever in use
	free  Ref    // first free one of these; its first 4 bytes name the next
}

// Classes are the multiples of 8 up to 256; from there on there are 32 to each
// power of two up to 4 KiB, which wastes a sixtieth on average, where a piece of
// 513 bytes wastes 15; and from there four, which wastes a tenth, since spans of
// large pieces that are not full would waste more.
const (
	maxSmall     = 128 << 10
	maxSmallLog  = 17
	fineLog      = 8  // of the largest multiple of 8
	middleLog    = 12 // of the largest with 32 to a power of two
	fineClasses  = 1 << fineLog / wordSize
	coarseFirst  = 1 + fineClasses + 32*(middleLog-fineLog)
	classes      = coarseFirst + 4*(maxSmallLog-middleLog)
	maxSpanPages = 16
	maxSpanWaste = 8  // at most one part in so many lies behind a span's last piece
	mostUnused   = 10 // at most one piece for so many in use is left free, but for a span
)

// NewSlabs returns an arena that takes memory from the system 2 MiB at a time and
// gives pieces back one by one.
func NewSlabs() *Arena {
	s := &slabs{chunks: newChunks()}
	for class := 1; class < classes; class++ {
		size, n := classSize(class), 1
		for n < maxSpanPages && n*pageSize%size > n*pageSize/maxSpanWaste {
			n++
		}
		for _, class := range [...]int{class, class + classes} {
			s.size[class], s.pages[class], s.room[class] = uint32(size), uint8(n), uint16(n*pageSize/size)
		}
	}
	a := newArena(chunkShift, s)
	a.grainShift = grainShift
	return a
}

func classOf(size int) int {
	if size <= 1<<fineLog {
		return max(1, (size+wordSize-1)/wordSize)
	}
	log := bits.Len(uint(size-1)) - 1 // 1<<log < size <= 2<<log
	if log < middleLog {
		return 1 + fineClasses + 32*(log-fineLog) + (size-1)>>(log-5)&31
	}
	return coarseFirst + 4*(log-middleLog) + (size-1)>>(log-2)&3
}

// classSize is the inverse of classOf: the size of the largest pieces of a class.
func classSize(class int) int {
	switch {
	case class <= fineClasses:
		return class * wordSize
	case class < coarseFirst:
		class -= 1 + fineClasses
		return (33 + class%32) << (class/32 + fineLog - 5)
	default:
		class -= coarseFirst
		return (5 + class%4) << (class/4 + middleLog - 2)
	}
}

func (s *slabs) sizeOf(n int) int {
	if n > maxSmall {
		return roundUp(n, pageSize)
	}
	return int(s.size[classOf(n)])
}

func (s *slabs) alloc(a *Arena, size int) (Ref, error) {
	if size > maxSmall {
		page, err := s.chunks.take(a, size/pageSize)
		return Ref(page) << pageShift, err
	}
	if s.chunks.empty != 0 {
		s.chunks.tick(a)
	}
	class := classOf(size)
	if s.lasting {
		class += classes
	}
	return s.allocFrom(a, &s.filled[class], class)
}

// allocFrom takes a piece from a span of its class that has one, the filled one as
// long as that is such a span.
func (s *slabs) allocFrom(a *Arena, filled *uint32, class int) (Ref, error) {
	page := *filled
	if !s.canFill(page, class) {
		var err error
		if page, err = s.spanToFill(a, class); err != nil {
			return 0, err
		}
		*filled = page
	}
	sp := &s.spans[page]
	s.used[class]++
	s.unused[class]--
	ref := sp.free
	if ref != 0 {
		sp.free = *(*Ref)(a.Ptr(ref))
	} else {
		ref = Ref(page)<<pageShift + Ref(int(sp.fresh)*int(s.size[class])/wordSize)
		sp.fresh++
	}
	sp.used++
	if sp.used == s.room[class] {
		s.open[class].remove(page)
	}
	return ref, nil
}

// canFill says whether a span of a class with a free piece begins with a page.
func (s *slabs) canFill(page uint32, class int) bool {
	return page != 0 && s.spans[page].class == uint16(class) && s.spans[page].used < s.room[class]
}

// maxStrays is how many pieces of other classes come to a lane one after another until
// it takes up theirs.
const maxStrays = 16

// allocIn is alloc in a lane.
func (s *slabs) allocIn(a *Arena, lane *Lane, size int) (Ref, error) {
	if size > maxSmall {
		return s.alloc(a, size)
	}
	class := classOf(size)
	if class != int(lane.class) {
		if lane.class != 0 && lane.strays < maxStrays {
			lane.strays++
			return s.alloc(a, size)
		}
		lane.class = uint16(class)
	}
	lane.strays = 0
	if s.chunks.empty != 0 {
		s.chunks.tick(a)
	}
	return s.allocFrom(a, &lane.page, class)
}

// spanToFill returns a span of a class that has a free piece.
func (s *slabs) spanToFill(a *Arena, class int) (page uint32, err error) {
	page = s.open[class].least
	if page != 0 && s.lasting {
		return page, nil
	}
	if page != 0 && s.unused[class] >= max(int(s.room[class])/2, s.used[class]/mostUnused) && !s.chunks.hasBefore(page, int(s.pages[class])) {
		return page, nil
	}
	first, err := s.newSpan(a, class)
	if err != nil && page != 0 {
		return page, nil
	}
	return first, err
}

func (s *slabs) newSpan(a *Arena, class int) (uint32, error) {
	n := int(s.pages[class])
	first, err := s.chunks.take(a, n)
	if err != nil {
		return 0, err
	}
	for len(s.spans) < len(s.chunks.all)*chunkPages {
		s.spans = append(s.spans, make([]span, chunkPages)...)
	}
	s.spans[first] = span{class: uint16(class)}
	s.unused[class] += int(s.room[class])
	for i := 1; i < n; i++ {
		s.spans[first+i] = span{back: uint8(i)}
	}
	s.open[class].add(uint32(first))
	return uint32(first), nil
}

func (s *slabs) free(a *Arena, ref Ref, size int) {
	page := uint32(ref >> pageShift)
	if size > maxSmall {
		s.chunks.give(a, int(page), size/pageSize)
		return
	}
	page -= uint32(s.spans[page].back)
	sp := &s.spans[page]
	if int(sp.class)%classes != classOf(size) {
		panic(fmt.Sprintf("arena: a piece of %d bytes is freed as one of %d", s.size[sp.class], size))
	}
	*(*Ref)(a.Ptr(ref)) = sp.free
	sp.free = ref
	if sp.used == s.room[sp.class] {
		s.open[sp.class].add(page)
	}
	sp.used--
	s.used[sp.class]--
	s.unused[sp.class]++
	if sp.used == 0 {
		s.open[sp.class].remove(page)
		s.unused[sp.class] -= int(s.room[sp.class])
		if s.filled[sp.class] == page {
			s.filled[sp.class] = 0
		}
		n := int(s.pages[sp.class])
		clear(s.spans[page : int(page)+n])
		s.chunks.give(a, int(page), n)
	}
}

func (s *slabs) release() {
	s.chunks.release()
	s.spans = nil
	clear(s.open[:])
}

// check verifies M4 to M6, as far as pieces of up to 128 KiB go.
func (s *slabs) check(a *Arena) error {
	if err := s.chunks.check(); err != nil {
		return err
	}
	inUse, open := int64(0), 0
	for page := range s.spans {
		sp := &s.spans[page]
		if sp.class == 0 {
			continue
		}
		isOpen := sp.used < s.room[sp.class]
		if set := &s.open[sp.class]; set.has(uint32(page)) != isOpen || isOpen && set.least > uint32(page) {
			return fmt.Errorf("M5: the span of page %d has %d of %d pieces in use, and is noted as open: %v; the first is %d", page, sp.used, s.room[sp.class], set.has(uint32(page)), set.least)
		}
		if isOpen {
			open++
		}
		if err := s.checkSpan(a, page); err != nil {
			return err
		}
		inUse += int64(sp.used) * int64(s.size[sp.class])
	}
	for class := range s.open {
		open -= s.open[class].len()
	}
	if open != 0 {
		return fmt.Errorf("M5: %d pages are noted as spans with a free piece, and are none", -open)
	}
	if inUse > a.InUse() || (a.InUse()-inUse)%pageSize != 0 {
		return fmt.Errorf("M4: %d bytes are in use, and spans count %d", a.InUse(), inUse)
	}
	return nil
}

// checkSpan verifies that a span has its pages, and that its free pieces lie in
// it, are distinct, and are as many as are not in use.
func (s *slabs) checkSpan(a *Arena, page int) error {
	sp := &s.spans[page]
	n, size := int(s.pages[sp.class]), int(s.size[sp.class])
	for i := range n {
		if int(s.spans[page+i].back) != i || s.chunks.all[page/chunkPages].free>>((page+i)%chunkPages)&1 != 0 {
			return fmt.Errorf("M6: page %d is not in the span of page %d", page+i, page)
		}
	}
	seen := make([]bool, sp.fresh)
	free := 0
	for ref := sp.free; ref != 0; ref = *(*Ref)(a.Ptr(ref)) {
		off := (int(ref) - page<<pageShift) * wordSize
		if off < 0 || off%size != 0 || off/size >= len(seen) || seen[off/size] {
			return fmt.Errorf("M5: free piece %#x of the span of page %d is not one of its %d pieces, or is free twice", ref, page, sp.fresh)
		}
		seen[off/size] = true
		free++
	}
	if int(sp.used)+free != int(sp.fresh) || sp.fresh > s.room[sp.class] {
		return fmt.Errorf("M5: of the span of page %d with room for %d pieces %d were ever used, %d are in use and %d free", page, s.room[sp.class], sp.fresh, sp.used, free)
	}
	return nil
}
