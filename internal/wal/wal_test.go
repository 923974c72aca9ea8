package wal

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

const testDir = "store/log"

// testOptions are those of a log whose clock stands still: tests call tick.
func testOptions(fsys vfs.FS, policy statelab.Durability) Options {
	return Options{FS: fsys, Dir: testDir, Meter: new(meter.Meter), Policy: policy, Interval: time.Hour}
}

// newFS returns a file system in which the parent of testDir exists, durably.
func newFS(t *testing.T) *vfs.Mem {
	t.Helper()
	m := vfs.NewMem()
	must(t, m.MkdirAll("store"))
	must(t, m.SyncDir("."))
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t *testing.T, o Options) *Log {
	t.Helper()
	l, err := Create(o, 1)
	must(t, err)
	return l
}

// reopen opens the log and returns it with what it replayed.
func reopen(o Options, first uint64) (*Log, []string, error) {
	var got []string
	l, err := Open(o, first, func(payload []byte) error {
		got = append(got, string(payload))
		return nil
	})
	return l, got, err
}

// abandon leaves the log as a process that dies does.
func abandon(l *Log) error {
	l.clock.end()
	return l.file.Close()
}

func add(t *testing.T, l *Log, records ...string) Pos {
	t.Helper()
	var pos Pos
	for _, r := range records {
		var err error
		pos, err = l.Append([]byte(r))
		must(t, err)
	}
	return pos
}

func wantRecords(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Fatalf("replayed %d records %.80q, want %d %.80q", len(got), got, len(want), want)
	}
}

func TestRecordsComeBackInOrder(t *testing.T) {
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityInterval)
	l := create(t, o)
	large := strings.Repeat("large", bufferSize/5)
	records := []string{"a", "", "two", large + "!", "x", large[:bufferSize-frameHeaderSize], large[:bufferSize-frameHeaderSize+1], "end"}
	_, err := l.Append([]byte("a"))
	must(t, err)
	_, err = l.Append()
	must(t, err)
	_, err = l.Append([]byte("t"), nil, []byte("wo"))
	must(t, err)
	_, err = l.Append([]byte(large), []byte("!"))
	must(t, err)
	add(t, l, records[4:]...)
	size := l.Size()
	must(t, l.Close())
	if err := l.Close(); !errors.Is(err, statelab.ErrClosed) {
		t.Fatalf("second Close: %v", err)
	}
	if _, err := l.Append(nil); !errors.Is(err, statelab.ErrClosed) {
		t.Fatalf("Append after Close: %v", err)
	}
	for range 2 {
		l, got, err := reopen(o, 1)
		must(t, err)
		wantRecords(t, got, records)
		if l.Size() != size {
			t.Fatalf("size %d after reopening, want %d", l.Size(), size)
		}
		must(t, l.Close())
	}
	must(t, Verify(fsys, testDir, 1))
}

func TestSegmentsRotateAndAreRemoved(t *testing.T) {
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityInterval)
	o.SegmentSize = 200
	l := create(t, o)
	var want []string
	for i := range 50 {
		want = append(want, fmt.Sprintf("record %04d", i))
		add(t, l, want[i])
	}
	if l.Segment() != 9 { // six frames of 28 bytes fit into 200 less the header
		t.Fatalf("the tail is segment %d, want 9", l.Segment())
	}
	mid, err := l.Rotate()
	must(t, err)
	if again, err := l.Rotate(); again != mid || err != nil {
		t.Fatalf("rotating an empty tail gives %d, %v; want %d", again, err, mid)
	}
	add(t, l, "after")
	must(t, l.Close())
	l, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, append(want, "after"))
	must(t, l.RemoveBefore(mid))
	if got, want := l.Size(), int64(segmentHeaderSize+frameHeaderSize+len("after")); got != want {
		t.Fatalf("size %d after removal, want %d", got, want)
	}
	if err := l.RemoveBefore(mid + 1); err == nil {
		t.Fatal("the tail may be removed")
	}
	must(t, l.Close())
	l, got, err = reopen(o, mid)
	must(t, err)
	wantRecords(t, got, []string{"after"})
	must(t, l.Close())
}

func TestOpenRemovesSegmentsBeforeFirst(t *testing.T) {
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityInterval)
	l := create(t, o)
	add(t, l, "old")
	mid, err := l.Rotate()
	must(t, err)
	add(t, l, "new")
	must(t, l.Close())
	l, got, err := reopen(o, mid)
	must(t, err)
	wantRecords(t, got, []string{"new"})
	must(t, l.Close())
	if ok, _ := vfs.Exists(fsys, filepath.Join(testDir, "000001.log")); ok {
		t.Fatal("segment 1 is still there")
	}
}

func TestCreateClearsAnEarlierAttempt(t *testing.T) {
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityInterval)
	l := create(t, o)
	add(t, l, "old")
	_, err := l.Rotate()
	must(t, err)
	must(t, l.Close())
	must(t, create(t, o).Close())
	l, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, nil)
	must(t, l.Close())
}

