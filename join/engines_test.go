package join_test

import (
	"flag"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/vfs"
)

var (
	engineCases = flag.Int("join.cases", 10_000, "random joins over engines to hold against their oracles, of all kinds and engines together")
	engineSeed  = flag.Uint64("join.seed", 0, "seed of the first of each kind on each engine")
)

// TestEveryKindOnEveryEngine gives engines so little memory that some state goes
// to disk. Kinds take turns, and so do engines, so that each has its share of the cases.
func TestEveryKindOnEveryEngine(t *testing.T) {
	engines := backends.List()
	rounds := uint64(*engineCases/(len(engines)*len(allKinds)) + 1)
	if testing.Short() {
		rounds = min(rounds, 3)
	}
	for _, b := range engines {
		t.Run(b.Name, func(t *testing.T) {
			t.Parallel()
			for _, c := range allKinds {
				t.Run(c.name, func(t *testing.T) {
					for seed := *engineSeed; seed < *engineSeed+rounds; seed++ {
						tryOnEngine(t, b.Name, c, seed)
					}
				})
			}
		})
	}
}

// tryOnEngine tries one case: a long one now and then, whose state does not fit.
func tryOnEngine(t *testing.T, engine string, c kindCase, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 36))
	spec := merged(r, c.spec(r))
	events := 20 + r.IntN(100)
	if seed%16 == 0 {
		events = 300
	}
	s := c.events(r, spec, events)
	store, err := backends.Open(engine, "state", &statelab.Options{
		FS: vfs.NewMem(), Prefix: join.Prefix(), Memory: 1 << 20, Maintenance: statelab.MaintenanceInline,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.try(r, store, spec, s); err != nil {
		t.Errorf("seed %d, %+v: %v", seed, spec, err)
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
}
