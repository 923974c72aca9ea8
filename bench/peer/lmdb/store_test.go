//go:build lmdb && cgo

package lmdb_test

import (
	"testing"

	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
	"github.com/statelab/statelab/bench/peer/lmdb"
	"github.com/statelab/statelab/storetest"
)

func open(dir string, o kv.Options) (*kv.Store, error) {
	return lmdb.Open(dir, &lmdb.Options{Options: o})
}

func TestStore(t *testing.T) {
	peertest.Run(t, open, storetest.Config{
		IgnoresFS: true,
		MaxKey:    510, // LMDB's 511 less the byte of the adapter
		Waive: map[string]string{
			"O4": "LMDB writes through a memory map and does not say how much",
		},
	})
}
