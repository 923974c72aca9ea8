package skiplist

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/storetest"
)

// TestStoreKeepsTheContract proves both indexes.
func TestStoreKeepsTheContract(t *testing.T) {
	for _, index := range []Index{IndexArena, IndexHuandu} {
		t.Run(index.String(), func(t *testing.T) {
			storetest.Run(t, storetest.Config{
				Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
					return Open(dir, &Options{Options: *o, Index: index})
				},
				MemoryResident: true,
			})
		})
	}
}
