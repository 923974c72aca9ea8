//go:build !race

// Under the race detector a sync.Pool forgets some of what it is given, on
// purpose, so that allocations cannot be counted there.

package memstore

import (
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func TestHotPathsDoNotAllocate(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"index alone":    func(*Options) {},
		"hash of groups": func(o *Options) { o.Hash, o.Prefix = true, firstTwo },
	} {
		t.Run(name, func(t *testing.T) { hotPaths(t, openTest(t, vfs.NewMem(), change)) })
	}
}

func hotPaths(t *testing.T, s *Store) {
	for i := range 100 {
		if i%10 > 7 {
			continue
		}
		put(t, s, fmt.Sprintf("k%02d", i), "value", never)
	}
	var (
		b     statelab.Batch
		buf   []byte
		key   = []byte("k42")
		upper = []byte("k47")
		value = []byte("another")
		none  = []byte("none")
		keys  = [][]byte{key, none, upper}
		seen  = func(_ int, value []byte) { buf = append(buf[:0], value...) }
		time  int64
		scan  = func(r statelab.Range) {
			it, _ := s.Iter(r)
			for it.Next() {
				buf = append(buf[:0], it.Value()...)
			}
			must(t, it.Close())
		}
	)
	for name, c := range map[string]struct {
		most float64
		do   func()
	}{
		"Get":           {0, func() { buf, _ = s.Get(buf[:0], key) }},
		"Get of none":   {0, func() { buf, _ = s.Get(buf[:0], none) }},
		"MultiGet of 3": {0, func() { must(t, s.MultiGet(keys, seen)) }},
		"Put":           {0, func() { b.Reset(); b.Put(key, value, time+5); must(t, s.Apply(&b)) }},
		"Advance":       {0, func() { time++; must(t, s.Advance(time)) }},
		"insert, erase": {0, func() { b.Reset(); b.Put(none, value, never); b.Delete(none); must(t, s.Apply(&b)) }},
		"a probe of 5":  {0, func() { scan(statelab.Range{Lower: key, Upper: upper}) }},
		"a scan of 80":  {0, func() { scan(statelab.Range{Lower: key[:1]}) }},
	} {
		c.do()
		// Rounded down: iterators are made many at a time.
		if allocs := testing.AllocsPerRun(200, c.do); allocs > c.most {
			t.Errorf("%s: %v allocations, want %v", name, allocs, c.most)
		}
	}
}
