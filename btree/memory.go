package btree

import (
	"bytes"
	"fmt"
	"io"

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

// memoryIndex is github.com/google/btree as the index of a store.
type memoryIndex struct {
	memstore.HeapRecords
	tree *btree.BTreeG[memoryItem]
}

// A memoryItem is a record; its key is a slice of it.
type memoryItem struct {
	key []byte
	ref arena.Ref
}

func newMemoryIndex(a *arena.Arena) (memstore.OldIndex, error) {
	less := func(a, b memoryItem) bool { return bytes.Compare(a.key, b.key) < 0 }
	return &memoryIndex{memstore.HeapRecords{Mem: a}, btree.NewG(memoryDegree, less)}, nil
}

func (x *memoryIndex) item(ref arena.Ref) memoryItem { return memoryItem{x.Key(ref), ref} }

func (x *memoryIndex) Find(key []byte) arena.Ref {
	item, _ := x.tree.Get(memoryItem{key: key})
	return item.ref
}

func (x *memoryIndex) Insert(key []byte) (ref arena.Ref, added bool, err error) {
	if ref := x.Find(key); ref != 0 {
		return ref, false, nil
	}
	if ref, err = x.New(key); err != nil {
		return 0, false, err
	}
	x.tree.ReplaceOrInsert(x.item(ref))
	return ref, true, nil
}

func (x *memoryIndex) Remove(ref arena.Ref) {
	x.tree.Delete(x.item(ref))
	x.Free(ref)
}

func (x *memoryIndex) First() arena.Ref {
	item, _ := x.tree.Min()
	return item.ref
}

func (x *memoryIndex) Last() arena.Ref {
	item, _ := x.tree.Max()
	return item.ref
}

func (x *memoryIndex) SeekGE(key []byte) (ref arena.Ref) {
	x.tree.AscendGreaterOrEqual(memoryItem{key: key}, func(item memoryItem) bool {
		ref = item.ref
		return false
	})
	return ref
}

func (x *memoryIndex) SeekLT(key []byte) (ref arena.Ref) {
	x.tree.DescendLessOrEqual(memoryItem{key: key}, func(item memoryItem) bool {
		if bytes.Equal(item.key, key) {
			return true
		}
		ref = item.ref
		return false
	})
	return ref
}

func (x *memoryIndex) Next(ref arena.Ref) arena.Ref {
	var next [1]arena.Ref
	if len(x.Scan(next[:0], x.Key(ref), true)) == 0 {
		return 0
	}
	return next[0]
}

func (x *memoryIndex) Prev(ref arena.Ref) arena.Ref { return x.SeekLT(x.Key(ref)) }

// Scan implements memstore.OldScanner: the tree has no cursor to step with.
func (x *memoryIndex) Scan(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	x.tree.AscendGreaterOrEqual(memoryItem{key: key}, func(item memoryItem) bool {
		if !after || !bytes.Equal(item.key, key) {
			dst = append(dst, item.ref)
		}
		after = false
		return len(dst) < cap(dst)
	})
	return dst
}

func (x *memoryIndex) Len() int { return x.tree.Len() }

func (x *memoryIndex) Fixed() int { return 0 }

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

func (x *memoryIndex) Dump(w io.Writer) {
	fmt.Fprintf(w, "github.com/google/btree: %d keys, degree %d\n", x.tree.Len(), memoryDegree)
}
