package memstore

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/vfs"
)

// oldSliceIndex is the plainest index: a sorted slice.
type oldSliceIndex struct {
	HeapRecords
	refs []arena.Ref
}

func newOldSliceIndex(a *arena.Arena) (OldIndex, error) {
	return &oldSliceIndex{HeapRecords: HeapRecords{a}}, nil
}

func (x *oldSliceIndex) search(key []byte) (int, bool) {
	return slices.BinarySearchFunc(x.refs, key, func(ref arena.Ref, key []byte) int { return bytes.Compare(x.Key(ref), key) })
}

func (x *oldSliceIndex) at(i int) arena.Ref {
	if i < 0 || i >= len(x.refs) {
		return 0
	}
	return x.refs[i]
}

func (x *oldSliceIndex) Find(key []byte) arena.Ref {
	if i, ok := x.search(key); ok {
		return x.refs[i]
	}
	return 0
}

func (x *oldSliceIndex) Insert(key []byte) (arena.Ref, bool, error) {
	i, ok := x.search(key)
	if ok {
		return x.refs[i], false, nil
	}
	ref, err := x.New(key)
	if err == nil {
		x.refs = slices.Insert(x.refs, i, ref)
	}
	return ref, true, err
}

func (x *oldSliceIndex) Remove(ref arena.Ref) {
	i, _ := x.search(x.Key(ref))
	x.refs = slices.Delete(x.refs, i, i+1)
	x.Free(ref)
}

func (x *oldSliceIndex) SeekGE(key []byte) arena.Ref { i, _ := x.search(key); return x.at(i) }
func (x *oldSliceIndex) SeekLT(key []byte) arena.Ref { i, _ := x.search(key); return x.at(i - 1) }
func (x *oldSliceIndex) First() arena.Ref            { return x.at(0) }
func (x *oldSliceIndex) Last() arena.Ref             { return x.at(len(x.refs) - 1) }
func (x *oldSliceIndex) Next(ref arena.Ref) arena.Ref {
	i, _ := x.search(x.Key(ref))
	return x.at(i + 1)
}
func (x *oldSliceIndex) Prev(ref arena.Ref) arena.Ref {
	i, _ := x.search(x.Key(ref))
	return x.at(i - 1)
}
func (x *oldSliceIndex) Len() int         { return len(x.refs) }
func (x *oldSliceIndex) Fixed() int       { return 0 }
func (x *oldSliceIndex) Check() error     { return nil }
func (x *oldSliceIndex) Dump(w io.Writer) {}

const never = statelab.NoExpiry

// openTest opens a store over a oldSliceIndex in slabs. It is checked and closed
// when the test ends, unless the test has closed it.
func openTest(t testing.TB, fs vfs.FS, change func(*Options)) *Store {
	t.Helper()
	common, err := (&statelab.Options{FS: fs, Maintenance: statelab.MaintenanceInline}).Resolve()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Options: common, Engine: "test", NewArena: arena.NewSlabs, NewIndex: newOldSliceIndex}
	if change != nil {
		change(&o)
	}
	s, err := Open("/store", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.closed {
			return
		}
		if err := s.Check(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func apply(t testing.TB, s *Store, build func(*statelab.Batch)) {
	t.Helper()
	var b statelab.Batch
	build(&b)
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
}

func put(t testing.TB, s *Store, key, value string, expireAt int64) {
	t.Helper()
	apply(t, s, func(b *statelab.Batch) { b.Put([]byte(key), []byte(value), expireAt) })
}

func add(t testing.TB, s *Store, key, value string, expireAt int64) {
	t.Helper()
	apply(t, s, func(b *statelab.Batch) { b.Append([]byte(key), []byte(value), expireAt) })
}

func del(t testing.TB, s *Store, key string) {
	t.Helper()
	apply(t, s, func(b *statelab.Batch) { b.Delete([]byte(key)) })
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
