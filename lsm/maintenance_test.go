package lsm

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	gosync "sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

func TestFlushWritesOnlyWhatLives(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	const n = 20 // what a memtable of the least size has room for
	for i := range n {
		put(t, s, fmt.Sprint("dies", i), "soon", 5)
		put(t, s, fmt.Sprint("deleted", i), "at once", statelab.NoExpiry)
		del(t, s, fmt.Sprint("deleted", i))
	}
	if err := s.Advance(5); err != nil {
		t.Fatal(err)
	}
	syncNow(t, s)
	if st := s.Stats(); st.Written.Flush != 0 || st.Files != 0 || st.DroppedDead != n {
		t.Errorf("%d bytes flushed to %d tables, %d elements dropped dead; want 0, 0, %d", st.Written.Flush, st.Files, st.DroppedDead, n)
	}
	put(t, s, "lives", "on", 6)
	syncNow(t, s)
	if st := s.Stats(); st.Records != 1 || st.Files != 1 {
		t.Errorf("%d records in %d tables, want 1 in 1", st.Records, st.Files)
	}
}

func TestTombstonesAreWrittenOnlyOverOlderRecords(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	for i := range 100 {
		put(t, s, fmt.Sprintf("old%02d", i), "v", statelab.NoExpiry)
	}
	syncNow(t, s)
	del(t, s, "old07")
	put(t, s, "old08", "dead at once", s.Stats().Watermark)
	for i := range 100 {
		del(t, s, fmt.Sprintf("old%02d never there", i)) // within the bounds: only the filter knows
	}
	syncNow(t, s)
	newest := s.view.Load().version.runs[0]
	if newest.tombstones < 2 || newest.tombstones > 7 {
		t.Errorf("%d tombstones, want 2 and those for which the filter errs", newest.tombstones)
	}
	for _, key := range []string{"old07", "old08"} {
		if _, err := s.Get(nil, []byte(key)); !errors.Is(err, statelab.ErrNotFound) {
			t.Errorf("Get(%s): %v", key, err)
		}
	}
}

// With a log, what a crash may take back must not decide what is dead.
func TestLoggedFlushDropsByTheWatermarkOfItsRotation(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityInterval))
	defer shut(t, s)
	put(t, s, "k", "v", 5)
	put(t, s, "l", "v", 9)
	rotateNow(t, s)
	if err := s.Advance(5); err != nil {
		t.Fatal(err)
	}
	flushNow(t, s)
	v := s.view.Load().version
	if len(v.runs) != 1 || v.runs[0].records != 2 || v.watermark == 5 {
		t.Errorf("the flush left %d runs at watermark %d", len(v.runs), v.watermark)
	}
}

// What no crash can take back does decide: if all is dead the log is synced, and nothing
// is written.
func TestLoggedFlushOfWhatIsSpentSyncsTheLogAndWritesNothing(t *testing.T) {
	mem := vfs.NewMem()
	s := open(t, mem, inline(statelab.DurabilityInterval))
	put(t, s, "k", "v", 5)
	rotateNow(t, s)
	put(t, s, "l", "v", 9)
	if err := s.Advance(5); err != nil {
		t.Fatal(err)
	}
	flushNow(t, s)
	v := s.view.Load().version
	if len(v.runs) != 0 || v.watermark != 5 {
		t.Errorf("the flush left %d runs at watermark %d", len(v.runs), v.watermark)
	}
	crashed := mem.PowerCut(1)
	shut(t, s)
	s = open(t, crashed, inline(statelab.DurabilityInterval))
	defer shut(t, s)
	if got := s.Stats().Watermark; got != 5 {
		t.Errorf("after a crash the watermark is %d", got)
	}
	if _, err := s.Get(nil, []byte("l")); err != nil {
		t.Errorf("after a crash: %v", err)
	}
}

func flushNow(t *testing.T, s *Store) {
	t.Helper()
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	if err := s.flushWaiting(); err != nil {
		t.Fatal(err)
	}
}

func rotateNow(t *testing.T, s *Store) {
	t.Helper()
	s.writeMu.Lock()
	defer s.writeMu.Unlock()
	if err := s.rotate(); err != nil {
		t.Fatal(err)
	}
}

