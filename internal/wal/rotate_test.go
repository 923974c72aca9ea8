package wal

import (
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A syncGate holds up syncs of files.
type syncGate struct {
	vfs.FS
	came chan struct{} // gets one when a sync begins
	open chan struct{} // closed to let them go on
}

func (g syncGate) Create(name string) (vfs.File, error) {
	f, err := g.FS.Create(name)
	return gatedFile{f, g}, err
}

type gatedFile struct {
	vfs.File
	g syncGate
}

func (f gatedFile) Sync() error {
	f.g.came <- struct{}{}
	<-f.g.open
	return f.File.Sync()
}

// TestACutDoesNotWaitForTheDisk cuts the log and appends to it while a sync is
// under way that does not end before.
func TestACutDoesNotWaitForTheDisk(t *testing.T) {
	fsys := newFS(t)
	g := syncGate{fsys, make(chan struct{}, 10), make(chan struct{})}
	o := testOptions(g, statelab.DurabilityAlways)
	made := make(chan *Log)
	go func() {
		l, err := Create(o, 1)
		if err != nil {
			t.Error(err)
		}
		made <- l
	}()
	<-g.came
	g.open <- struct{}{} // the header's
	l := <-made
	first := add(t, l, "a")
	synced := make(chan error)
	go func() { synced <- l.Commit(first) }()
	<-g.came
	number, err := l.Cut()
	must(t, err)
	second := add(t, l, "b", "c")
	if number != 2 || second.Segment != 2 || l.Segment() != 2 || !first.Before(second) {
		t.Errorf("Cut returns %d, what comes after ends at %v", number, second)
	}
	close(g.open)
	must(t, <-synced)
	must(t, l.Commit(second))
	o.FS = fsys.PowerCutStrict()
	must(t, l.Close())
	l, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, []string{"a", "b", "c"})
	must(t, l.Close())
}

// TestACutThatIsNotSettledEndsWithTheLog closes and discards logs of which the
// tail has no file yet.
func TestACutThatIsNotSettledEndsWithTheLog(t *testing.T) {
	for _, c := range []struct {
		end  func(*Log) error
		want []string
	}{{(*Log).Close, []string{"a", "b", "c"}}, {(*Log).Discard, []string{"a"}}} {
		fsys := newFS(t)
		o := testOptions(fsys, statelab.DurabilityCheckpoint)
		l := create(t, o)
		add(t, l, "a")
		must(t, l.Sync())
		add(t, l, "b")
		_, err := l.Cut()
		must(t, err)
		add(t, l, "c")
		if want := int64(2*segmentHeaderSize + 3*(frameHeaderSize+1)); l.Size() != want {
			t.Errorf("the log has %d bytes, want %d", l.Size(), want)
		}
		must(t, c.end(l))
		o.FS = fsys.PowerCutStrict()
		l, got, err := reopen(o, 1)
		must(t, err)
		wantRecords(t, got, c.want)
		add(t, l, "d")
		must(t, l.Close())
		l, got, err = reopen(o, 1)
		must(t, err)
		wantRecords(t, got, append(c.want, "d"))
		must(t, l.Close())
	}
}

// TestTwoCutsInARowKeepTheOrder cuts again before the first cut is settled.
func TestTwoCutsInARowKeepTheOrder(t *testing.T) {
	o := testOptions(newFS(t), statelab.DurabilityInterval)
	l := create(t, o)
	for i, record := range []string{"a", "b", "c"} {
		add(t, l, record)
		number, err := l.Cut()
		must(t, err)
		if number != uint64(i+2) {
			t.Errorf("cut %d gives segment %d", i, number)
		}
	}
	must(t, l.Settle())
	must(t, l.Close())
	l, got, err := reopen(o, 1)
	must(t, err)
	wantRecords(t, got, []string{"a", "b", "c"})
	must(t, l.Close())
}
