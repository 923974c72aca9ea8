package lsm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

func TestCompactionsFollowTheWrites(t *testing.T) {
	p := compactionPace{total: 1000 << 20, room: 100 << 20}
	for _, c := range []struct {
		name    string
		in      int64
		elapsed time.Duration
		want    int64
	}{
		{"nothing at the start", 0, 0, 0},
		{"in proportion to what comes in", 10 << 20, 0, 100 << 20},
		{"all before writers have to slow down", 100 << 20, 0, 1000 << 20},
		{"all when more has come in", 500 << 20, 0, 1000 << 20},
		{"at least so much if nobody writes", 0, 2 * time.Second, 2 * minimumPace},
	} {
		if got := p.allowed(c.in, c.elapsed); got != c.want {
			t.Errorf("%s: %d MiB may be done, want %d", c.name, got>>20, c.want>>20)
		}
	}
	p.room = 0
	if got := p.allowed(0, 0); got != p.total {
		t.Errorf("an urgent compaction waits: %d bytes may be done", got)
	}
}

func TestPressureIsGentleAtFirstAndNeverStopsAWriter(t *testing.T) {
	last := 0.0
	for i := range 11 {
		p := pressure(float64(i)/10, 0)
		if q := pressure(0, float64(i)/10); p != q {
			t.Errorf("behind by %d tenths: %g by compaction, %g by flush", i, p, q)
		}
		if p >= 1 || p < last || i > 0 && i < 10 && p >= float64(i)/10 {
			t.Errorf("behind by %d tenths the pressure is %g, after %g", i, p, last)
		}
		last = p
	}
}

// Nothing is behind while no more runs are there than may be, half of what makes
// writers wait, nor when the policy has nothing to do.
func TestWritersWaitOnlyForWhatCanBeDone(t *testing.T) {
	s := &Store{strategy: strategy{most: 10, pile: func(v *version) int { return len(v.runs) }}}
	for n, want := range map[int]float64{0: 0, 5: 0, 6: 0.2, 9: 0.8, 10: 1, 30: 1} {
		v := &version{number: 7, runs: make([]*run, n)}
		s.worker.settled.Store(6)
		if got := s.fallenBehind(v); got != want {
			t.Errorf("%d runs: behind by %g, want %g", n, got, want)
		}
		s.worker.settled.Store(7)
		if got := s.fallenBehind(v); got != 0 {
			t.Errorf("%d runs that the policy leaves as they are: behind by %g", n, got)
		}
	}
}

// A writer that is faster than maintenance is slowed down, and that is told.
func TestWritersAreSlowedBeforeTheyWait(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{Options: statelab.Options{Durability: statelab.DurabilityCheckpoint}})
	defer shut(t, s)
	s.brake.perKiB.Store(maxPerKiB)
	if s.slowDown(64 << 10); s.Stats().SlowTime != 0 {
		t.Error("a writer is slowed down though nothing has piled up")
	}
	s.compactMu.Lock() // no compaction for now
	for n := 0; len(s.view.Load().version.runs) < s.strategy.most-2; n++ {
		put(t, s, fmt.Sprintf("k%06d", n*7919%1000), strings.Repeat("v", 500), statelab.NoExpiry)
	}
	before := s.Stats().SlowTime
	s.brake.perKiB.Store(maxPerKiB)
	s.slowDown(64 << 10)
	st := s.Stats()
	s.compactMu.Unlock()
	if st.SlowTime == before {
		t.Errorf("%d runs have piled up, and no writer is slowed down", s.strategy.most-2)
	}
	if st.LongestStall > st.StallTime || (st.Stalls > 0) != (st.LongestStall > 0) {
		t.Errorf("%d stalls, the longest of %v, %v in all", st.Stalls, st.LongestStall, st.StallTime)
	}
}

// Figures that tell of less than a compaction finds do not keep it for ever,
// however urgent it is.
func TestACompactionBeyondItsTotalGoesOn(t *testing.T) {
	s := &Store{}
	s.worker.prepare()
	p := compactionPace{store: s, total: 10, start: time.Now()}
	if err := p.wait(1, 11); err != nil {
		t.Error(err)
	}
}

// What a writer has yet to sleep is forgotten when nothing is behind any more.
func TestDebtsEndWithThePressure(t *testing.T) {
	s := open(t, vfs.NewMem(), Options{Options: statelab.Options{Durability: statelab.DurabilityCheckpoint}})
	defer shut(t, s)
	s.brake.debt.Store(int64(time.Hour))
	if s.slowDown(1); s.brake.debt.Load() != 0 {
		t.Errorf("a writer still owes %v", time.Duration(s.brake.debt.Load()))
	}
}

// However large records are, a merge looks often whether it is too fast.
func TestMergesOfLargeRecordsKeepToThePace(t *testing.T) {
	for _, blobs := range []int{BlobsOff, 1} {
		o := inline(statelab.DurabilityCheckpoint)
		o.Memory, o.BlobThreshold, o.Compaction = 64<<20, blobs, CompactionLeveled
		s := open(t, vfs.NewMem(), o)
		const records, size = 10, resumeBytes / 2
		for i := range records {
			put(t, s, fmt.Sprint(i), strings.Repeat("v", size), statelab.NoExpiry)
		}
		syncNow(t, s)
		v := s.acquireVersion()
		var cursor runCursor
		cursor.open(v.runs[0].tables, fromFile)
		m := merger{sources: []source{&cursor}}
		m.reset(nil, nil)
		looks, seen := 0, int64(0)
		w := rewrite{
			store: s, from: &m, dir: s.path, purpose: meter.Compaction, watermark: v.watermark,
			older: func([]byte) bool { return false },
			worn:  func(*blob) bool { return true },
			resume: func(_ int, bytes int64) error {
				looks++
				seen += bytes
				return nil
			},
		}
		made, err := w.do()
		if err != nil {
			t.Fatal(err)
		}
		if looks != records/2-1 && looks != records/2 || seen < (records-2)*size {
			t.Errorf("threshold %d: after %d looks %d of %d bytes were seen", blobs, looks, seen, records*size)
		}
		s.undo(made)
		m.close()
		v.unref(s.discard)
		shut(t, s)
	}
}
