package lsm

import (
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// policies are those that a store can have.
var policies = []Compaction{CompactionTiered, CompactionLeveled, CompactionLazyLeveled, CompactionWindow}

// cost is what reads did.
type cost struct {
	blocks int64 // looked up in the cache or read
	read   int64 // of them, read from a file
	data   int64 // of them all, of data
	asked  int64 // filters and extents
}

func costOf(s *Store, do func()) cost {
	now := func() (c cost) {
		stats := s.Stats()
		for _, k := range stats.Cache {
			c.blocks += k.Hits + k.Misses
			c.read += k.Misses
			if k.Kind == blockKinds[dataBlock] {
				c.data += k.Hits + k.Misses
			}
		}
		c.asked = stats.Filter.Probes
		return c
	}
	before := now()
	do()
	after := now()
	return cost{after.blocks - before.blocks, after.read - before.read, after.data - before.data, after.asked - before.asked}
}

func (c cost) atMostTwice(d cost) bool {
	return c.blocks <= 2*d.blocks && c.data <= 2*d.data && c.asked <= 2*d.asked
}

// withoutExtents makes a store read as after opening.
func withoutExtents(t testing.TB, s *Store) {
	t.Helper()
	for tab := range s.view.Load().version.tables {
		s.env.directory.drop(tab)
		tab.dropResidents()
		tab.footer.Store(nil)
	}
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	if err := s.install(newVersion(s.view.Load().version.runs, s.watermark.Load()), nil); err != nil {
		t.Fatal(err)
	}
}

// probeOf returns how many records a probe of a join key finds.
func probeOf(t testing.TB, s *Store, joinKey int) (n int) {
	it, err := s.Iter(statelab.PrefixRange(recordKey(joinKey, 0)[:8]))
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	for it.Next() {
		n++
	}
	if it.Err() != nil {
		t.Fatal(it.Err())
	}
	return n
}

// To probe a join key, whose records came together, costs at most two Gets of one of
// them, whatever the policy, of records that are there and that are not, with the
// extents and, as after opening, without.
func TestAProbeCostsAtMostTwoGets(t *testing.T) {
	const joinKeys = 2000
	for _, policy := range policies {
		s := filled(t, Options{Options: statelab.Options{Memory: 1 << 20}, Compaction: policy}, joinKeys)
		for _, listed := range []bool{true, false} {
			if !listed {
				withoutExtents(t, s)
			}
			for _, there := range []bool{true, false} {
				var gets, probes cost
				for i := range joinKeys {
					key, want := recordKey(i, 1), 4
					if !there {
						i += joinKeys
						key, want = recordKey(i, 1), 0
					}
					s.Get(nil, key) // reads footers, and what is to be resident
					get := costOf(s, func() {
						if _, err := s.Get(nil, key); (err == nil) != there {
							t.Fatal(err)
						}
					})
					probe := costOf(s, func() {
						if n := probeOf(t, s, i); n != want {
							t.Fatalf("a probe finds %d records of join key %d", n, i)
						}
					})
					// Without extents a filter may err, which costs a block.
					if listed && get.data == 1 && !probe.atMostTwice(get) {
						t.Fatalf("%v, extents %v: a probe costs %+v, and a Get %+v", policy, listed, probe, get)
					}
					gets, probes = gets.plus(get), probes.plus(probe)
				}
				if !probes.atMostTwice(gets.plus(cost{blocks: joinKeys / 20, data: joinKeys / 20})) || there && gets.data < joinKeys/2 {
					t.Errorf("%v, extents %v, there %v: probes cost %+v, and Gets %+v", policy, listed, there, probes, gets)
				}
			}
		}
	}
}

func (c cost) plus(d cost) cost {
	return cost{c.blocks + d.blocks, c.read + d.read, c.data + d.data, c.asked + d.asked}
}

// With a state of ten times the memory a Get of what is there reads 1.1 blocks at most.
func TestAGetBeyondMemoryReadsOneBlock(t *testing.T) {
	const memory, valueSize = 256 << 10, 800
	const records = 10 * memory / (valueSize + 9)
	for _, policy := range policies {
		for _, prefix := range []statelab.Prefix{joinPrefix, {}} {
			s, err := Open("/store", &Options{Options: statelab.Options{
				FS: vfs.NewMem(), Memory: memory, Prefix: prefix, Compression: statelab.CompressionNone, Maintenance: statelab.MaintenanceInline,
			}, Compaction: policy})
			if err != nil {
				t.Fatal(err)
			}
			var b statelab.Batch
			value := make([]byte, valueSize)
			for i := range records + records/4 { // a fifth of it dies meanwhile
				b.Reset()
				b.Put(recordKey(i, 0), value, int64(i+records+1))
				if err := s.Apply(&b); err != nil {
					t.Fatal(err)
				}
				if err := s.Advance(int64(i)); err != nil {
					t.Fatal(err)
				}
			}
			draw := rand.New(rand.NewPCG(1, 2))
			const gets = 1000
			get := func() {
				for range gets {
					if _, err := s.Get(nil, recordKey(records/4+draw.IntN(records), 0)); err != nil {
						t.Fatal(err)
					}
				}
			}
			get()
			if c := costOf(s, get); float64(c.read) > 1.1*gets || c.read < gets/2 {
				t.Errorf("%v, prefix %q: %d Gets read %+v", policy, prefix.Name, gets, c)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// BenchmarkRead measures a Get and a probe of four records of one join key side by
// side, of what is cached.
func BenchmarkRead(b *testing.B) {
	const joinKeys = 5000
	s := filled(b, Options{Options: statelab.Options{Memory: 2 << 20}}, joinKeys)
	if len(s.view.Load().version.runs) == 0 {
		b.Fatal("all is in the memtable")
	}
	var value []byte
	for _, c := range []struct {
		name string
		do   func(i int)
	}{
		{"Get", func(i int) {
			var err error
			if value, err = s.Get(value[:0], recordKey(i%joinKeys, 1)); err != nil {
				b.Fatal(err)
			}
		}},
		{"GetMissing", func(i int) { s.Get(value[:0], recordKey(joinKeys+i, 1)) }},
		{"Probe", func(i int) {
			if probeOf(b, s, i%joinKeys) != 4 {
				b.Fatal("a record is missing")
			}
		}},
		{"ProbeMissing", func(i int) {
			if probeOf(b, s, joinKeys+i) != 0 {
				b.Fatal("there is a record")
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				c.do(i)
			}
		})
	}
}
