package lsm

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
			s, err := Open(dir, &Options{Options: *o})
			if err != nil {
				return nil, err // not s, which would be a nil pointer in an interface that is not nil
			}
			return s, nil
		},
		Compressions: []statelab.Compression{statelab.CompressionNone, statelab.CompressionS2, statelab.CompressionZstd},
		Effort:       *effort,
	})
}
