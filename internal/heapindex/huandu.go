// Package heapindex has other people's ordered maps, of nodes on the Go heap and
// pointers between them, as indexes of package memstore. They are what engines
// keep their own against.
//
//	NewHuandu  github.com/huandu/skiplist
//	NewBTree   github.com/google/btree
//
// Neither is made for readers beside a writer, so each has a lock. What they take
// is not in the arena of the records, and Overhead does not know of it.
package heapindex

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"sync"

	"github.com/huandu/skiplist"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// huandu is a skip list of heap-allocated nodes with pointers between them, as
// most are. Keys are slices of the records, values the records' Refs, both boxed
// in interfaces.
type huandu struct {
	memstore.Keys
	mu   sync.RWMutex
	list *skiplist.SkipList
}

// NewHuandu returns github.com/huandu/skiplist as an index over records.
func NewHuandu(keys memstore.Keys) memstore.Index {
	list := skiplist.New(byteOrder{})
	list.SetRandSource(rand.NewSource(1)) // its own is seeded with the time
	return &huandu{Keys: keys, list: list}
}

// byteOrder compares keys, without the reflection that the package's own
// comparison of byte slices costs.
type byteOrder struct{}

func (byteOrder) Compare(a, b any) int { return bytes.Compare(a.([]byte), b.([]byte)) }

// CalcScore is the package's way to decide most comparisons by a number.
func (byteOrder) CalcScore(key any) float64 {
	var first [8]byte
	copy(first[:], key.([]byte))
	return float64(binary.BigEndian.Uint64(first[:]))
}

func refOf(e *skiplist.Element) arena.Ref { return e.Value.(arena.Ref) }

// Find implements memstore.Index.
func (x *huandu) Find(key []byte) arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if e := x.list.Get(key); e != nil {
		return refOf(e)
	}
	return 0
}

// Seek implements memstore.Index.
func (x *huandu) Seek(key []byte) arena.Ref { return x.Find(key) }

// Ascend implements memstore.Index.
func (x *huandu) Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.list.Find(key)
	if after && e != nil && bytes.Equal(e.Key().([]byte), key) {
		e = e.Next()
	}
	for ; e != nil && len(dst) < cap(dst); e = e.Next() {
		dst = append(dst, refOf(e))
	}
	return dst
}

// Descend implements memstore.Index.
func (x *huandu) Descend(dst []arena.Ref, key []byte, fromEnd bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	e := x.list.Back()
	if !fromEnd {
		if at := x.list.Find(key); at != nil {
			e = at.Prev()
		}
	}
	for ; e != nil && len(dst) < cap(dst); e = e.Prev() {
		dst = append(dst, refOf(e))
	}
	return dst
}

// Links implements memstore.Index.
func (x *huandu) Links([]byte) int { return 0 }

// Insert implements memstore.Index.
func (x *huandu) Insert(ref arena.Ref) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list.Set(x.Of(ref), ref)
	return nil
}

// Replace implements memstore.Index. The list keeps the key it has, which is a
// slice of the old record, so the element must be made anew.
func (x *huandu) Replace(old, new arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list.Remove(x.Of(old))
	x.list.Set(x.Of(new), new)
}

// Remove implements memstore.Index.
func (x *huandu) Remove(ref arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.list.Remove(x.Of(ref))
}

// Len implements memstore.Index.
func (x *huandu) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.list.Len()
}

// Overhead implements memstore.Index.
func (x *huandu) Overhead() int64 { return 0 }

// Check implements memstore.Index.
func (x *huandu) Check() error {
	n := 0
	for e := x.list.Front(); e != nil; e = e.Next() {
		if next := e.Next(); next != nil && (bytes.Compare(e.Key().([]byte), next.Key().([]byte)) >= 0 || next.Prev() != e) {
			return fmt.Errorf("key %x and %x are out of order", e.Key(), next.Key())
		}
		if key := x.Of(refOf(e)); !bytes.Equal(key, e.Key().([]byte)) {
			return fmt.Errorf("the record of key %x has key %x", e.Key(), key)
		}
		n++
	}
	if n != x.list.Len() {
		return fmt.Errorf("list counts %d keys and holds %d", x.list.Len(), n)
	}
	return nil
}

// Dump implements memstore.Index.
func (x *huandu) Dump(w io.Writer) {
	fmt.Fprintf(w, "github.com/huandu/skiplist: %d keys\n", x.list.Len())
}
