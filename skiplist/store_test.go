package skiplist

import (
	"flag"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/storetest"
)

var effort = storetest.Flags(flag.CommandLine)

// TestStore lets snapshots be so frequent, and blocks so short, that crashes
// and failures meet them.
func TestStore(t *testing.T) {
	prove(t, Options{Fanout: 4, LogLimit: MinLogLimit}, *effort)
}

func TestDefaultsKeepTheContract(t *testing.T) {
	prove(t, Options{}, storetest.Effort{Seeds: 2, Points: 15})
}

func TestTowersKeepTheContract(t *testing.T) {
	prove(t, Options{Layout: LayoutTowers, LogLimit: MinLogLimit}, storetest.Effort{Seeds: 2, Points: 15})
}

func TestHuanduVariantKeepsTheContract(t *testing.T) {
	prove(t, Options{Index: IndexHuandu}, storetest.Effort{Seeds: 2, Points: 15})
}

func prove(t *testing.T, o Options, effort storetest.Effort) {
	storetest.Run(t, storetest.Config{
		Open: func(dir string, common *statelab.Options) (statelab.Store, error) {
			o := o
			o.Options = *common
			return Open(dir, &o)
		},
		MemoryResident: true,
		Effort:         effort,
	})
}
