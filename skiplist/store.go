package skiplist

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/heapindex"
	"github.com/statelab/statelab/internal/memstore"
)

// Engine is the name of the engine in Stats and in the directories it makes.
const Engine = "skiplist"

// A Store is an open store. It implements statelab.Store and the abilities
// MultiGetStore, ElementStore, CheckStore and DumpStore.
type Store struct{ *memstore.Store }

// Open opens the store in dir, making it if it does not exist. o may be nil.
func Open(dir string, o *Options) (*Store, error) {
	r, err := o.resolve()
	if err != nil {
		return nil, err
	}
	m := memstore.Options{Options: r.Options, Engine: Engine, LogLimit: r.LogLimit}
	switch r.Index {
	case IndexHuandu:
		m.NewArena = arena.NewHeap
		m.NewIndex = func(a *arena.Arena, _ memstore.Retirer) (memstore.Index, error) {
			return heapindex.NewHuandu(memstore.Keys{Mem: a}), nil
		}
	default:
		m.NewArena = arena.NewSlabs
		m.Hash = r.Hash == HashPrefix
		m.NewIndex = func(a *arena.Arena, _ memstore.Retirer) (memstore.Index, error) {
			return newTowers(r.MaxHeight, r.Branching, a), nil
		}
		if r.Layout == LayoutBlocks {
			m.NewIndex = func(a *arena.Arena, t memstore.Retirer) (memstore.Index, error) { return newBlocks(r.Fanout, a, t) }
		}
	}
	s, err := memstore.Open(dir, m)
	if err != nil {
		return nil, err
	}
	return &Store{s}, nil
}

var (
	_ statelab.Store         = (*Store)(nil)
	_ statelab.MultiGetStore = (*Store)(nil)
	_ statelab.ElementStore  = (*Store)(nil)
	_ statelab.CheckStore    = (*Store)(nil)
	_ statelab.DumpStore     = (*Store)(nil)
)
