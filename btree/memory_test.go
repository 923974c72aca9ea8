package btree

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/storetest"
)

func TestMemoryVariantKeepsTheContract(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
			return Open(dir, &Options{Options: *o, Index: IndexMemory})
		},
		MemoryResident: true,
		Effort:         storetest.Effort{Seeds: 2, Points: 15},
	})
}
