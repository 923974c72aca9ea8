package skiplist

import (
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

func TestTowersAreAnIndex(t *testing.T) {
	for _, o := range []ListOptions{{}, {Branching: 2}} {
		o, err := o.resolve()
		if err != nil {
			t.Fatal(err)
		}
		indextest.Run(t, arena.NewSlabs, func(a *arena.Arena, _ memstore.Retirer) (memstore.Index, error) { return newTowers(o, a), nil })
	}
}

func TestHuanduIsAnIndex(t *testing.T) { indextest.Run(t, arena.NewHeap, newHuanduIndex) }
