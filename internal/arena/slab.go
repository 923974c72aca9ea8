package arena

import (
	"fmt"
	"math/bits"
)

// slabs cuts spans, which are runs of pages, into pieces of one size, their
// class. So what is freed serves for pieces of its class at once and, when its
// whole span is free, for any. Pieces over 128 KiB are runs of their own.
//
// After J. Bonwick, "The slab allocator" (1994), and Google's tcmalloc.
type slabs struct {
	chunks chunks
	spans  []span          // by page number
	open   [classes]uint32 // first span with a free piece, by class; 0 is none
	pages  [classes]uint8  // of a span
	room   [classes]uint16 // pieces of a span
}

// A span is the account of a run of pages, kept with its first one. Of the
// others only back is used.
type span struct {
	class      uint8  // of its pieces; 0 is none
	back       uint8  // how many pages before this one its span begins
	used       uint16 // pieces in use
	fresh      uint16 // pieces that were ever in use
	free       Ref    // first free one of these; its first 4 bytes name the next
	next, prev uint32 // in the list of the class; 0 is none
}

// Classes 1 to 16 are the multiples of 8 up to 128; from there on there are
// four to each power of two, which wastes a tenth on average.
const (
	maxSmall     = 128 << 10
	maxSmallLog  = 17
	fineClasses  = 16
	fineLog      = 7 // of the largest of them
	classes      = 1 + fineClasses + 4*(maxSmallLog-fineLog)
	maxSpanPages = 16
	maxSpanWaste = 8 // at most one part in so many lies behind a span's last piece
)

// NewSlabs returns an arena that takes memory from the system 2 MiB at a time and
// gives pieces back one by one.
func NewSlabs() *Arena {
	s := &slabs{}
	for class := 1; class < classes; class++ {
		size, n := classSize(class), 1
		for n < maxSpanPages && n*pageSize%size > n*pageSize/maxSpanWaste {
			n++
		}
		s.pages[class], s.room[class] = uint8(n), uint16(n*pageSize/size)
	}
	s.chunks.all = make([]chunk, 1)
	return newArena(chunkShift, s)
}

func classOf(size int) int {
	if size <= 1<<fineLog {
		return max(1, (size+wordSize-1)/wordSize)
	}
	log := bits.Len(uint(size-1)) - 1 // 1<<log < size <= 2<<log
	quarter := (size - 1) >> (log - 2) & 3
	return 1 + fineClasses + 4*(log-fineLog) + quarter
}

func classSize(class int) int {
	if class <= fineClasses {
		return class * wordSize
	}
	class -= 1 + fineClasses
	return (5 + class%4) << (class/4 + fineLog - 2)
}

func (s *slabs) sizeOf(n int) int {
	if n > maxSmall {
		return roundUp(n, pageSize)
	}
	return classSize(classOf(n))
}

func (s *slabs) alloc(a *Arena, size int) (Ref, error) {
	if size > maxSmall {
		page, err := s.chunks.take(a, size/pageSize)
		return Ref(page) << pageShift, err
	}
	class := classOf(size)
	page := s.open[class]
	if page == 0 {
		var err error
		if page, err = s.newSpan(a, class); err != nil {
			return 0, err
		}
	}
	sp := &s.spans[page]
	ref := sp.free
	if ref != 0 {
		sp.free = *(*Ref)(a.Ptr(ref))
	} else {
		ref = Ref(page)<<pageShift + Ref(int(sp.fresh)*size/wordSize)
		sp.fresh++
	}
	sp.used++
	if sp.used == s.room[class] {
		s.unlink(page)
	}
	return ref, nil
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
	s.spans[first] = span{class: uint8(class)}
	for i := 1; i < n; i++ {
		s.spans[first+i] = span{back: uint8(i)}
	}
	s.link(uint32(first))
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
	if int(sp.class) != classOf(size) {
		panic(fmt.Sprintf("arena: a piece of %d bytes is freed as one of %d", classSize(int(sp.class)), size))
	}
	*(*Ref)(a.Ptr(ref)) = sp.free
	sp.free = ref
	if sp.used == s.room[sp.class] {
		s.link(page)
	}
	sp.used--
	if sp.used == 0 {
		s.unlink(page)
		n := int(s.pages[sp.class])
		clear(s.spans[page : int(page)+n])
		s.chunks.give(a, int(page), n)
	}
}

// link puts a span first in the list of its class.
func (s *slabs) link(page uint32) {
	sp := &s.spans[page]
	head := s.open[sp.class]
	sp.next, sp.prev = head, 0
	if head != 0 {
		s.spans[head].prev = page
	}
	s.open[sp.class] = page
}

func (s *slabs) unlink(page uint32) {
	sp := &s.spans[page]
	if sp.next != 0 {
		s.spans[sp.next].prev = sp.prev
	}
	if sp.prev != 0 {
		s.spans[sp.prev].next = sp.next
	} else {
		s.open[sp.class] = sp.next
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
	listed, err := s.checkLists()
	if err != nil {
		return err
	}
	inUse := int64(0)
	for page := range s.spans {
		sp := &s.spans[page]
		if sp.class == 0 {
			continue
		}
		if listed[uint32(page)] != (sp.used < s.room[sp.class]) {
			return fmt.Errorf("M5: the span of page %d has %d of %d pieces in use, and is in a list: %v", page, sp.used, s.room[sp.class], listed[uint32(page)])
		}
		if err := s.checkSpan(a, page); err != nil {
			return err
		}
		inUse += int64(sp.used) * int64(classSize(int(sp.class)))
	}
	if inUse > a.InUse() || (a.InUse()-inUse)%pageSize != 0 {
		return fmt.Errorf("M4: %d bytes are in use, and spans count %d", a.InUse(), inUse)
	}
	return nil
}

// checkLists walks the lists of open spans.
func (s *slabs) checkLists() (map[uint32]bool, error) {
	listed := map[uint32]bool{}
	for class, page := range s.open {
		for prev := uint32(0); page != 0; prev, page = page, s.spans[page].next {
			sp := &s.spans[page]
			if int(sp.class) != class || sp.prev != prev || listed[page] {
				return nil, fmt.Errorf("M5: the span of page %d stands wrong in the list of class %d", page, class)
			}
			listed[page] = true
		}
	}
	return listed, nil
}

// checkSpan verifies that a span has its pages, and that its free pieces lie in
// it, are distinct, and are as many as are not in use.
func (s *slabs) checkSpan(a *Arena, page int) error {
	sp := &s.spans[page]
	n, size := int(s.pages[sp.class]), classSize(int(sp.class))
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
