package badger_test

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/badger"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
	"github.com/statelab/statelab/storetest"
)

func TestStore(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: each of a hundred openings allocates memtables of 8 MiB and more")
	}
	peertest.RunSome(t, func(dir string, o kv.Options) (*kv.Store, error) {
		return badger.Open(dir, &badger.Options{Options: o})
	}, storetest.Config{
		IgnoresFS:    true,
		NoInline:     true,
		Compressions: []statelab.Compression{statelab.CompressionNone, statelab.CompressionZstd},
		Waive: map[string]string{
			"K4": "a transaction is at most 15 % of a memtable",
			"O5": "a memtable and its log have 8 MiB at least, more than the case allows",
		},
	}, "K1", "K2", "K3", "K5", "K8", "K9", "K10", "T2", "I1", "I2", "I3", "I7", "D5", "D6", "D7", "F5", "F6", "C2", "random")
}
