package lsm

import (
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// tellingRun fills a store, looks keys up while it grows and dies, and returns
// what was told and what the cache counted.
func tellingRun(t *testing.T) (told []statelab.BlockAccess, stats statelab.Stats) {
	t.Helper()
	s, err := Open("/store", &Options{Options: statelab.Options{
		FS: vfs.NewMem(), Memory: 1 << 20, Maintenance: statelab.MaintenanceInline, Prefix: joinPrefix,
		OnBlockAccess: func(a statelab.BlockAccess) { told = append(told, a) },
	}})
	if err != nil {
		t.Fatal(err)
	}
	var b statelab.Batch
	var buf []byte
	for i := range 6000 {
		b.Reset()
		for j := range 3 {
			b.Put(recordKey(i, j), make([]byte, 100), int64(i+2000))
		}
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
		if err := s.Advance(int64(i)); err != nil {
			t.Fatal(err)
		}
		if buf, err = s.Get(buf[:0], recordKey(max(0, i-i*7%1500), 1)); err != nil {
			t.Fatal(err)
		}
	}
	stats = s.Stats()
	before := slices.Clone(told) // Close lets go of every table
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return before, stats
}

func TestBlockAccessIsToldOfWhatTheCacheCounts(t *testing.T) {
	told, stats := tellingRun(t)
	type name struct{ file, block uint64 }
	counts := map[string]statelab.CacheStats{}
	known := map[name]bool{}
	gone := 0
	for i, a := range told {
		c := counts[a.Kind]
		switch a.Event {
		case statelab.BlockHit:
			c.Hits++
			if !known[name{a.File, a.Block}] {
				t.Fatalf("%d: %+v is in the cache and was never read", i, a)
			}
		case statelab.BlockMiss:
			c.Misses++
			known[name{a.File, a.Block}] = true
		case statelab.BlockGone:
			gone++
			for n := range known {
				if n.file == a.File {
					delete(known, n)
				}
			}
			continue
		default:
			t.Fatalf("%d: %+v: an event that a table cannot have", i, a)
		}
		if a.Bytes <= headerLeast {
			t.Fatalf("%d: %+v takes next to nothing", i, a)
		}
		c.Kind = a.Kind
		counts[a.Kind] = c
	}
	if gone == 0 || len(known) < 100 {
		t.Fatalf("%d files gone and %d blocks left show little", gone, len(known))
	}
	for _, want := range stats.Cache {
		got := counts[want.Kind]
		got.Kind = want.Kind
		if got != want {
			t.Errorf("told %+v, counted %+v", got, want)
		}
	}
	if stats.CacheBytes < 512<<10 || stats.CacheBytes > 1<<20*2/3 || stats.CachePolicy != "lru" {
		t.Errorf("a cache of %d bytes, %q", stats.CacheBytes, stats.CachePolicy)
	}
}

// headerLeast is less than any block with its header takes in the cache.
const headerLeast = 48

func TestBlockAccessIsToldTheSameTwice(t *testing.T) {
	first, _ := tellingRun(t)
	second, _ := tellingRun(t)
	if !slices.Equal(first, second) {
		t.Errorf("%d accesses, then %d others", len(first), len(second))
	}
}
