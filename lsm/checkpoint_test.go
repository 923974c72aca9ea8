package lsm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A failed sync may make the kernel forget bytes, also those that the store has
// yet to sync for itself. So a Checkpoint syncs no file of the store.
func TestFailedCheckpointTakesNothingFromTheStore(t *testing.T) {
	for n := int64(1); ; n++ {
		mem := vfs.NewMem()
		faulty := vfs.NewFaulty(mem)
		faulty.Only = func(path string) bool { return strings.HasPrefix(path, "/copy") }
		s := open(t, faulty, inline(statelab.DurabilityCheckpoint))
		for round := range 6 {
			churn(t, s, round)
		}
		unsynced := 0
		for tab := range s.view.Load().version.tables {
			if tab.unsynced != nil {
				unsynced++
			}
		}
		if unsynced == 0 {
			t.Fatal("no table waits to be synced")
		}
		faulty.Fail(vfs.Fault{Op: vfs.OpSync, N: n})
		err := s.Checkpoint("/copy")
		if faulty.Struck() > 0 && err == nil {
			t.Fatalf("sync %d of the checkpoint fails, and Checkpoint does not", n)
		}
		if exists, _ := vfs.Exists(mem, "/copy"); exists != (err == nil) {
			t.Errorf("after %v the copy is there: %v", err, exists)
		}
		syncNow(t, s)
		want := contents(t, s)
		left := mem.PowerCutStrict()
		shut(t, s)
		s = open(t, left, inline(statelab.DurabilityCheckpoint))
		if got := contents(t, s); got != want {
			t.Fatalf("sync %d of the checkpoint failed, and after a power cut there is\n%s\nwant\n%s", n, got, want)
		}
		shut(t, s)
		if faulty.Struck() == 0 {
			if n < 4 {
				t.Fatalf("a checkpoint of %d unsynced tables makes %d syncs", unsynced, n-1)
			}
			return
		}
	}
}

// What the store would open with after a crash does not change by a Checkpoint.
func TestCheckpointIsNotASync(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, inline(statelab.DurabilityCheckpoint))
	churn(t, s, 0)
	syncNow(t, s)
	synced := contents(t, s)
	written := s.Stats().Written
	churn(t, s, 1)
	put(t, s, "newest", "in memory", statelab.NoExpiry)
	now := contents(t, s)
	flushed := s.Stats().Written.Flush
	if err := s.Checkpoint("/copy"); err != nil {
		t.Fatal(err)
	}
	if st := s.Stats(); st.Written.Flush != flushed || st.Written.Meta != written.Meta || st.Written.Checkpoint == 0 {
		t.Errorf("the checkpoint wrote %+v", st.Written)
	}
	left := mem.PowerCutStrict()
	shut(t, s)
	for dir, want := range map[string]string{"/store": synced, "/copy": now} {
		o := inline(statelab.DurabilityCheckpoint)
		o.FS, o.Memory = left, small
		s, err := Open(dir, &o)
		if err != nil {
			t.Fatal(err)
		}
		if got := contents(t, s); got != want {
			t.Errorf("after a power cut %s has\n%s\nwant\n%s", dir, got, want)
		}
		put(t, s, fmt.Sprint("goes on in ", dir), "", statelab.NoExpiry)
		syncNow(t, s)
		shut(t, s)
	}
}
