package btree

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
	"github.com/statelab/statelab/vfs"
)

// TestSpaceAgreesWithASet allocates and frees at random, over several map pages.
func TestSpaceAgreesWithASet(t *testing.T) {
	s := newSpace(MinPageSize)
	s.grow(firstPage)
	s.mark(0)
	s.mark(1)
	rng := rand.New(rand.NewPCG(1, 1))
	taken := map[uint32]bool{0: true, 1: true}
	var order []uint32
	for step := range 300_000 {
		if grow := step/50_000%2 == 0; len(order) == 0 || rng.IntN(5) > 0 == grow {
			id, err := s.alloc()
			if err != nil || taken[id] {
				t.Fatalf("step %d: alloc = %d, %v", step, id, err)
			}
			for range min(5, id) {
				if free := rng.Uint32N(id); !taken[free] {
					t.Fatalf("step %d: page %d was taken and %d is free", step, id, free)
				}
			}
			taken[id] = true
			order = append(order, id)
			continue
		}
		i := rng.IntN(len(order))
		id := order[i]
		order[i] = order[len(order)-1]
		order = order[:len(order)-1]
		s.unuse(id)
		s.release(id)
		delete(taken, id)
	}
	if got := s.usedCount.Load(); got != int64(len(taken)) {
		t.Fatalf("%d pages are used, want %d", got, len(taken))
	}

	// A space read back from its maps is the same.
	again := newSpace(MinPageSize)
	again.grow(s.end.Load())
	for i := range s.mapDirty {
		p := make(page, MinPageSize)
		s.encodeMap(p, ref{id: 9, birth: 9}, i)
		if !again.decodeMap(p, i) {
			t.Fatalf("map page %d is refused", i)
		}
	}
	for id := range s.end.Load() {
		if getBit(again.used, id) != taken[id] || getBit(again.busy, id) != taken[id] {
			t.Fatalf("page %d was taken: %t, is not", id, taken[id])
		}
	}
}

// TestNeighboursTakeRuns allocates leaf after leaf in a file with holes.
func TestNeighboursTakeRuns(t *testing.T) {
	s := newSpace(MinPageSize)
	s.grow(firstPage)
	for range 300 {
		_, err := s.alloc()
		mustDo(t, err)
	}
	for _, id := range []uint32{5, 40, 41, 42, 43, 44, 45, 46, 100, 101, 102, 103, 104, 105, 106, 107, 108} {
		s.unuse(id)
		s.release(id)
	}
	last := uint32(0)
	for i, want := range []uint32{100, 101, 102, 103, 104, 105, 106, 107, 108, 5, 40} {
		id, err := s.allocBehind(last+1, false)
		if mustDo(t, err); id != want {
			t.Errorf("leaf %d has page %d, want %d", i, id, want)
		}
		last = id
	}
	if id, err := s.allocBehind(last+1, true); id != 41 || err != nil {
		t.Errorf("the one behind 40 is %d, %v", id, err)
	}
	if id, err := s.allocBehind(61, true); id != 300 || err != nil {
		t.Errorf("a file that may grow has no run, and page %d is taken, %v", id, err)
	}
}

func TestAMapThatUsesPagesBeyondTheEndIsRefused(t *testing.T) {
	s := newSpace(MinPageSize)
	s.grow(10)
	p := make(page, MinPageSize)
	p[pageHeader+1] = 4 // page 10
	if s.decodeMap(p, 0) {
		t.Fatal("page 10 of 10 may be used")
	}
}

// TestChurnReusesTheFile overwrites, expires and deletes for many generations: the file
// stays as long as one needs, and is cut when nothing is left.
func TestChurnReusesTheFile(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), Options{})
	defer s.Close()
	const n = 4000
	peak := int64(0)
	var b statelab.Batch
	for generation := range int64(12) {
		for i := range n {
			b.Reset()
			b.Put(fmt.Appendf(nil, "%d", i*7919%n), make([]byte, 100), (generation+1)*n+int64(i))
			b.Append(fmt.Appendf(nil, "list %d", i%10), make([]byte, 300), (generation+1)*n+int64(i))
			mustDo(t, s.Apply(&b))
			if i%500 == 0 {
				mustDo(t, s.Advance(generation*n+int64(i)))
				mustDo(t, s.Sync())
			}
		}
		if disk := s.Stats().Disk; generation < 4 {
			peak = max(peak, disk)
		} else if disk > peak*5/4 {
			t.Fatalf("generation %d takes %d bytes, those before %d", generation, disk, peak)
		}
	}
	mustDo(t, s.Advance(1<<40))
	for range 20 {
		mustDo(t, s.Advance(s.tree.watermark+1))
	}
	mustDo(t, s.Sync())
	mustPut(t, s, "k", "v", statelab.NoExpiry)
	mustDo(t, s.Sync())
	if disk := s.Stats().Disk; disk > peak/10 {
		t.Fatalf("one record takes %d bytes, after %d", disk, peak)
	}
	mustDo(t, s.Check())
}

// TestPinnedPagesAreBounded is I8 from inside: an iterator over a tree that is
// overwritten fails in time, and its pages come back.
func TestPinnedPagesAreBounded(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), Options{Options: statelab.Options{Memory: 1 << 20}})
	defer s.Close()
	for i := range 5000 {
		mustPut(t, s, fmt.Sprint(i), string(make([]byte, 200)), statelab.NoExpiry)
	}
	old, err := s.Iter(statelab.Range{})
	mustDo(t, err)
	defer old.Close()
	for i := range 5000 {
		mustPut(t, s, fmt.Sprint(i), string(make([]byte, 200)), statelab.NoExpiry)
		if p := s.Stats().Pinned; p > 1<<18 {
			t.Fatalf("%d bytes are pinned", p)
		}
		if i == 10 && !old.First() {
			t.Fatalf("the iterator failed early: %v", old.Err())
		}
	}
	if old.First() || old.Err() != statelab.ErrSnapshotTooOld {
		t.Fatalf("the iterator goes on: %v", old.Err())
	}
	mustDo(t, s.Sync())
	if p := s.Stats().Pinned; p != 0 {
		t.Fatalf("%d bytes are still pinned", p)
	}
	mustDo(t, s.Check())
}

// TestRecordsCostNoHeap holds the number of Go objects that records and pages take: none.
func TestRecordsCostNoHeap(t *testing.T) {
	before := offheap.InUse()
	s, err := openIn(t.TempDir(), vfs.OS, Options{Options: statelab.Options{Memory: 8 << 20}})
	mustDo(t, err)
	objects := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	var b statelab.Batch
	fill := func(from, to int) {
		for i := from; i < to; i++ {
			b.Put(fmt.Appendf(nil, "%d", i*7919), make([]byte, 60), statelab.NoExpiry)
			if b.Len() == 100 {
				mustDo(t, s.Apply(&b))
				b.Reset()
			}
		}
		mustDo(t, s.Sync())
	}
	fill(0, 1000)
	few := objects()
	fill(1000, 100_000)
	if many := objects(); many > few+500 {
		t.Errorf("1000 records cost %d heap objects, 100,000 cost %d", few, many)
	}
	if m := s.Stats().Memory; m > 8<<20+1<<14 {
		t.Errorf("%d bytes of memory, over the budget", m)
	}
	mustDo(t, s.Close())
	if offheap.InUse() != before {
		t.Errorf("Close left %d bytes", offheap.InUse()-before)
	}
}