func TestDeadTablesAreDroppedWithoutBeingRead(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	for window := range 3 {
		for i := range 50 {
			put(t, s, fmt.Sprintf("w%d-%02d", window, i), strings.Repeat("v", 100), int64(window+1)*100)
		}
		syncNow(t, s)
	}
	files, read := s.Stats().Files, s.Stats().ReadBytes
	if err := s.Advance(200); err != nil {
		t.Fatal(err)
	}
	syncNow(t, s)
	st := s.Stats()
	if st.Files >= files || st.Records != 50 || st.ReadBytes != read || st.Compactions != 0 {
		t.Errorf("%d of %d tables with %d records are left, after reading %d bytes in %d compactions",
			st.Files, files, st.Records, st.ReadBytes-read, st.Compactions)
	}
	if err := s.Advance(300); err != nil {
		t.Fatal(err)
	}
	syncNow(t, s)
	if st := s.Stats(); st.Files != 0 || st.ReadBytes != read {
		t.Errorf("%d tables are left, after reading %d bytes", st.Files, st.ReadBytes-read)
	}
}

func TestCompactionForgetsWhatNobodyNeeds(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	for range 10 {
		for i := range 100 {
			put(t, s, fmt.Sprintf("k%02d", i), strings.Repeat("v", 200), statelab.NoExpiry)
		}
		syncNow(t, s)
	}
	if st := s.Stats(); st.Records > fanIn*100 || st.Compactions == 0 {
		t.Errorf("%d records for 100 keys after %d compactions", st.Records, st.Compactions)
	}
	for i := range 100 {
		del(t, s, fmt.Sprintf("k%02d", i))
	}
	syncNow(t, s)
	if st := s.Stats(); st.Records != 0 || st.Files != 0 {
		t.Errorf("%d records in %d tables after all were deleted", st.Records, st.Files)
	}
}

// A table that cannot be read stops compactions, not writers.
func TestUnreadableTablesDoNotStopWriters(t *testing.T) {
	for _, m := range []statelab.Maintenance{statelab.MaintenanceInline, statelab.MaintenanceBackground} {
		t.Run(m.String(), func(t *testing.T) {
			mem := vfs.NewMem()
			faulty := vfs.NewFaulty(mem)
			o := inline(statelab.DurabilityCheckpoint)
			o.Maintenance = m
			s := open(t, faulty, o)
			faulty.Fail(vfs.Fault{Op: vfs.OpRead, N: 1, Sticky: true})
			for i := range 2000 {
				put(t, s, fmt.Sprintf("k%04d", i), strings.Repeat("v", 500), statelab.NoExpiry)
				if i%20 == 0 {
					syncNow(t, s)
				}
			}
			if st := s.Stats(); st.Compactions != 0 || st.Flushes < maxRuns {
				t.Errorf("%d compactions, %d flushes", st.Compactions, st.Flushes)
			}
			faulty.Heal()
			put(t, s, "one", "more", statelab.NoExpiry)
			syncNow(t, s)
			s.compactAll()
			if n := len(s.view.Load().version.runs); n >= maxRuns {
				t.Errorf("%d runs after reading works again", n)
			}
			if got := strings.Count(contents(t, s), "="); got != 2001 {
				t.Errorf("%d records, want 2001", got)
			}
			shut(t, s)
		})
	}
}

// More unsynced files than may have their files open at a time.
func TestUnsyncedFilesAreBounded(t *testing.T) {
	s := open(t, vfs.NewMem(), inline(statelab.DurabilityCheckpoint))
	defer shut(t, s)
	most := 0
	rng := rand.New(rand.NewPCG(1, 1))
	value := make([]byte, minTableSize/4)
	for i := range 8 * maxUnsynced {
		for j := range value {
			value[j] = byte(rng.Uint32())
		}
		put(t, s, fmt.Sprintf("k%09d", i), string(value), statelab.NoExpiry)
		waiting := 0
		for f := range s.view.Load().version.files {
			if f.unsynced != nil {
				waiting++
			}
		}
		most = max(most, waiting)
	}
	if s.Stats().Files < maxUnsynced*3/2 {
		t.Fatalf("only %d tables and blob files", s.Stats().Files)
	}
	if most > maxUnsynced || most < maxUnsynced/2 {
		t.Errorf("up to %d files were unsynced, want at most %d", most, maxUnsynced)
	}
}

