package ftl

import (
	"math/rand/v2"
	"testing"
)

// The allocator's bit tricks must find what a plain search finds.
func TestTheAllocatorFindsTheFirstRunThatIsLongEnough(t *testing.T) {
	r := rand.NewPCG(1, 2)
	for range 300 {
		pages := 1 + below(r, 300)
		a := newAllocator(pages, Placement(below(r, int64(placements))))
		used := make([]bool, pages)
		for range 200 {
			if a.free == 0 || below(r, 3) == 0 {
				for p := range pages {
					if used[p] && below(r, 3) == 0 {
						used[p] = false
						a.release(p)
					}
				}
				continue
			}
			goal, n, from := below(r, pages+2)-1, 1+below(r, 90), a.next
			page, got := a.take(goal, n)
			wantPage, wantGot := plainTake(used, goal, n, from, a.place)
			if page != wantPage || got != wantGot {
				t.Fatalf("%s fit of %d pages near %d, from %d: %d pages at %d, not %d at %d", a.place, n, goal, from, got, page, wantGot, wantPage)
			}
			for p := page; p < page+got; p++ {
				used[p] = true
			}
		}
	}
}

func plainTake(used []bool, goal, n, from int64, place Placement) (page, got int64) {
	pages := int64(len(used))
	length := func(p int64) int64 {
		end := p
		for end < pages && end-p < n && !used[end] {
			end++
		}
		return end - p
	}
	if goal >= 0 && goal < pages && !used[goal] {
		return goal, length(goal)
	}
	if place == FirstFit || from >= pages {
		from = 0
	}
	for i := range pages {
		p := (from + i) % pages
		if l := length(p); l > got {
			page, got = p, l
		}
		if got == n {
			break
		}
	}
	return page, got
}
