package memstore

import (
	"bytes"
	"io"
	"slices"
	"sync"

	"github.com/statelab/statelab/internal/arena"
)

// sliceIndex is the plainest index: a sorted slice under a lock.
type sliceIndex struct {
	Keys
	mu   sync.RWMutex
	refs []arena.Ref
}

// NewSliceIndex is for tests outside of this package.
func NewSliceIndex(a *arena.Arena, _ Retirer) (Index, error) {
	return &sliceIndex{Keys: Keys{Mem: a}}, nil
}

func (x *sliceIndex) search(key []byte) (int, bool) {
	return slices.BinarySearchFunc(x.refs, key, func(ref arena.Ref, key []byte) int { return bytes.Compare(x.Of(ref), key) })
}

func (x *sliceIndex) Find(key []byte) arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if i, ok := x.search(key); ok {
		return x.refs[i]
	}
	return 0
}

func (x *sliceIndex) Seek(key []byte) arena.Ref { return x.Find(key) }

func (x *sliceIndex) Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, found := x.search(key)
	if found && after {
		i++
	}
	return append(dst, x.refs[i:min(i+cap(dst)-len(dst), len(x.refs))]...)
}

func (x *sliceIndex) Descend(dst []arena.Ref, key []byte, fromEnd bool) []arena.Ref {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i := len(x.refs)
	if !fromEnd {
		i, _ = x.search(key)
	}
	for i--; i >= 0 && len(dst) < cap(dst); i-- {
		dst = append(dst, x.refs[i])
	}
	return dst
}

func (x *sliceIndex) Links([]byte) int { return 0 }

func (x *sliceIndex) Insert(ref arena.Ref) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, _ := x.search(x.Of(ref))
	x.refs = slices.Insert(x.refs, i, ref)
	return nil
}

func (x *sliceIndex) Replace(old, new arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, _ := x.search(x.Of(old))
	x.refs[i] = new
}

func (x *sliceIndex) Remove(ref arena.Ref) {
	x.mu.Lock()
	defer x.mu.Unlock()
	i, _ := x.search(x.Of(ref))
	x.refs = slices.Delete(x.refs, i, i+1)
}

func (x *sliceIndex) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.refs)
}

func (x *sliceIndex) Overhead() int64  { return 0 }
func (x *sliceIndex) Check() error     { return nil }
func (x *sliceIndex) Dump(w io.Writer) {}
