package btree

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// tellingRun fills a tree that its pool holds a part of, copies pages and lets
// some die, and returns what was told and what the pool counted.
func tellingRun(t *testing.T) (told []statelab.BlockAccess, stats statelab.Stats) {
	t.Helper()
	s := mustOpen(t, vfs.NewMem(), Options{Options: statelab.Options{
		Memory: 256 << 10, Maintenance: statelab.MaintenanceInline,
		OnBlockAccess: func(a statelab.BlockAccess) { told = append(told, a) },
	}})
	key := func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15) }
	var b statelab.Batch
	var buf []byte
	var err error
	for i := range 6000 {
		b.Reset()
		b.Put(key(i), make([]byte, 100+i%100*90), int64(i+3000))
		mustDo(t, s.Apply(&b))
		mustDo(t, s.Advance(int64(i)))
		if buf, err = s.Get(buf[:0], key(max(0, i-i*7%1500))); err != nil {
			t.Fatal(err)
		}
		if i%1000 == 0 {
			mustDo(t, s.Sync())
		}
	}
	stats = s.Stats()
	mustDo(t, s.Close())
	return told, stats
}

func TestBlockAccessIsToldOfWhatThePoolCounts(t *testing.T) {
	told, stats := tellingRun(t)
	counts := map[string]statelab.CacheStats{}
	known := map[uint64]bool{}
	made, gone := 0, 0
	for i, a := range told {
		c := counts[a.Kind]
		switch a.Event {
		case statelab.BlockHit:
			c.Hits++
			if !known[a.Block] {
				t.Fatalf("%d: %+v is in the pool and was neither read nor made", i, a)
			}
		case statelab.BlockMiss:
			c.Misses++
			if !known[a.Block] {
				t.Fatalf("%d: %+v is read and was never made", i, a)
			}
		case statelab.BlockMade:
			made++
			if known[a.Block] {
				t.Fatalf("%d: %+v is made and is there", i, a)
			}
			known[a.Block] = true
		case statelab.BlockGone:
			gone++
			delete(known, a.Block)
			continue
		}
		if a.Bytes < DefaultPageSize || a.File != 0 {
			t.Fatalf("%d: %+v is no page", i, a)
		}
		c.Kind = a.Kind
		counts[a.Kind] = c
	}
	if made < 1000 || gone < 1000 || len(known) < 100 {
		t.Fatalf("%d pages made, %d gone and %d left show little", made, gone, len(known))
	}
	for _, want := range stats.Cache { // inner pages stay in the pool, while there are others
		got := counts[want.Kind]
		got.Kind = want.Kind
		if got != want || got.Hits == 0 || (got.Misses*1000 < got.Hits) != (want.Kind == countNames[countInner]) {
			t.Errorf("told %+v, counted %+v", got, want)
		}
	}
	if stats.CacheBytes < 128<<10 || stats.CacheBytes > 256<<10 || stats.CachePolicy != "clock" {
		t.Errorf("a pool of %d bytes, %q", stats.CacheBytes, stats.CachePolicy)
	}
}

func TestBlockAccessIsToldTheSameTwice(t *testing.T) {
	first, _ := tellingRun(t)
	second, _ := tellingRun(t)
	if !slices.Equal(first, second) {
		t.Errorf("%d accesses, then %d others", len(first), len(second))
	}
}
