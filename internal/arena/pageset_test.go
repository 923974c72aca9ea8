package arena

import (
	"math/rand/v2"
	"testing"
)

func TestAPageSetKnowsItsLeast(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var s pageSet
	model := map[uint32]bool{}
	for range 3000 {
		page := 1 + rnd.Uint32N(200)*rnd.Uint32N(200) // over several words of chunks
		if model[page] = !model[page]; model[page] {
			s.add(page)
		} else {
			delete(model, page)
			s.remove(page)
		}
		least := uint32(0)
		for p := range model {
			if least == 0 || p < least {
				least = p
			}
		}
		if s.least != least || s.len() != len(model) || s.has(page) != model[page] {
			t.Fatalf("after a change of page %d the set has %d pages, the least %d; want %d and %d", page, s.len(), s.least, len(model), least)
		}
	}
}
