package heapindex

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/google/btree"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// degree is how many children a node has at least, half of what it has at
// most: 32 is what most users of the package set.
const degree = 32

// bTree is a B-tree of heap-allocated nodes, of slices of the records' keys and of
// Refs.
type bTree struct {
	memstore.Keys
	mu   sync.RWMutex
	tree *btree.BTreeG[item]
}

// An item is a record; its key is a slice of it.
type item struct {
	key []byte
	ref arena.Ref
}

// NewBTree returns github.com/google/btree as an index over records.
func NewBTree(keys memstore.Keys) memstore.Index {
	less := func(a, b item) bool { return bytes.Compare(a.key, b.key) < 0 }
	return &bTree{Keys: keys, tree: btree.NewG(degree, less)}
}

func (x *bTree) item(ref arena.Ref) item { return item{x.Of(ref), ref} }

// Find implements memstore.Index.
func (x *bTree) Find(key []byte) arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	found, _ := x.tree.Get(item{key: key})
	return found.ref
}

// Seek implements memstore.Index.
func (x *bTree) Seek(key []byte) arena.Ref { return x.Find(key) }

// Ascend implements memstore.Index.
func (x *bTree) Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	x.tree.AscendGreaterOrEqual(item{key: key}, func(it item) bool {
		if after && bytes.Equal(it.key, key) {
			return true
		}
		dst = append(dst, it.ref)
		return len(dst) < cap(dst)
	})
	return dst
}

// Descend implements memstore.Index.
func (x *bTree) Descend(dst []arena.Ref, key []byte, fromEnd bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	take := func(it item) bool {
		if !fromEnd && bytes.Equal(it.key, key) {
			return true
		}
		dst = append(dst, it.ref)
		return len(dst) < cap(dst)
	}
	if fromEnd {
		x.tree.Descend(take)
	} else {
		x.tree.DescendLessOrEqual(item{key: key}, take)
	}
	return dst
}

// Links implements memstore.Index.
func (x *bTree) Links([]byte) int { return 0 }

// Insert implements memstore.Index.
func (x *bTree) Insert(ref arena.Ref) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tree.ReplaceOrInsert(x.item(ref))
	return nil
}

// Replace implements memstore.Index.
func (x *bTree) Replace(_, new arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tree.ReplaceOrInsert(x.item(new))
}

// Remove implements memstore.Index.
func (x *bTree) Remove(ref arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tree.Delete(x.item(ref))
}

// Len implements memstore.Index.
func (x *bTree) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.tree.Len()
}

// Overhead implements memstore.Index.
func (x *bTree) Overhead() int64 { return 0 }

// Check implements memstore.Index.
func (x *bTree) Check() error {
	var last []byte
	n := 0
	x.tree.Ascend(func(it item) bool {
		if n > 0 && bytes.Compare(it.key, last) <= 0 {
			return false
		}
		last = it.key
		n++
		return true
	})
	if n != x.tree.Len() {
		return fmt.Errorf("of %d keys only the first %d are in order", x.tree.Len(), n)
	}
	return nil
}

// Dump implements memstore.Index.
func (x *bTree) Dump(w io.Writer) {
	fmt.Fprintf(w, "github.com/google/btree: %d keys, degree %d\n", x.tree.Len(), degree)
}
