package lsm

import (
	"flag"
	"os"
	"runtime/debug"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/storetest"
)

var effort = storetest.Flags(flag.CommandLine)

// The kit opens thousands of stores, one after the other, each on a heap of a few MiB,
// over which the collector would else go some ten times a second.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// effortOf is what the flags ask for, and where they say nothing so many random histories
// and places to crash at: docs/PROOF.md has what is done beside.
func effortOf(seeds, points int) storetest.Effort {
	e := *effort
	if e.Seeds == 0 {
		e.Seeds = seeds
	}
	if e.Points == 0 {
		e.Points = points
	}
	return e
}

// opener opens stores as the kit asks for, and with the options given otherwise.
func opener(o Options) func(dir string, common *statelab.Options) (statelab.Store, error) {
	return func(dir string, common *statelab.Options) (statelab.Store, error) {
		o := o
		o.Options = *common
		s, err := Open(dir, &o)
		if err != nil {
			return nil, err // not s, which would be a nil pointer in an interface that is not nil
		}
		return s, nil
	}
}

// The policy that joins get is proved whole, whether or not a case has a prefix.
func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Open:         opener(Options{Compaction: CompactionWindow}),
		Compressions: []statelab.Compression{statelab.CompressionNone, statelab.CompressionS2, statelab.CompressionZstd},
		Effort:       effortOf(4, 20),
	})
}

// The other policies are proved by the same kit, but for the clauses that say
// nothing of tables and with fewer crashes and histories: they share all code
// but a function that reads figures and what carries out its choices. Who wants
// more asks for it with -storetest.seeds and -storetest.points. With -short each
// policy has one of the durabilities. Each comes with another policy of the cache,
// and with another memtable; all of them with blob files.
func TestStoreUnderEachPolicy(t *testing.T) {
	const elsewhere = "does not depend on the policy of compaction: see TestStore"
	waived := map[string]string{}
	for _, clause := range []string{"K1", "K3", "K4", "K10", "K11", "K12", "I2", "I3", "I4", "I6", "I7", "I8", "D3", "D4", "D7",
		"F1", "F2", "F3", "F4", "F5", "F6", "O1", "C1", "C2"} {
		waived[clause] = elsewhere
	}
	durabilities := []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval}
	for i, c := range everyCompaction() {
		if c == CompactionWindow || c == CompactionLeveled {
			continue // see TestStore and TestStoreWithBlobFiles
		}
		durabilities := durabilities
		if testing.Short() {
			durabilities = durabilities[i%2:][:1]
		}
		t.Run(c.String(), func(t *testing.T) {
			storetest.Run(t, storetest.Config{
				Open: opener(Options{
					Compaction: c, Segments: 2, Subcompactions: 3, CachePolicy: CachePolicy(i % len(cache.PolicyNames())),
					Memtable: Memtable(i % len(memtableKinds)), BlobThreshold: 16,
				}),
				Durabilities: durabilities,
				Waive:        waived,
				Effort:       effortOf(2, 8),
			})
		})
	}
}
