package lsm

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// boundedWalker walks a merger within its bounds, as iterators do: it seeks nothing
// beyond them.
type boundedWalker struct{ *mergeWalker }

func (w boundedWalker) first() bool { return w.mergeWalker.seekGE(w.lower) }
func (w boundedWalker) last() bool  { return w.mergeWalker.seekLT(w.upper) }

func (w boundedWalker) seekGE(key []byte) bool {
	if bytes.Compare(key, w.lower) < 0 {
		key = w.lower
	}
	return w.mergeWalker.seekGE(key)
}

func (w boundedWalker) seekLT(key []byte) bool {
	if bytes.Compare(key, w.upper) > 0 {
		key = w.upper
	}
	return w.mergeWalker.seekLT(key)
}

func TestAMergerKeepsWithinItsBounds(t *testing.T) {
	for _, n := range []int{8, 100, 300} {
		rng := rand.New(rand.NewPCG(uint64(n), 2))
		entries := drawn(rng, n)
		within := entries[n/4 : 3*n/4]
		w := boundedWalker{openMerger(t, entries).(*mergeWalker)}
		w.reset([]byte(within[0].key), []byte(entries[3*n/4].key))
		walk(t, rng, within, w)
		if w.first(); len(w.on) == 0 {
			t.Fatal("no source stands within the bounds")
		}
		for w.next() {
		}
		if len(w.on) != 0 {
			t.Errorf("%d sources stand beyond the bound", len(w.on))
		}
	}
}

// An iterator that turns round on a key goes on behind it, though the key was written
// meanwhile to a memtable that it walks.
func TestAnIteratorTurnsOnAKeyThatIsWrittenMeanwhile(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	for _, key := range []string{"a", "b", "c"} {
		put(t, s, key, "before", statelab.NoExpiry)
	}
	syncNow(t, s)
	put(t, s, "d", "before", statelab.NoExpiry)
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	if !it.SeekLT([]byte("c")) || string(it.Key()) != "b" {
		t.Fatalf("stands on %q", it.Key())
	}
	put(t, s, "b", "after", statelab.NoExpiry)
	for _, key := range []string{"c", "d"} {
		if !it.Next() || string(it.Key()) != key || string(it.Value()) != "before" {
			t.Errorf("stands on %q: %q, want %q", it.Key(), it.Value(), key)
		}
	}
}
