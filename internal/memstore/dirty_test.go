package memstore

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func TestAGrainSetHoldsWhatWasPutIn(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var s grainSet
	model := map[uint32]bool{}
	for range 200 {
		base := rnd.Uint32N(4) * partGrains * 3 / 4 // some parts are never used
		for range 50 {
			grain := base + rnd.Uint32N(1<<rnd.IntN(17))
			if s.has(grain) != model[grain] {
				t.Fatalf("grain %d is in the set: %v", grain, s.has(grain))
			}
			if model[grain] {
				s.remove(grain)
				delete(model, grain)
			} else {
				s.add(grain)
				model[grain] = true
			}
		}
		var want, got []uint32
		for grain := range model {
			want = append(want, grain)
		}
		slices.Sort(want)
		for grain, ok := s.from(0); ok; grain, ok = s.from(grain + 1) {
			got = append(got, grain)
		}
		if !slices.Equal(got, want) || s.n != len(want) {
			t.Fatalf("the set holds %d grains and walks over %d, not the %d that were put in", s.n, len(got), len(want))
		}
	}
}
