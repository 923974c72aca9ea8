package memstore

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestASnapshotWritesAShareOfWhatIsApplied applies a little at a time while a
// snapshot is written that would wait for an hour, and counts its bytes.
func TestASnapshotWritesAShareOfWhatIsApplied(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) {
		o.Durability = statelab.DurabilityInterval
		o.Maintenance = statelab.MaintenanceBackground
	})
	s.snapshot.idle = time.Hour
	value := strings.Repeat("v", 1000)
	n := 0
	next := func() {
		put(t, s, fmt.Sprintf("%05d", n%2000), value, never)
		n++
	}
	for s.snapshot.pace == nil {
		next()
	}
	done, begun := s.snapshot.done, s.snapshot.pace.begun
	const block = partBytes + 2*1000
	rounds := 0
	for finished := false; !finished; rounds++ {
		for range 10 {
			next()
		}
		for reached := false; !reached && !finished; runtime.Gosched() {
			applied, written := s.counters.logical.Load()-begun, s.Stats().Written.Snapshot
			if written > snapshotShare*applied+block {
				t.Fatalf("%d bytes are applied, and %d written", applied, written)
			}
			reached = written > snapshotShare*applied-block
			select {
			case <-done:
				finished = true
			default:
			}
		}
	}
	if want := int(s.Stats().Written.Snapshot) / snapshotShare / 10_000; want < 10 || rounds < want-2 {
		t.Errorf("finished after %d times 10,000 bytes, want %d", rounds, want)
	}
	must(t, s.Check())
}

func TestPacerLetsGo(t *testing.T) {
	const never, share = 1 << 40, snapshotShare
	applied, stopped := int64(1000), make(chan struct{})
	make := func(idle time.Duration) *pacer {
		return &pacer{applied: func() int64 { return applied }, begun: 1000, applies: make(chan struct{}, 1), idle: idle, stopped: stopped, haste: make(chan struct{})}
	}
	p := make(time.Hour)
	must(t, p.wait(0))
	applied = 1010
	must(t, p.wait(10*share))
	must(t, make(time.Nanosecond).wait(never)) // nothing is applied
	p.hurry()
	p.hurry()
	must(t, p.wait(never))
	close(stopped)
	if err := p.wait(0); !errors.Is(err, errStopped) {
		t.Errorf("stopped: %v", err)
	}
	if err := make(time.Hour).wait(never); !errors.Is(err, errStopped) {
		t.Errorf("stopped: %v", err)
	}
}

func TestSnapshotIsNotHeldBackWhenTheLogHasGrown(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Durability = statelab.DurabilityInterval })
	p := s.newPacer()
	s.snapshot.pace, s.snapshot.before, s.snapshot.due = p, s.log.Size(), hurryShare*1000
	hurries := func() bool {
		select {
		case <-p.haste:
			return true
		default:
			return false
		}
	}
	put(t, s, "k", strings.Repeat("v", 900), never)
	if hurries() {
		t.Error("it is not held back when the log has grown by less than half its length")
	}
	put(t, s, "k", strings.Repeat("v", 100), never)
	if !hurries() {
		t.Error("it is held back when the log has grown by more than half its length")
	}
}
