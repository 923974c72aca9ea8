package btree

import (
	"math/rand/v2"
	"testing"
)

// TestExtentsAgreeWithAModel takes and gives back extents beside a slice of bools, of which
// the lowest fit is sought one by one.
func TestExtentsAgreeWithAModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 7))
	s := newSpace(MinPageSize)
	busy := make([]bool, 4096)
	lowest := func(n int) uint32 {
		free := 0
		for id := range busy {
			if free++; busy[id] {
				free = 0
			}
			if free == n {
				return uint32(id + 1 - n)
			}
		}
		panic("the model is full")
	}
	type extent struct {
		id uint32
		n  int
	}
	var taken []extent
	for step := range 20_000 {
		if i := rng.IntN(400); i < len(taken) && step > 500 {
			e := taken[i]
			taken[i] = taken[len(taken)-1]
			taken = taken[:len(taken)-1]
			for id := e.id; id < e.id+uint32(e.n); id++ {
				s.unuse(id)
				s.release(id)
				busy[id] = false
			}
			continue
		}
		n := 1 + rng.IntN(pageUnits)
		want, behind := lowest(n), uint32(0)
		switch {
		case len(taken) > 0 && step%3 == 0:
			last := taken[len(taken)-1]
			behind = last.id + uint32(last.n)
			if s.freeAt(behind, n) {
				want = behind
			}
		}
		id, err := s.allocExtent(n, behind, false)
		if mustDo(t, err); id != want {
			t.Fatalf("step %d: %d units are at %d, want %d", step, n, id, want)
		}
		taken = append(taken, extent{id, n})
		for id := want; id < want+uint32(n); id++ {
			if busy[id] {
				t.Fatalf("step %d: unit %d is taken twice", step, id)
			}
			busy[id] = true
		}
	}
	if run := s.lowest(runUnits); run != lowest(runUnits) {
		t.Errorf("the lowest run is at %d, want %d", run, lowest(runUnits))
	}
}

func TestTheLastUnitIsNotBeyondTheLimit(t *testing.T) {
	s := newSpace(MinPageSize)
	s.limit = 20
	for range 2 {
		_, err := s.allocExtent(pageUnits, 0, false)
		mustDo(t, err)
	}
	if _, err := s.allocExtent(pageUnits, 0, false); err == nil {
		t.Error("an extent beyond the limit was given")
	}
	id, err := s.allocExtent(4, 0, true)
	if mustDo(t, err); id != 16 {
		t.Errorf("the last four units are at %d", id)
	}
}
