package join_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/statelab/statelab/join"
)

// TestEveryPrefixOfTheHistoryResumes proves J7 and J8: a store opened at any
// point of its history, with the output cut to what the note says, goes on to
// the same output.
func TestEveryPrefixOfTheHistoryResumes(t *testing.T) {
	seeds := uint64(5)
	if testing.Short() {
		seeds = 2
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 2))
		spec, in := randomSpec(r), randomInput(r, 150)
		if seed == 0 {
			// All fires at the end, and marks more than a mini-batch holds.
			spec.MaxDisorder = [2]time.Duration{join.Unbounded, join.Unbounded}
			spec.Lower, spec.Upper = -60*time.Microsecond, 60*time.Microsecond
			in = randomInput(r, 1600)
		}
		store := newMapStore()
		var out output
		op := mustNew(t, store, spec, out.hooks())
		if err := feed(r, op, in); err != nil {
			t.Fatal(err)
		}
		want, wantSummary := out.String(), op.Summary()
		stride := 1
		if seed == 0 {
			stride = 5
		}
		for n := 0; n <= len(store.history); n += stride {
			var out output
			op := mustNew(t, openAt(store.history[:n]), spec, out.hooks())
			if note := op.Note(); note != nil {
				out.WriteString(want[:binary.LittleEndian.Uint32(note)])
			}
			if err := feed(r, op, in); err != nil {
				t.Fatalf("seed %d, prefix %d: %v", seed, n, err)
			}
			if out.String() != want || op.Summary() != wantSummary {
				t.Fatalf("seed %d, prefix %d:\n%s%+v\nwant\n%s%+v", seed, n, out.String(), op.Summary(), want, wantSummary)
			}
		}
	}
}