func TestMissingSegmentsAreDamage(t *testing.T) {
	for _, missing := range []string{"000001.log", "000002.log", "000003.log"} {
		fsys := newFS(t)
		o := testOptions(fsys, statelab.DurabilityInterval)
		l := create(t, o)
		for i := range 3 {
			add(t, l, fmt.Sprint(i))
			if i < 2 {
				_, err := l.Rotate()
				must(t, err)
			}
		}
		must(t, l.Close())
		must(t, fsys.Remove(filepath.Join(testDir, missing)))
		_, _, err := reopen(o, 1)
		var corrupt *statelab.CorruptError
		if !errors.As(err, &corrupt) || filepath.Base(corrupt.File) != missing {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

// TestAbandonedRecordsAreNotCompleted gives up what is pending, before a record and
// before a rotation, which would have to wait for one else.
func TestAbandonedRecordsAreNotCompleted(t *testing.T) {
	fsys := newFS(t)
	l, err := Create(testOptions(fsys, statelab.DurabilityCheckpoint), 1)
	must(t, err)
	pend := func(r string) {
		t.Helper()
		_, err := l.AppendPending([]byte(r))
		must(t, err)
	}
	must(t, l.Abandon()) // of nothing
	pend("given up")
	must(t, l.Abandon())
	_, err = l.Append([]byte("first"))
	must(t, err)
	pend("given up")
	must(t, l.Abandon())
	_, err = l.Rotate()
	must(t, err)
	pend("second")
	_, err = l.Append([]byte("third"))
	must(t, err)
	must(t, l.Close())
	l, got, err := reopen(testOptions(fsys, statelab.DurabilityCheckpoint), 1)
	must(t, err)
	must(t, l.Close())
	if want := []string{"first", "second", "third"}; !slices.Equal(got, want) {
		t.Errorf("replayed %q, want %q", got, want)
	}
}

func TestPendingRecordsCountOnlyWhenCompleted(t *testing.T) {
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityCheckpoint)
	o.SegmentSize = 100 // pending records extend a segment beyond it
	l := create(t, o)
	pend := func(records ...string) {
		t.Helper()
		for _, r := range records {
			_, err := l.AppendPending([]byte(r))
			must(t, err)
		}
	}
	pend("a1", strings.Repeat("a", 200), "a2")
	add(t, l, "a")
	pend("b1", "b2")
	if _, err := l.Rotate(); err == nil {
		t.Fatal("Rotate between pending records and their completion")
	}
	must(t, l.Sync())
	must(t, abandon(l))
	want := []string{"a1", strings.Repeat("a", 200), "a2", "a"}
	for i := range 3 {
		var got []string
		var err error
		l, got, err = reopen(o, 1)
		must(t, err)
		wantRecords(t, got, want)
		if i == 1 {
			pend("c1")
			add(t, l, "c")
			want = append(want, "c1", "c")
		}
		must(t, l.Close())
	}
}

// gateFS lets syncs of log segments through one at a time, on command.
type gateFS struct {
	vfs.FS
	gate chan struct{}
}

func (g gateFS) Create(name string) (vfs.File, error) {
	f, err := g.FS.Create(name)
	return gateFile{f, g.gate}, err
}

type gateFile struct {
	vfs.File
	gate chan struct{}
}

func (f gateFile) Sync() error {
	<-f.gate
	return f.File.Sync()
}

func TestConcurrentCommitsShareASync(t *testing.T) {
	const writers = 16
	gate := make(chan struct{}, 1)
	o := testOptions(gateFS{newFS(t), gate}, statelab.DurabilityAlways)
	gate <- struct{}{}
	l := create(t, o)
	var before statelab.Stats
	o.Meter.Fill(&before)

	first := add(t, l, "first")
	var all sync.WaitGroup
	commit := func(pos Pos) {
		all.Go(func() {
			if err := l.Commit(pos); err != nil {
				t.Error(err)
			}
		})
	}
	commit(first)
	for i := range writers {
		commit(add(t, l, fmt.Sprint(i)))
	}
	gate <- struct{}{} // for whoever leads, who may have come before the last record
	gate <- struct{}{} // for the next leader
	all.Wait()
	var after statelab.Stats
	o.Meter.Fill(&after)
	if n := after.Syncs - before.Syncs; n > 2 {
		t.Fatalf("%d syncs for %d commits, want at most 2", n, writers+1)
	}
	close(gate) // lets through what Close syncs
	must(t, l.Close())
}

// TestConcurrentUse lets appenders, committers, the clock and rotations meet.
// The lock around append and order is the caller's, as the log asks.
func TestConcurrentUse(t *testing.T) {
	const workers, each = 4, 300
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityAlways)
	o.SegmentSize = 4000
	l := create(t, o)
	var order sync.Mutex
	var want []string
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for i := range each {
				record := fmt.Sprintf("worker %d record %d", w, i)
				order.Lock()
				pos, err := l.Append([]byte(record))
				want = append(want, record)
				order.Unlock()
				if err == nil {
					err = l.Commit(pos)
				}
				if err == nil && i%100 == 99 {
					_, err = l.Rotate()
				}
				if err != nil {
					t.Error(err)
					return
				}
				l.tick()
				_ = l.Size()
			}
		})
	}
	all.Wait()
	o.FS = fsys.PowerCutStrict()
	left, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, want)
	must(t, left.Close())
	must(t, l.Close())
}

