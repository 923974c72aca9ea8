//go:build rocksdb && cgo

package rocksdb_test

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
	"github.com/statelab/statelab/bench/peer/rocksdb"
	"github.com/statelab/statelab/storetest"
)

func open(dir string, o kv.Options) (*kv.Store, error) {
	return rocksdb.Open(dir, &rocksdb.Options{Options: o})
}

func TestStore(t *testing.T) {
	peertest.Run(t, open, storetest.Config{
		IgnoresFS:    true,
		NoInline:     true,
		Compressions: []statelab.Compression{statelab.CompressionNone, statelab.CompressionZstd},
		Waive: map[string]string{
			"O4": "RocksDB counts tables and log, not its manifest",
		},
	})
}
