package skiplist

import (
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

func TestListIsAnIndex(t *testing.T) {
	for _, o := range []ListOptions{{}, {MaxHeight: 1}, {Branching: 2}} {
		indextest.Run(t, arena.NewSlabs, func(a *arena.Arena) (memstore.Index, error) { return newListIndex(o, a) })
	}
}

func TestHuanduIsAnIndex(t *testing.T) { indextest.Run(t, arena.NewHeap, newHuanduIndex) }
