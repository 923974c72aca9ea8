package btree

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// shapeOf returns leaves and the share of their bytes that is used.
func shapeOf(t *testing.T, s *Store) (leaves int64, fill float64) {
	t.Helper()
	d := dumper{pager: s.tree.pager, levels: make([]levelShape, s.tree.height)}
	mustDo(t, d.walk(s.tree.root, s.tree.height-1))
	l := d.levels[0]
	return l.pages, float64(l.used) / float64(l.pages*int64(s.tree.capacity()))
}

func TestAMergePacksLeaves(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(8<<20))
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	for range 3 {
		fill(t, s, rng, 6000, statelab.NoExpiry)
		if leaves, fill := shapeOf(t, s); leaves < 100 || fill < 0.93 {
			t.Errorf("%d leaves are filled to %.2f", leaves, fill)
		}
	}
	mustDo(t, s.Check())
}

// TestAMergeLeavesTheRest merges single records into a packed tree: the paths to
// them are written, and no neighbours.
func TestAMergeLeavesTheRest(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(8<<20))
	defer s.Close()
	rng := rand.New(rand.NewPCG(1, 1))
	fill(t, s, rng, 20_000, statelab.NoExpiry)
	for i := range 50 {
		before := s.Stats().Written.Page
		mustPut(t, s, fmt.Sprintf("key %d, single", rng.IntN(1_000_000)), "v", statelab.NoExpiry)
		mustDo(t, s.Sync())
		// Two leaves and a path, one page of which may be split, and a map page.
		if n := (s.Stats().Written.Page - before) / 4096; n > int64(s.tree.height+3) {
			t.Fatalf("%d pages were written for record %d, of a tree of height %d", n, i, s.tree.height)
		}
	}
	mustDo(t, s.Check())
}

// TestMergesLeaveNoSmallLeaves deletes nearly everything, at random, some at a
// time: what is left is gathered in few leaves.
func TestMergesLeaveNoSmallLeaves(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(8<<20))
	defer s.Close()
	const n = 10_000
	for i := range n {
		mustPut(t, s, fmt.Sprintf("key %05d of a certain length", i), string(make([]byte, 100)), statelab.NoExpiry)
	}
	mustDo(t, s.Sync())
	before, _ := shapeOf(t, s)
	rng := rand.New(rand.NewPCG(1, 1))
	for k, i := range rng.Perm(n) {
		if i%20 != 0 {
			mustDelete(t, s, fmt.Sprintf("key %05d of a certain length", i))
		}
		if k%1000 == 999 {
			mustDo(t, s.Sync())
		}
	}
	mustDo(t, s.Sync())
	mustDo(t, s.Check())
	if after, fill := shapeOf(t, s); after > before/6 || fill < 0.3 {
		t.Errorf("%d leaves are left of %d, for a twentieth of the records, filled to %.2f", after, before, fill)
	}
}

func mustDelete(t testing.TB, s *Store, key string) {
	t.Helper()
	var b statelab.Batch
	b.Delete([]byte(key))
	mustDo(t, s.Apply(&b))
}

// TestAFailedReadLeavesTheBufferAsItWas makes merges fail at each of their reads.
func TestAFailedReadLeavesTheBufferAsItWas(t *testing.T) {
	mem := vfs.NewMem()
	faulty := vfs.NewFaulty(mem)
	s := mustOpen(t, faulty, bufferedOptions(statelab.MinMemory*4))
	defer func() { s.Close() }()
	rng := rand.New(rand.NewPCG(1, 1))
	fill(t, s, rng, 8000, statelab.NoExpiry)
	failed := 0
	for n := 1; n <= 40; n++ {
		key := fmt.Sprintf("key %d", n*20_011)
		var b statelab.Batch
		b.Append([]byte(key), []byte("a"), statelab.NoExpiry)
		mustDo(t, s.Apply(&b))
		faulty.Fail(vfs.Fault{Op: vfs.OpRead, N: int64(1 + n%7)})
		err := s.Sync()
		faulty.Heal()
		if err != nil {
			failed++
			mustDo(t, s.Check())
			mustDo(t, s.Sync())
		}
		wantValue(t, s, key, "a")
	}
	if failed < 5 {
		t.Errorf("only %d Syncs failed", failed)
	}
	mustDo(t, s.Check())
}
