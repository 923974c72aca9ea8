package lsm

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// small is a budget with which little data makes many tables, in bytes.
const small = statelab.MinMemory

func open(t testing.TB, fsys vfs.FS, o Options) *Store {
	t.Helper()
	o.FS = fsys
	if o.Memory == 0 {
		o.Memory = small
	}
	s, err := Open("/store", &o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// inline returns options with which a test is deterministic.
func inline(d statelab.Durability) Options {
	return Options{Options: statelab.Options{Maintenance: statelab.MaintenanceInline, Durability: d}}
}

// shut checks and closes a store.
func shut(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Check(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// put applies a batch of one Put.
func put(t testing.TB, s *Store, key, value string, expireAt int64) {
	t.Helper()
	var b statelab.Batch
	b.Put([]byte(key), []byte(value), expireAt)
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
}

func del(t testing.TB, s *Store, key string) {
	t.Helper()
	var b statelab.Batch
	b.Delete([]byte(key))
	if err := s.Apply(&b); err != nil {
		t.Fatal(err)
	}
}

func syncNow(t testing.TB, s *Store) {
	t.Helper()
	if err := s.Sync(); err != nil {
		t.Fatal(err)
	}
}

// contents reads a store as one string: key=value pairs, and the watermark.
func contents(t testing.TB, s *Store) string {
	t.Helper()
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for it.Next() {
		fmt.Fprintf(&b, "%s=%.8s ", it.Key(), it.Value())
	}
	if err := it.Close(); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "@%d", s.Stats().Watermark)
	return b.String()
}

// churn writes a round of records, some of which replace, delete or expire
// older ones.
func churn(t testing.TB, s *Store, round int) {
	t.Helper()
	for i := range 60 {
		put(t, s, fmt.Sprintf("k%03d", (round*37+i*7)%200), fmt.Sprint(round, strings.Repeat("v", 300)), int64(round*10+i))
	}
	del(t, s, fmt.Sprintf("k%03d", round))
	if err := s.Advance(int64(round * 10)); err != nil {
		t.Fatal(err)
	}
}

// A process may die at any moment, another one recover, and then the power
// fail at any moment of that recovery: what was found must be found again.
func TestWhatRecoveryFoundStaysFound(t *testing.T) {
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval} {
		t.Run(d.String(), func(t *testing.T) {
			mem := vfs.NewMem()
			var killed []*vfs.Mem
			n := 0
			s := open(t, vfs.NewTrace(mem, func(op vfs.TraceOp) {
				if n++; op.Op == vfs.OpWrite && strings.Contains(op.Path, manifestPrefix) || op.Op == vfs.OpRename || n%97 == 0 {
					killed = append(killed, mem.Kill())
				}
			}), inline(d))
			for round := range 12 {
				churn(t, s, round)
				syncNow(t, s)
			}
			shut(t, s)
			for i, k := range killed {
				if exists, _ := vfs.Exists(k, "/store/STORE"); exists {
					recoverUnderPowerCuts(t, d, k, i)
				}
			}
		})
	}
}

func recoverUnderPowerCuts(t *testing.T, d statelab.Durability, k *vfs.Mem, at int) {
	t.Helper()
	var cuts []*vfs.Mem
	n := 0
	found := open(t, vfs.NewTrace(k, func(op vfs.TraceOp) {
		switch n++; op.Op {
		case vfs.OpSync, vfs.OpSyncDir, vfs.OpRemove, vfs.OpRename, vfs.OpWrite:
			cuts = append(cuts, k.PowerCutStrict(), k.PowerCut(int64(n)))
		}
	}), inline(d))
	want := contents(t, found)
	cuts = append(cuts, k.PowerCutStrict())
	shut(t, found)
	for i, c := range cuts {
		again := open(t, c, inline(d))
		got := contents(t, again)
		shut(t, again)
		// Until Open returned, an older state may come back, but not after.
		if last := i == len(cuts)-1; last && got != want {
			t.Fatalf("kill %d: recovery found\n%s\nand after a power cut there is\n%s", at, want, got)
		}
	}
}

func TestOpenFindsMissingAndCutTables(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, inline(statelab.DurabilityCheckpoint))
	churn(t, s, 0)
	syncNow(t, s)
	shut(t, s)
	names, err := mem.List("/store")
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, name := range names {
		if !strings.HasSuffix(name, tableSuffix) {
			continue
		}
		tables++
		gone := mem.Kill()
		gone.Remove("/store/" + name)
		short := mem.Kill()
		f, err := short.OpenReadWrite("/store/" + name)
		if err != nil {
			t.Fatal(err)
		}
		size, _ := f.Size()
		f.Truncate(size - 1)
		f.Close()
		for how, fsys := range map[string]vfs.FS{"missing": gone, "cut": short} {
			o := inline(statelab.DurabilityCheckpoint)
			o.FS = fsys
			if _, err := Open("/store", &o); !corrupt(err) || !strings.Contains(err.Error(), name) {
				t.Errorf("%s %s: opening says %v", name, how, err)
			}
		}
	}
	if tables == 0 {
		t.Fatal("no tables")
	}
}

func TestOpenRemovesWhatWasNotCommitted(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, inline(statelab.DurabilityCheckpoint))
	churn(t, s, 0)
	syncNow(t, s)
	before := contents(t, s)
	for round := 1; round < 9; round++ {
		churn(t, s, round)
	}
	left := mem.Kill()
	shut(t, s)
	held, err := left.List("/store")
	if err != nil {
		t.Fatal(err)
	}
	s = open(t, left, inline(statelab.DurabilityCheckpoint))
	if got := contents(t, s); got != before {
		t.Errorf("after a crash there is\n%s\nwant what Sync left:\n%s", got, before)
	}
	kept, err := left.List("/store")
	if err != nil {
		t.Fatal(err)
	}
	if len(kept) >= len(held) {
		t.Errorf("nothing of %v was removed", held)
	}
	shut(t, s) // Check finds files that nothing holds
}

