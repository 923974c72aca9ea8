package goleveldb_test

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/goleveldb"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
	"github.com/statelab/statelab/storetest"
)

func TestStore(t *testing.T) {
	peertest.Run(t, func(dir string, o kv.Options) (*kv.Store, error) {
		return goleveldb.Open(dir, &goleveldb.Options{Options: o})
	}, storetest.Config{
		NoInline:     true,
		Compressions: []statelab.Compression{statelab.CompressionNone},
		Waive: map[string]string{
			"F7": "errors that end the making of a database are passed on as text",
			"F3": "errors that end the making of a database are passed on as text",
			"O5": "level 1 may hold 10 MiB before anything is compacted out of it, ten times what the case allows",
			"F4": "damage of a journal is taken for its torn end",
		},
	})
}
