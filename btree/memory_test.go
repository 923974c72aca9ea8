package btree

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore/indextest"
	"github.com/statelab/statelab/storetest"
)

// TestMemoryKeepsTheContract proves the memory-resident variant.
func TestMemoryKeepsTheContract(t *testing.T) {
	storetest.Run(t, storetest.Config{
		Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
			r, err := o.Resolve()
			if err != nil {
				return nil, err
			}
			return openMemory(dir, r)
		},
		MemoryResident: true,
		Effort:         storetest.Effort{Seeds: 2, Points: 15},
	})
}

func TestMemoryIsAnIndex(t *testing.T) { indextest.Run(t, arena.NewHeap, newMemoryIndex) }
