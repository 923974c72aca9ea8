package btree

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore/indextest"
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

func TestMemoryIsAnIndex(t *testing.T) { indextest.Run(t, arena.NewHeap, newMemoryIndex) }
