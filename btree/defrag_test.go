package btree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// scatter opens a store of so many records that stand in order, and changes records here and
// there, with a commit after every so many, so that leaves move.
func scatter(t testing.TB, dir string, fs vfs.FS, o Options, records, commits, each int) *Store {
	var ops []statelab.Op
	key := func(i int) []byte { return fmt.Appendf(nil, "key %09d", i) }
	for i := range records {
		ops = append(ops, statelab.Op{Kind: statelab.OpPut, Key: key(i), Value: make([]byte, 300), ExpireAt: statelab.NoExpiry})
	}
	o.FS = fs
	mustDo(t, Load(dir, &o, 0, opsOf(ops)))
	s, err := openIn(dir, fs, o)
	mustDo(t, err)
	rng := rand.New(rand.NewPCG(5, 5))
	var b statelab.Batch
	for range commits {
		b.Reset()
		for range each {
			b.Put(key(rng.IntN(records)), make([]byte, 300), statelab.NoExpiry)
		}
		mustDo(t, s.Apply(&b))
		mustDo(t, s.Sync())
	}
	return s
}

// TestDefragmentationKeepsNeighboursTogether compares trees that changed for long at random
// places, and holds what defragmentation writes, and the file, to their bounds.
func TestDefragmentationKeepsNeighboursTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("it makes 300 commits, and the test of Defragment goes the same way")
	}
	var adjacent [3]float64
	var written [3]int64
	for i, share := range []int{0, 10, 100} {
		s := scatter(t, "/s", vfs.NewMem(), Options{Defrag: share, Options: statelab.Options{Memory: 8 << 20}}, 12_000, 100, 10)
		defer s.Close()
		mustDo(t, s.Check())
		st := s.Stats()
		adjacent[i], written[i] = float64(st.AdjacentLeaves)/float64(st.Leaves), st.Written.Page
		t.Logf("defrag %d: %.2f of %d leaves are adjacent, %d bytes written, a file of %d", share, adjacent[i], st.Leaves, written[i], st.Disk)
		if most := st.Leaves * DefaultPageSize * 3 / 2; st.Disk > most {
			t.Errorf("defrag %d: a file of %d bytes for %d leaves", share, st.Disk, st.Leaves)
		}
	}
	if adjacent[1] < adjacent[0]*1.2 || adjacent[2] < adjacent[0]*1.8 {
		t.Errorf("adjacent: %.2f of leaves", adjacent)
	}
	for i, share := range []int64{10, 100} {
		if most := written[0] * (104 + share) / 100; written[i+1] > most {
			t.Errorf("%d bytes were written with a share of %d %%, %d without", written[i+1], share, written[0])
		}
	}
}

// TestDefragmentBringsAllLeavesIntoOrder also counts that what is in order is not written again.
func TestDefragmentBringsAllLeavesIntoOrder(t *testing.T) {
	s := scatter(t, "/s", vfs.NewMem(), Options{Options: statelab.Options{Memory: 2 << 20}}, 12_000, 30, 100)
	defer s.Close()
	st := s.Stats()
	if st.AdjacentLeaves > st.Leaves/10 {
		t.Fatalf("%d of %d leaves are adjacent before", st.AdjacentLeaves, st.Leaves)
	}
	it, err := s.Iter(statelab.Range{})
	mustDo(t, err)
	defer it.Close()
	mustPut(t, s, "key 5", "buffered", statelab.NoExpiry)
	mustDo(t, s.Defragment())
	mustDo(t, s.Check())
	mustDo(t, s.Sync())
	mustDo(t, s.Check())
	st = s.Stats()
	if st.AdjacentLeaves < st.Leaves*9/10 {
		t.Errorf("%d of %d leaves are adjacent", st.AdjacentLeaves, st.Leaves)
	}
	n := 0
	for ok := it.First(); ok; ok = it.Next() {
		n++
	}
	if n != 12_000 || it.Err() != nil {
		t.Errorf("an iterator from before sees %d records, %v", n, it.Err())
	}
	mustGet(t, s, "key 5", "buffered")
	before := s.Stats().Written.Page
	mustDo(t, s.Defragment())
	mustDo(t, s.Sync())
	if again := s.Stats().Written.Page - before; again > 20*DefaultPageSize {
		t.Errorf("%d bytes of pages were written to bring what is in order into order", again)
	}
}

// TestDefragmentOfAStoreWhoseBufferIsEmpty has a tree of one stretch, and one of one leaf.
func TestDefragmentOfAStoreWhoseBufferIsEmpty(t *testing.T) {
	for _, records := range []int{3, 150} {
		s := scatter(t, "/s", vfs.NewMem(), Options{Options: statelab.Options{Memory: 2 << 20}}, records, 20, 2)
		mustDo(t, s.Defragment())
		mustDo(t, s.Sync())
		mustDo(t, s.Check())
		if st := s.Stats(); st.Leaves > 1 && st.AdjacentLeaves < st.Leaves*8/10 {
			t.Errorf("%d of %d leaves are adjacent", st.AdjacentLeaves, st.Leaves)
		}
		mustDo(t, s.Close())
		if err := s.Defragment(); !errors.Is(err, statelab.ErrClosed) {
			t.Errorf("Defragment of a closed store: %v", err)
		}
	}
}
