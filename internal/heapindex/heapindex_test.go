package heapindex

import (
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

func TestTheyAreIndexes(t *testing.T) {
	for name, make := range map[string]func(memstore.Keys) memstore.Index{"huandu": NewHuandu, "btree": NewBTree} {
		t.Run(name, func(t *testing.T) {
			indextest.Run(t, arena.NewHeap, func(a *arena.Arena, _ memstore.Retirer) (memstore.Index, error) {
				return make(memstore.Keys{Mem: a}), nil
			})
		})
	}
}
