package skiplist

import (
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

func TestListIsAnIndex(t *testing.T) {
	for _, o := range []ListOptions{{}, {MaxHeight: 1}, {Branching: 2}} {
		indextest.RunOld(t, arena.NewSlabs, func(a *arena.Arena) (memstore.OldIndex, error) { return newListIndex(o, a) })
	}
}

func TestHuanduIsAnIndex(t *testing.T) { indextest.RunOld(t, arena.NewHeap, newHuanduIndex) }
