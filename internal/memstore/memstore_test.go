package memstore

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/vfs"
)

const never = statelab.NoExpiry

// openTest opens a store over a sliceIndex in slabs. It is checked and closed
// when the test ends, unless the test has closed it.
func openTest(t testing.TB, fs vfs.FS, change func(*Options)) *Store {
	t.Helper()
	common, err := (&statelab.Options{FS: fs, Maintenance: statelab.MaintenanceInline}).Resolve()
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Options: common, Engine: "test", NewArena: arena.NewSlabs, NewIndex: NewSliceIndex}
	if change != nil {
		change(&o)
	}
	s, err := Open("/store", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.closed.Load() {
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
