package btree

import (
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func withDurability(d statelab.Durability) Options {
	return Options{LogLimit: MinLogLimit, Options: statelab.Options{Durability: d}}
}

func TestLogIsCutShort(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), withDurability(statelab.DurabilityInterval))
	defer s.Close()
	for i := range 3000 {
		mustPut(t, s, fmt.Sprint(i), string(make([]byte, 100)), statelab.NoExpiry)
		if size := s.log.Size(); size > MinLogLimit+1000 {
			t.Fatalf("the log has %d bytes", size)
		}
	}
	if n := s.Stats().Flushes; n < 3 {
		t.Fatalf("%d commits", n)
	}
}

// TestLogBringsTheTreeToItsEnd kills the process between commits.
func TestLogBringsTheTreeToItsEnd(t *testing.T) {
	fs := vfs.NewMem()
	s := mustOpen(t, fs, withDurability(statelab.DurabilityAlways))
	for i := range 2000 {
		mustPut(t, s, fmt.Sprint(i), fmt.Sprint("value ", i), int64(i))
		if i%10 == 0 {
			mustDo(t, s.Advance(int64(i/2)))
		}
	}
	fs = fs.Kill()
	mustDo(t, s.Close())
	for range 2 {
		s = mustOpen(t, fs, withDurability(statelab.DurabilityAlways))
		if w := s.Stats().Watermark; w != 995 {
			t.Fatalf("the watermark is %d", w)
		}
		mustGet(t, s, "1999", "value 1999")
		mustGet(t, s, "996", "value 996")
		if _, err := s.Get(nil, []byte("995")); err != statelab.ErrNotFound {
			t.Fatalf("a dead record: %v", err)
		}
		mustDo(t, s.Check())
		mustDo(t, s.Close())
	}
}

// TestDurabilityCanChangeBetweenOpenings goes from each to each, and kills the
// process before the last closing.
func TestDurabilityCanChangeBetweenOpenings(t *testing.T) {
	fs := vfs.NewMem()
	all := []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways}
	n := 0
	for _, from := range all {
		for _, to := range all {
			for _, d := range []statelab.Durability{from, to} {
				s := mustOpen(t, fs, withDurability(d))
				for i := range n {
					mustGet(t, s, fmt.Sprint(i), "v")
				}
				mustPut(t, s, fmt.Sprint(n), "v", statelab.NoExpiry)
				n++
				mustDo(t, s.Sync())
				mustDo(t, s.Check())
				killed := fs.Kill()
				exists, err := vfs.Exists(fs, "/s/"+logName)
				if mustDo(t, err); exists != (d != statelab.DurabilityCheckpoint) {
					t.Fatalf("from %s to %s: with %s there is a log: %t", from, to, d, exists)
				}
				mustDo(t, s.Close())
				if n%3 == 0 {
					fs = killed
				}
			}
		}
	}
}

// FuzzReplay replays any bytes as a record of the log.
func FuzzReplay(f *testing.F) {
	var b statelab.Batch
	b.Put([]byte("k"), []byte("v"), 5)
	b.Append([]byte("k"), []byte("w"), statelab.NoExpiry)
	b.Delete([]byte("l"))
	f.Add(append([]byte{logBatch}, b.Bytes()...))
	f.Add(append([]byte{logAdvance}, encodeWatermark(7)...))
	f.Add([]byte{logSync})
	f.Fuzz(func(t *testing.T, payload []byte) {
		s := mustOpen(t, vfs.NewMem(), Options{})
		defer s.Close()
		mustPut(t, s, "k", "old", 6)
		before := s.tree.position
		if err := s.replay(payload); err != nil && s.tree.position != before {
			t.Fatalf("a record that is refused has changed the tree: %v", err)
		}
		mustDo(t, s.Check())
	})
}
