package lsm

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	gosync "sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// history is what a store must have been through, to compare with what a crash
// leaves: how it looked after each Apply and Advance.
type history struct {
	records   map[string]record
	watermark int64

	mu      gosync.Mutex
	states  []string
	synced  int // states up to a completed Sync
	syncing int // states up to a Sync that has begun
	acked   int // states up to the last call that returned
}

type record struct {
	value    string
	expireAt int64
}

func (h *history) note() {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(h.records)) {
		if r := h.records[key]; !statelab.Expired(r.expireAt, h.watermark) {
			fmt.Fprintf(&b, "%s=%.8s ", key, r.value)
		}
	}
	fmt.Fprintf(&b, "@%d", h.watermark)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.states = append(h.states, b.String())
}

// A crash, and which states it may lead back to, by index.
type crash struct {
	left  *vfs.Mem
	least int
	most  func() int // known only when the call that was under way has returned
	exact bool       // only a Sync's state
}

// Background flushes and compactions run at moments of their own. Whenever the
// power fails, what is found is a state that the store was in: with a log one
// that is not older than what was promised, else exactly a Sync's.
func TestCrashesAmidBackgroundMaintenance(t *testing.T) {
	for _, c := range []struct {
		d          statelab.Durability
		compaction Compaction
		blobs      int // the threshold
	}{
		{statelab.DurabilityCheckpoint, CompactionTiered, BlobsOff},
		{statelab.DurabilityCheckpoint, CompactionWindow, 400},
		{statelab.DurabilityInterval, CompactionLeveled, 1},
		{statelab.DurabilityAlways, CompactionLazyLeveled, BlobsOff},
	} {
		d := c.d
		t.Run(fmt.Sprintf("%s/%s", d, c.compaction), func(t *testing.T) {
			h := &history{records: map[string]record{}, watermark: statelab.MinWatermark}
			mem := vfs.NewMem()
			var crashes []crash
			n := 0
			fsys := vfs.NewTrace(mem, func(op vfs.TraceOp) {
				h.mu.Lock()
				defer h.mu.Unlock()
				settles := op.Op == vfs.OpSync || op.Op == vfs.OpSyncDir || op.Op == vfs.OpRename || op.Op == vfs.OpRemove
				if n++; len(h.states) == 0 || !settles && n%23 != 0 {
					return
				}
				c := crash{left: mem.PowerCut(int64(n)), least: h.synced, exact: d == statelab.DurabilityCheckpoint}
				if d == statelab.DurabilityAlways {
					c.least = h.acked
				}
				syncing := h.syncing
				c.most = func() int { return len(h.states) }
				if c.exact {
					c.most = func() int { return max(syncing, c.least) }
				}
				crashes = append(crashes, c)
			})
			s := open(t, fsys, Options{Options: statelab.Options{Durability: d}, Compaction: c.compaction, Segments: 2, Subcompactions: 3, BlobThreshold: c.blobs})
			h.note()
			playHistory(t, s, h)
			shut(t, s)
			verifyCrashes(t, h, crashes, d)
		})
	}
}

// playHistory writes, advances and syncs.
func playHistory(t *testing.T, s *Store, h *history) {
	t.Helper()
	end := func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.acked = len(h.states) - 1
	}
	for i := range 400 {
		key := fmt.Sprintf("k%02d", i*i%67)
		r := record{fmt.Sprintf("%04d%s", i, strings.Repeat("v", 300+i)), int64(i*10 + i*i%701)}
		h.records[key] = r
		h.note()
		put(t, s, key, r.value, r.expireAt)
		end()
		if i%5 == 0 {
			h.watermark = int64(i * 10)
			h.note()
			if err := s.Advance(h.watermark); err != nil {
				t.Fatal(err)
			}
			end()
		}
		if i%37 == 0 {
			h.mu.Lock()
			h.syncing = len(h.states) - 1
			h.mu.Unlock()
			syncNow(t, s)
			h.mu.Lock()
			h.synced = h.syncing
			h.mu.Unlock()
		}
	}
}

func verifyCrashes(t *testing.T, h *history, crashes []crash, d statelab.Durability) {
	t.Helper()
	if len(crashes) < 50 {
		t.Fatalf("only %d crashes", len(crashes))
	}
	for i, c := range crashes {
		s := open(t, c.left, inline(d))
		got := contents(t, s)
		shut(t, s)
		most := min(c.most(), len(h.states)-1)
		allowed := h.states[c.least : most+1]
		if c.exact {
			allowed = []string{h.states[c.least], h.states[most]}
		}
		if !slices.Contains(allowed, got) {
			t.Fatalf("crash %d of %d leads to a state that is none of %d to %d:\n%s\n%d: %s\n%d: %s",
				i, len(crashes), c.least, most, got, c.least, allowed[0], most, allowed[len(allowed)-1])
		}
	}
}
