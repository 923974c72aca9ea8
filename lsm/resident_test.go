package lsm

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/statelab/statelab"
)

// plainStore returns a store without a prefix that holds so many records in tables,
// which die at 1.
func plainStore(t *testing.T, o Options, records int) *Store {
	t.Helper()
	s := openInline(t, o)
	var b statelab.Batch
	for i := range records {
		b.Reset()
		b.Put(plainKey(i), plainKey(i), 1)
		if err := s.Apply(&b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
	return s
}

func plainKey(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)*0x9e3779b97f4a7c15) }

// lookups counts the look-ups in the cache of indexes and filters while do runs.
func lookups(s *Store, do func()) (n int64) {
	count := func() (n int64) {
		for _, c := range s.Stats().Cache {
			if c.Kind == blockKinds[indexBlock] || c.Kind == blockKinds[filterBlock] {
				n += c.Hits + c.Misses
			}
		}
		return n
	}
	before := count()
	do()
	return count() - before
}

// Resident indexes and filters are read once, not looked up in the cache, counted by
// Stats within Memory, and go with their tables; cached ones are looked up each time.
func TestIndexesAndFiltersAreResidentOrCached(t *testing.T) {
	const records = 5000
	for _, index := range []Index{IndexResident, IndexCached} {
		s := plainStore(t, Options{Options: statelab.Options{Memory: 512 << 10}, Index: index}, records)
		all := func() {
			keys := make([][]byte, 0, 2*records)
			for i := range 2 * records {
				keys = append(keys, plainKey(i))
				value, err := s.Get(nil, keys[i])
				if i < records && (err != nil || string(value) != string(keys[i])) || i >= records && !errors.Is(err, statelab.ErrNotFound) {
					t.Fatalf("record %d is %x, %v", i, value, err)
				}
			}
			found := 0
			if err := s.MultiGet(keys, func(int, []byte) { found++ }); err != nil || found != records {
				t.Fatalf("%d records are found, %v", found, err)
			}
			it, err := s.Iter(statelab.Range{})
			if err != nil {
				t.Fatal(err)
			}
			defer it.Close()
			for range records {
				if !it.Next() {
					t.Fatal("a scan ends early")
				}
			}
		}
		looked := lookups(s, all)
		stats := s.Stats()
		var sum int64
		for tab := range s.view.Load().version.tables {
			for p := range tab.residents {
				if kept := tab.residents[p].Load(); kept != nil {
					sum += int64(s.env.cache.Charge(len(kept.Bytes())))
				}
			}
		}
		resident := index == IndexResident
		if resident != (looked == 0) || resident != (stats.Resident > 0) || sum != stats.Resident {
			t.Errorf("%v: %d look-ups in the cache, %d bytes resident of %d", index, looked, sum, stats.Resident)
		}
		if stats.CacheBytes != s.budget.readers-stats.Resident || stats.Memory > s.options.Memory {
			t.Errorf("%v: %d bytes for cached blocks beside %d resident, %d in all", index, stats.CacheBytes, stats.Resident, stats.Memory)
		}
		if err := s.Advance(1); err != nil {
			t.Fatal(err)
		}
		if err := s.Sync(); err != nil {
			t.Fatal(err)
		}
		if stats := s.Stats(); stats.Resident != 0 || stats.Files != 0 {
			t.Errorf("%v: %d bytes are resident when %d tables are left", index, stats.Resident, stats.Files)
		}
	}
}

// What has no room to be resident is cached, and found as well.
func TestResidentBlocksKeepToTheirShare(t *testing.T) {
	const records = 12000
	s := plainStore(t, Options{Options: statelab.Options{Memory: 64 << 10}, BloomBits: MaxBloomBits}, records)
	looked := lookups(s, func() {
		for i := range records {
			if _, err := s.Get(nil, plainKey(i)); err != nil {
				t.Fatal(err)
			}
		}
	})
	if most, stats := s.budget.readers/2, s.Stats(); looked == 0 || stats.Resident > most || stats.Resident < most/2 || stats.Memory > s.options.Memory {
		t.Errorf("%d look-ups in the cache, %d bytes resident of at most %d, %d in all", looked, stats.Resident, most, stats.Memory)
	}
}
