package btree

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/heapindex"
	"github.com/statelab/statelab/internal/memstore"
)

// openMemory opens a memory-resident store over github.com/google/btree, with
// nodes, keys and elements on the Go heap: a reference for what the paged tree
// and the arena skip list gain and lose. o must be resolved.
func openMemory(dir string, o statelab.Options) (*memstore.Store, error) {
	return memstore.Open(dir, memstore.Options{
		Options:  o,
		Engine:   Engine,
		Settings: map[string]string{settingIndex: IndexMemory.String()},
		NewArena: arena.NewHeap,
		NewIndex: func(a *arena.Arena, _ memstore.Retirer) (memstore.Index, error) {
			return heapindex.NewBTree(memstore.Keys{Mem: a}), nil
		},
	})
}
