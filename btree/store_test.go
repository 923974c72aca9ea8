package btree

import (
	"flag"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/storetest"
)

var effort = storetest.Flags(flag.CommandLine)

func TestStore(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
			return Open(dir, &Options{Options: *o, LogLimit: MinLogLimit})
		},
		Compressions: []statelab.Compression{statelab.CompressionNone, statelab.CompressionS2, statelab.CompressionZstd},
		Effort:       *effort,
	})
}
