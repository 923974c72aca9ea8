package memstore

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A gate is a file system that holds up the creation of snapshots, and writes
// to all files if it is shut.
type gate struct {
	vfs.FS
	came chan struct{} // gets one when a snapshot begins
	open chan struct{} // closed to let it go on
	fail error         // what it then returns
	shut atomic.Bool   // whether writes wait too
}

func newGate(fs vfs.FS) *gate {
	return &gate{FS: fs, came: make(chan struct{}, 10), open: make(chan struct{})}
}

func (g *gate) Create(name string) (vfs.File, error) {
	if strings.HasSuffix(name, imageSuffix+tempSuffix) {
		g.came <- struct{}{}
		<-g.open
		if g.fail != nil {
			return nil, g.fail
		}
	}
	f, err := g.FS.Create(name)
	return slowFile{f, g}, err
}

// A slowFile is a file whose writes wait while the file system's gate is shut.
type slowFile struct {
	vfs.File
	g *gate
}

func (f slowFile) WriteAt(b []byte, off int64) (int, error) {
	if f.g.shut.Load() {
		f.g.came <- struct{}{}
		<-f.g.open
	}
	return f.File.WriteAt(b, off)
}

// logUntilSnapshot makes the log long enough for a snapshot to begin.
func logUntilSnapshot(t *testing.T, s *Store, g *gate) {
	t.Helper()
	for i := 0; len(g.came) == 0; i++ {
		put(t, s, "k", fmt.Sprint(i, strings.Repeat("x", 1000)), never)
		if i == 4*DefaultLogLimit/1000 {
			t.Fatalf("no snapshot begins though the log has %d bytes", s.log.Size())
		}
		// The goroutine that writes the snapshot may not run at once.
		if s.log.Size() > DefaultLogLimit {
			<-g.came
			g.came <- struct{}{}
		}
	}
}

func TestWritersGoOnBesideASnapshot(t *testing.T) {
	fs := vfs.NewMem()
	g := newGate(fs)
	background := func(o *Options) {
		o.Durability = statelab.DurabilityAlways
		o.Maintenance = statelab.MaintenanceBackground
	}
	s := openTest(t, g, background)
	put(t, s, "gone", "1", never)
	put(t, s, "dies", "2", 9)
	logUntilSnapshot(t, s, g)
	del(t, s, "gone")
	must(t, s.Advance(9))
	put(t, s, "k", "last", never)
	put(t, s, "new", "3", never)
	close(g.open)
	s.write.Lock()
	done := s.snapshot.done
	s.write.Unlock()
	<-done
	must(t, s.Check())
	if _, number := s.snapshot.current(); number == 0 || s.log.Size() > DefaultLogLimit/2 {
		t.Errorf("snapshot %d, and a log of %d bytes", number, s.log.Size())
	}
	must(t, s.Close())
	s = openTest(t, fs, background)
	if got, want := contents(t, s), "k=last new=3 "; got != want {
		t.Errorf("reopened: %q, want %q", got, want)
	}
}

func TestFailedSnapshotIsToldToWriters(t *testing.T) {
	g := newGate(vfs.NewMem())
	g.fail = errors.New("no room for a snapshot")
	s := openTest(t, g, func(o *Options) {
		o.Durability = statelab.DurabilityInterval
		o.Maintenance = statelab.MaintenanceBackground
	})
	logUntilSnapshot(t, s, g)
	close(g.open)
	s.write.Lock()
	done := s.snapshot.done
	s.write.Unlock()
	<-done
	var b statelab.Batch
	b.Put([]byte("k"), nil, never)
	for what, err := range map[string]error{"Apply": s.Apply(&b), "Advance": s.Advance(1), "Sync": s.Sync()} {
		if !errors.Is(err, g.fail) {
			t.Errorf("%s: %v, want what made the snapshot fail", what, err)
		}
	}
	if _, err := s.Get(nil, []byte("k")); err != nil {
		t.Errorf("Get: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func TestApplyWaitsForTheSnapshotThatPinsTheBudget(t *testing.T) {
	g := newGate(vfs.NewMem())
	const memory = 2 << 20
	s := openTest(t, g, func(o *Options) {
		o.Durability = statelab.DurabilityInterval
		o.Maintenance = statelab.MaintenanceBackground
		o.Memory = memory
	})
	s.snapshot.idle = time.Hour // it goes on for the writer's sake
	value := strings.Repeat("v", memory*2/5)
	put(t, s, "large", value, never)
	logUntilSnapshot(t, s, g)
	del(t, s, "large") // which the snapshot pins
	put(t, s, "large", value, never)
	var writer sync.WaitGroup
	writer.Go(func() {
		var b statelab.Batch
		b.Put([]byte("more"), []byte(value), never)
		if err := s.Apply(&b); err != nil {
			t.Errorf("Apply: %v", err)
		}
	})
	for s.Stats().Stalls == 0 { // which counts who has come to wait
		runtime.Gosched()
	}
	close(g.open)
	writer.Wait()
	if st := s.Stats(); st.Stalls != 1 || st.StallTime == 0 {
		t.Errorf("%d stalls of %v, want 1", st.Stalls, st.StallTime)
	}
}

func TestUnfinishedSnapshotsAreRemoved(t *testing.T) {
	fs := vfs.NewMem()
	s := openTest(t, fs, nil)
	put(t, s, "k", "v", never)
	must(t, s.Sync())
	must(t, s.Close())
	for _, name := range []string{"/store/000009.snap.tmp", "/store/000001.snap.tmp"} {
		f, err := fs.Create(name)
		must(t, err)
		must(t, f.Close())
	}
	s = openTest(t, fs, nil)
	names, err := fs.List("/store")
	must(t, err)
	if strings.Contains(strings.Join(names, " "), ".snap") {
		t.Errorf("files after opening: %q", names)
	}
	if got := contents(t, s); got != "k=v " {
		t.Errorf("reopened: %q", got)
	}
}
