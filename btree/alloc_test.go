//go:build !race

// Under the race detector a sync.Pool forgets some of what it is given, on
// purpose, so that allocations cannot be counted there.

package btree

import (
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	told := 0
	s := mustOpen(t, vfs.NewMem(), Options{Options: statelab.Options{
		Memory: 1 << 20, OnBlockAccess: func(a statelab.BlockAccess) { told += a.Bytes },
	}})
	defer s.Close()
	keys := make([][]byte, 2000)
	for i := range keys {
		keys[i] = []byte(strings.Repeat("k", i%7) + string(rune('a'+i%26)) + string(rune('0'+i)))
		mustPut(t, s, string(keys[i]), "some value", int64(i))
	}
	var b statelab.Batch
	buf := make([]byte, 0, 100)
	i := 0
	next := func() []byte {
		i++
		return keys[i%len(keys)]
	}
	paths := []struct {
		name string
		most float64
		run  func()
	}{
		{"Get", 0, func() { buf, _ = s.Get(buf[:0], next()) }},
		{"Put", 0, func() {
			b.Reset()
			b.Put(next(), []byte("other value"), int64(1<<20+i))
			mustDo(t, s.Apply(&b))
		}},
		{"Advance", 0, func() { mustDo(t, s.Advance(int64(i/100))) }},
		// The handle that is the caller's; the cursor behind it is used again.
		{"probe", 1, func() {
			it, err := s.Iter(statelab.Range{Lower: next()})
			mustDo(t, err)
			for range 3 {
				it.Next()
			}
			mustDo(t, it.Close())
		}},
	}
	for _, p := range paths {
		for range 200 {
			p.run()
		}
		if n := testing.AllocsPerRun(500, p.run); n > p.most {
			t.Errorf("%s: %v allocations, want %v", p.name, n, p.most)
		}
	}
	if told == 0 {
		t.Error("nothing was told of pages")
	}
}
