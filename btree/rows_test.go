package btree

import (
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestAProbeHoldsNoSnapshot opens iterators over ranges that are short enough to
// be copied, and over such as are not, which hold the trees as they were.
func TestAProbeHoldsNoSnapshot(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(4<<20))
	defer s.Close()
	for i := range 200 {
		mustPut(t, s, fmt.Sprintf("few/%03d", i), "v", 10)
		mustPut(t, s, fmt.Sprintf("large/%03d", i), string(make([]byte, 5000)), 10)
		if i == 100 {
			mustDo(t, s.Sync())
		}
	}
	for i, c := range []struct {
		lower, upper string
		copied       bool
		records      int
	}{
		{"few/090", "few/110", true, 20},
		{"few/001", "few/033", true, mostRows},
		{"few/040", "few/073", false, 33},
		{"few/110", "few/090", true, 0},
		{"large/000", "large/003", true, 3},
		{"large/010", "large/014", false, 4},
	} {
		it, err := s.Iter(statelab.Range{Lower: []byte(c.lower), Upper: []byte(c.upper)})
		mustDo(t, err)
		if got := it.(*iterator).overlay.copied; got != c.copied || got != (s.views.newest == nil) {
			t.Errorf("%s to %s: copied: %t, want %t; holds a snapshot: %t", c.lower, c.upper, got, c.copied, s.views.newest != nil)
		}
		changed := fmt.Sprint("changed ", i) + string(make([]byte, 5000))
		mustPut(t, s, c.lower, changed, 10) // which it does not see
		n := 0
		for ok := it.First(); ok; ok = it.Next() {
			if string(it.Value()) == changed {
				t.Errorf("%s to %s: what came later is seen", c.lower, c.upper)
			}
			n++
		}
		for ok := it.Last(); ok; ok = it.Prev() {
			n--
		}
		if n != 0 || it.Next() != (c.records > 0) || it.Err() != nil {
			t.Errorf("%s to %s: %d more forwards than backwards, %v", c.lower, c.upper, n, it.Err())
		}
		mustDo(t, it.Close())
	}
	if s.views.newest != nil || s.views.oldest != nil {
		t.Error("a closed iterator is still known")
	}
	mustDo(t, s.Sync())
	if p := s.Stats().Pinned; p != 0 {
		t.Errorf("%d bytes are pinned", p)
	}
}

// TestAProbeLooksAtItsLeafOnce counts the leaves that a probe of one record asks the pool
// for: what stands behind the record tells that the range ends there.
func TestAProbeLooksAtItsLeafOnce(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), Options{WriteBuffer: WriteBufferOff})
	defer s.Close()
	for i := range 20 {
		mustPut(t, s, fmt.Sprintf("key %02d", i), "v", statelab.NoExpiry)
	}
	leaves := func() int64 {
		c := s.Stats().Cache[countLeaf]
		return c.Hits + c.Misses
	}
	before := leaves()
	it, err := s.Iter(statelab.PrefixRange([]byte("key 07")))
	mustDo(t, err)
	if !it.Next() || it.Next() {
		t.Error("the probe does not find one record")
	}
	mustDo(t, it.Close())
	if n := leaves() - before; n != 1 {
		t.Errorf("the probe looked at %d leaves", n)
	}
}
