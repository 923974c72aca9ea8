package join

import (
	"math/rand/v2"
	"testing"
)

// TestMarksAreThoseOfTheBatchAtLeast compares marks with a set, across pages and
// across batches that make them forget.
func TestMarksAreThoseOfTheBatchAtLeast(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	m := newMarks()
	ever, batch := [2]map[uint64]bool{{}, {}}, [2]map[uint64]bool{{}, {}}
	forgotten := 0
	for range 400 {
		for range 100 {
			side, seq := Side(r.IntN(2)), r.Uint64()>>r.IntN(64)
			m.add(side, seq)
			ever[side][seq], batch[side][seq] = true, true
			if next := seq + 1; m.has(side, next) && !ever[side][next] {
				t.Fatalf("%v %d was never marked", side, next)
			}
		}
		for side := range batch {
			for seq := range batch[side] {
				if !m.has(Side(side), seq) {
					t.Fatalf("%v %d of this batch is not marked", Side(side), seq)
				}
			}
			clear(batch[side])
		}
		m.applied()
		for side := range m {
			if len(m[side].pages) > markPageLimit {
				t.Fatalf("%d pages are kept", len(m[side].pages))
			}
			if len(m[side].pages) == 0 {
				forgotten++
			}
		}
	}
	if forgotten == 0 {
		t.Error("nothing was ever forgotten")
	}
}