// Writers, readers, syncs and checkpoints beside background maintenance.
func TestBackgroundMaintenanceBesideEverything(t *testing.T) {
	for c, d := range map[Compaction]statelab.Durability{
		CompactionTiered:  statelab.DurabilityAlways,
		CompactionLeveled: statelab.DurabilityCheckpoint,
		CompactionWindow:  statelab.DurabilityCheckpoint,
	} {
		t.Run(fmt.Sprintf("%s/%s", d, c), func(t *testing.T) {
			mem := vfs.NewMem()
			s := open(t, mem, Options{Options: statelab.Options{Durability: d}, Compaction: c})
			const writers, rounds = 3, 300
			var wg gosync.WaitGroup
			for w := range writers {
				wg.Go(func() {
					var b statelab.Batch
					for i := range rounds {
						b.Reset()
						for k := range 4 {
							b.Append(fmt.Appendf(nil, "w%d-%d", w, k), fmt.Appendf(nil, "%04d", i), statelab.NoExpiry)
						}
						b.Put(fmt.Appendf(nil, "x%d-%d", w, i%50), []byte(strings.Repeat("x", 400)), int64(i))
						if err := s.Apply(&b); err != nil {
							t.Error(err)
							return
						}
						if i%40 == 0 {
							if err := s.Sync(); err != nil {
								t.Error(err)
							}
						}
						s.Advance(int64(i - 100))
					}
				})
			}
			stop := make(chan struct{})
			var readers gosync.WaitGroup
			readers.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					readConsistently(t, s, writers)
					if n%50 == 0 {
						if err := s.Checkpoint(fmt.Sprint("/copy", n)); err != nil {
							t.Error(err)
						}
					}
				}
			})
			wg.Wait()
			close(stop)
			readers.Wait()
			for w := range writers {
				for k := range 4 {
					value, err := s.Get(nil, fmt.Appendf(nil, "w%d-%d", w, k))
					if err != nil || len(value) != 4*rounds {
						t.Errorf("record %d of writer %d: %d bytes, %v", k, w, len(value), err)
					}
				}
			}
			shut(t, s)
		})
	}
}

// readConsistently checks that the four records that a writer extends together
// are equally long in a snapshot.
func readConsistently(t *testing.T, s *Store, writers int) {
	it, err := s.Iter(statelab.PrefixRange([]byte("w")))
	if err != nil {
		t.Error(err)
		return
	}
	lengths := map[byte]int{}
	for it.Next() {
		writer, n := it.Key()[1], len(it.Value())
		if old, ok := lengths[writer]; ok && old != n {
			t.Errorf("%s has %d bytes, others of its batch have %d", it.Key(), n, old)
		}
		lengths[writer] = n
	}
	if err := it.Close(); err != nil && !errors.Is(err, statelab.ErrSnapshotTooOld) {
		t.Error(err)
	}
}

// The memtable that waits is flushed when the one after it is half full: not
// before, since what it has may die, and not later, since both are what an
// iterator may hold.
func TestTheMemtableThatWaitsIsFlushedWhenTheNextIsHalfFull(t *testing.T) {
	o := inline(statelab.DurabilityCheckpoint)
	o.Memory = 4 << 20
	s := open(t, vfs.NewMem(), o)
	defer shut(t, s)
	flushes, most, waited := int64(0), int64(0), 0
	for i := range 10000 {
		put(t, s, fmt.Sprintf("k%05d", i), strings.Repeat("v", 300), statelab.NoExpiry)
		memtables := s.view.Load().memtables
		total := int64(0)
		for _, m := range memtables {
			total += m.bytes()
		}
		most = max(most, total)
		half := memtables[0].bytes() >= s.budget.memtable/2
		if len(memtables) == 2 {
			if waited++; half {
				t.Fatalf("put %d: the memtable waits while the next is of %d bytes, of %d", i, memtables[0].bytes(), s.budget.memtable)
			}
		}
		if f := s.Stats().Flushes; f != flushes {
			if flushes = f; !half {
				t.Fatalf("put %d: a flush when the next memtable is of %d bytes, of %d", i, memtables[0].bytes(), s.budget.memtable)
			}
		}
	}
	if flushes < 3 || waited == 0 || most > o.Memory/4 {
		t.Errorf("%d flushes; memtables take up to %d bytes, want at most a quarter of %d", flushes, most, o.Memory)
	}
}