func TestCommitSyncsAsThePolicySays(t *testing.T) {
	for policy, want := range map[statelab.Durability]int{
		statelab.DurabilityCheckpoint: 0, statelab.DurabilityInterval: 0, statelab.DurabilityAlways: 3,
	} {
		fsys := newFS(t)
		o := testOptions(fsys, policy)
		l := create(t, o)
		for _, r := range []string{"a", "b", "c"} {
			must(t, l.Commit(add(t, l, r)))
		}
		crashed := o
		crashed.FS = fsys.PowerCutStrict()
		l2, got, err := reopen(crashed, 1)
		must(t, err)
		wantRecords(t, got, []string{"a", "b", "c"}[:want])
		must(t, l2.Close())
		must(t, l.Close())
	}
}

func TestClockSyncsUnderInterval(t *testing.T) {
	fsys := newFS(t)
	o := testOptions(fsys, statelab.DurabilityInterval)
	l := create(t, o)
	add(t, l, "a", "b")
	l.tick()
	add(t, l, "c")
	o.FS = fsys.PowerCutStrict()
	crashed, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, []string{"a", "b"})
	must(t, crashed.Close())
	must(t, l.Close())
}

func TestDiscardGivesUpWhatNoSyncCovered(t *testing.T) {
	for _, written := range []bool{false, true} {
		mem := newFS(t)
		o := testOptions(mem, statelab.DurabilityCheckpoint)
		l := create(t, o)
		add(t, l, "a", "b")
		must(t, l.Sync())
		add(t, l, "c")
		if written {
			l.mu.Lock()
			must(t, l.drainHolding())
			l.mu.Unlock()
		}
		must(t, l.Discard())
		for range 2 {
			l, got, err := reopen(o, 1)
			must(t, err)
			wantRecords(t, got, []string{"a", "b"})
			must(t, l.Discard())
		}
		name := filepath.Join(testDir, "000001.log")
		info, err := mem.Stat(name)
		must(t, err)
		f, err := mem.OpenReadWrite(name)
		must(t, err)
		must(t, f.Truncate(info.Size-1))
		must(t, f.Close())
		var corrupt *statelab.CorruptError
		if _, _, err := reopen(o, 1); !errors.As(err, &corrupt) {
			t.Fatalf("a discarded log cut short: %v", err)
		}
	}
}

func TestSyncOfNothingNewWritesNothing(t *testing.T) {
	o := testOptions(newFS(t), statelab.DurabilityCheckpoint)
	l := create(t, o)
	add(t, l, "a", "b", "c")
	must(t, l.Sync())
	var before, after statelab.Stats
	o.Meter.Fill(&before)
	must(t, l.Sync())
	o.Meter.Fill(&after)
	if before.Written != after.Written || before.Syncs != after.Syncs {
		t.Fatalf("before %+v, after %+v", before, after)
	}
	must(t, l.Close())
}

func TestDeterministicBytesDoNotDependOnTheClock(t *testing.T) {
	run := func(ticks bool) []byte {
		fsys := newFS(t)
		o := testOptions(fsys, statelab.DurabilityInterval)
		o.Deterministic = true
		l := create(t, o)
		for i := range 20 {
			add(t, l, fmt.Sprintf("record %d", i))
			if ticks && i%3 == 0 {
				l.tick()
			}
			if i%7 == 0 {
				must(t, l.Sync())
			}
		}
		must(t, l.Close())
		data, err := vfs.ReadFile(fsys, filepath.Join(testDir, "000001.log"))
		must(t, err)
		return data
	}
	if !bytes.Equal(run(false), run(true)) {
		t.Fatal("the clock's syncs show in the bytes")
	}
}

func TestAppendDoesNotAllocate(t *testing.T) {
	o := testOptions(vfs.OS, statelab.DurabilityInterval)
	o.Dir = filepath.Join(t.TempDir(), "log")
	l := create(t, o)
	var key, value [100]byte
	n := testing.AllocsPerRun(10000, func() {
		if _, err := l.Append(key[:], value[:]); err != nil {
			t.Fatal(err)
		}
	})
	if n != 0 {
		t.Fatalf("%v allocations per Append", n)
	}
	must(t, l.Close())
}

func TestAppendRefusesWhatTheLengthCannotSay(t *testing.T) {
	l := create(t, testOptions(newFS(t), statelab.DurabilityInterval))
	part := make([]byte, 1<<20)
	parts := make([][]byte, 1<<12) // the same MiB, 4096 times: 4 GiB
	for i := range parts {
		parts[i] = part
	}
	if _, err := l.Append(parts...); !errors.Is(err, statelab.ErrTooLarge) {
		t.Fatalf("Append of 4 GiB: %v", err)
	}
	add(t, l, "a")
	must(t, l.Close())
}
