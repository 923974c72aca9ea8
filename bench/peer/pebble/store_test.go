package pebble_test

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/peertest"
	"github.com/statelab/statelab/bench/peer/pebble"
	"github.com/statelab/statelab/storetest"
)

func open(dir string, o kv.Options) (*kv.Store, error) {
	return pebble.Open(dir, &pebble.Options{Options: o})
}

func TestStore(t *testing.T) {
	peertest.Run(t, open, storetest.Config{
		NoInline:     true,
		Compressions: []statelab.Compression{statelab.CompressionNone, statelab.CompressionZstd},
		Waive: map[string]string{
			"F1": "Pebble ends the process when it cannot write its log or manifest",
			"F2": "Pebble ends the process when it cannot write its log or manifest",
			"F3": "a flush that fails is tried again for ever, so a Checkpoint over a failing disk does not return",
			"F4": "a log file that is lost as a whole is not missed",
			"F7": "Pebble ends the process when it cannot write its log or manifest",
		},
	})
}