// The durability of a store may change from one opening to the next.
func TestDurabilityMayChange(t *testing.T) {
	mem := vfs.NewMem()
	var want string
	all := []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityAlways, statelab.DurabilityInterval}
	for round := range 9 {
		d := all[round*2%3]
		if round >= 6 {
			d = all[round%3]
		}
		s := open(t, mem, inline(d))
		if got := contents(t, s); round > 0 && got != want {
			t.Fatalf("opened with %s after %d rounds there is\n%s\nwant\n%s", d, round, got, want)
		}
		churn(t, s, round)
		if d == statelab.DurabilityCheckpoint {
			syncNow(t, s)
		}
		want = contents(t, s)
		shut(t, s)
		if exists, _ := vfs.Exists(mem, "/store/"+logDirName); exists != (d != statelab.DurabilityCheckpoint) {
			t.Errorf("opened with %s there is a log: %v", d, exists)
		}
	}
}

func TestManifestIsStartedAfreshWhenItHasGrown(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, inline(statelab.DurabilityCheckpoint))
	manifests := map[uint64]bool{}
	for i := range 1500 {
		put(t, s, fmt.Sprint("k", i%10, strings.Repeat("k", 100)), "v", statelab.NoExpiry)
		syncNow(t, s)
		manifests[s.manifestNumber] = true
	}
	if len(manifests) < 2 {
		t.Errorf("all edits went to one manifest of %d bytes", s.manifest.end)
	}
	want := contents(t, s)
	shut(t, s)
	names, err := mem.List("/store")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(slices.DeleteFunc(names, func(name string) bool { return !strings.HasPrefix(name, manifestPrefix) })); n != 1 {
		t.Errorf("%d manifests are left", n)
	}
	s = open(t, mem, inline(statelab.DurabilityCheckpoint))
	if got := contents(t, s); got != want {
		t.Errorf("reopened there is\n%s\nwant\n%s", got, want)
	}
	shut(t, s)
}

func TestSyncOfNothingNewWritesNothing(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, inline(statelab.DurabilityCheckpoint))
	churn(t, s, 0)
	syncNow(t, s)
	before := s.Stats()
	syncNow(t, s)
	after := s.Stats()
	if after.Written != before.Written || after.Syncs != before.Syncs {
		t.Errorf("a Sync with nothing new wrote %+v and synced %d times", after.Written, after.Syncs-before.Syncs)
	}
	if err := s.Advance(1 << 40); err != nil {
		t.Fatal(err)
	}
	syncNow(t, s)
	left := mem.PowerCutStrict()
	shut(t, s)
	s = open(t, left, inline(statelab.DurabilityCheckpoint))
	if got := s.Stats().Watermark; got != 1<<40 {
		t.Errorf("a Sync after an Advance alone left watermark %d", got)
	}
	shut(t, s)
}

func TestOpenOfAnotherPrefixIsRefused(t *testing.T) {
	mem := vfs.NewMem()
	o := inline(statelab.DurabilityCheckpoint)
	o.Prefix = joinPrefix
	shut(t, open(t, mem, o))
	o.FS, o.Prefix.Name = mem, "other"
	if _, err := Open("/store", &o); !errors.Is(err, statelab.ErrMismatch) {
		t.Errorf("opening with another prefix: %v", err)
	}
}
