package btree

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/google/btree"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
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
		NewIndex: newMemoryIndex,
	})
}

// memoryDegree is how many children a node has at least, half of what it has at
// most: 32 is what most users of the package set.
const memoryDegree = 32

// memoryIndex is github.com/google/btree as the index of a store. That tree is
// not for readers beside a writer, so there is a lock.
type memoryIndex struct {
	memstore.Keys
	mu   sync.RWMutex
	tree *btree.BTreeG[memoryItem]
}

// A memoryItem is a record; its key is a slice of it.
type memoryItem struct {
	key []byte
	ref arena.Ref
}

func newMemoryIndex(a *arena.Arena, _ memstore.Retirer) (memstore.Index, error) {
	less := func(a, b memoryItem) bool { return bytes.Compare(a.key, b.key) < 0 }
	return &memoryIndex{Keys: memstore.Keys{Mem: a}, tree: btree.NewG(memoryDegree, less)}, nil
}

func (x *memoryIndex) item(ref arena.Ref) memoryItem { return memoryItem{x.Of(ref), ref} }

// Find implements memstore.Index.
func (x *memoryIndex) Find(key []byte) arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	item, _ := x.tree.Get(memoryItem{key: key})
	return item.ref
}

// Seek implements memstore.Index.
func (x *memoryIndex) Seek(key []byte) arena.Ref { return x.Find(key) }

// Ascend implements memstore.Index.
func (x *memoryIndex) Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.tree.AscendGreaterOrEqual(memoryItem{key: key}, func(item memoryItem) bool {
		if after && bytes.Equal(item.key, key) {
			return true
		}
		dst = append(dst, item.ref)
		return len(dst) < cap(dst)
	})
	return dst
}

// Descend implements memstore.Index.
func (x *memoryIndex) Descend(dst []arena.Ref, key []byte, fromEnd bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	take := func(item memoryItem) bool {
		if !fromEnd && bytes.Equal(item.key, key) {
			return true
		}
		dst = append(dst, item.ref)
		return len(dst) < cap(dst)
	}
	if fromEnd {
		x.tree.Descend(take)
	} else {
		x.tree.DescendLessOrEqual(memoryItem{key: key}, take)
	}
	return dst
}

// Links implements memstore.Index.
func (x *memoryIndex) Links([]byte) int { return 0 }

// Insert implements memstore.Index.
func (x *memoryIndex) Insert(ref arena.Ref) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tree.ReplaceOrInsert(x.item(ref))
	return nil
}

// Replace implements memstore.Index.
func (x *memoryIndex) Replace(_, new arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tree.ReplaceOrInsert(x.item(new))
}

// Remove implements memstore.Index.
func (x *memoryIndex) Remove(ref arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tree.Delete(x.item(ref))
}

// Len implements memstore.Index.
func (x *memoryIndex) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tree.Len()
}

// Overhead implements memstore.Index.
func (x *memoryIndex) Overhead() int64 { return 0 }

// Check implements memstore.Index.
func (x *memoryIndex) Check() error {
	var last []byte
	n := 0
	x.tree.Ascend(func(item memoryItem) bool {
		if n > 0 && bytes.Compare(item.key, last) <= 0 {
			return false
		}
		last = item.key
		n++
		return true
	})
	if n != x.tree.Len() {
		return fmt.Errorf("of %d keys only the first %d are in order", x.tree.Len(), n)
	}
	return nil
}

// Dump implements memstore.Index.
func (x *memoryIndex) Dump(w io.Writer) {
	fmt.Fprintf(w, "github.com/google/btree: %d keys, degree %d\n", x.tree.Len(), memoryDegree)
}
