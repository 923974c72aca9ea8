package ftl

import (
	"fmt"
	"math/bits"
)

// A Placement says where the file system looks for room for what continues no
// file's last piece.
type Placement uint8

const (
	// NextFit goes on where the last search ended, as ext4 does for all but small files.
	NextFit Placement = iota
	// FirstFit begins at the lowest address.
	FirstFit
	placements
)

var placementNames = [placements]string{"next", "first"}

func (p Placement) String() string {
	if p < placements {
		return placementNames[p]
	}
	return fmt.Sprintf("placement(%d)", uint8(p))
}

// Placements returns the names of the placements, each at the place of its value.
func Placements() []string { return append([]string(nil), placementNames[:]...) }

// An allocator hands out the logical pages of a device in runs. It searches a
// bitmap for the first run that is long enough, and takes the longest there is if none is.
type allocator struct {
	used  []uint64 // a bit a page; the bits past the last page are set
	pages int64
	free  int64
	place Placement
	next  int64 // where the last search ended
}

func newAllocator(pages int64, place Placement) *allocator {
	a := &allocator{used: make([]uint64, (pages+63)/64), pages: pages, free: pages, place: place}
	if rest := pages % 64; rest != 0 {
		a.used[len(a.used)-1] = ^uint64(0) << rest
	}
	return a
}

// take hands out up to n pages in one run, which begins at goal if that page is
// free: got of them from page on, at least one. goal may be any number. Some page must be free.
func (a *allocator) take(goal, n int64) (page, got int64) {
	if goal >= 0 && goal < a.pages && a.isFree(goal) {
		page, got = goal, min(n, a.runEnd(goal, goal+n)-goal)
	} else {
		page, got = a.search(n)
		a.next = page + got
	}
	a.mark(page, got)
	return page, got
}

// search finds the first free run of n pages at or after the place where this
// search begins, and after it from address zero; or else the longest run.
func (a *allocator) search(n int64) (page, got int64) {
	start := int64(0)
	if a.place == NextFit && a.next < a.pages {
		start = a.next
	}
	for _, span := range [2][2]int64{{start, a.pages}, {0, start}} {
		for at := a.nextFree(span[0]); at < span[1]; {
			end := a.runEnd(at, at+n)
			if end-at >= n {
				return at, n
			}
			if end-at > got {
				page, got = at, end-at
			}
			at = a.nextFree(end)
		}
	}
	return page, got
}

func (a *allocator) isFree(page int64) bool { return a.used[page/64]>>(page%64)&1 == 0 }

// nextFree returns the first free page at or after page, or the number of pages.
func (a *allocator) nextFree(page int64) int64 {
	for page < a.pages {
		if word := ^a.used[page/64] >> (page % 64); word != 0 {
			return page + int64(bits.TrailingZeros64(word))
		}
		page = (page/64 + 1) * 64
	}
	return a.pages
}

// runEnd returns the first page after page that is in use, at most limit.
func (a *allocator) runEnd(page, limit int64) int64 {
	limit = min(limit, a.pages)
	for page < limit {
		if word := a.used[page/64] >> (page % 64); word != 0 {
			return min(limit, page+int64(bits.TrailingZeros64(word)))
		}
		page = (page/64 + 1) * 64
	}
	return limit
}

// mark makes n pages used, which are free.
func (a *allocator) mark(page, n int64) {
	for p := page; p < page+n; p++ {
		a.used[p/64] |= 1 << (p % 64)
	}
	a.free -= n
}

// release makes a used page free.
func (a *allocator) release(page int64) {
	a.used[page/64] &^= 1 << (page % 64)
	a.free++
}
