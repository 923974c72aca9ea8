package bench

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/trace"
	"github.com/statelab/statelab/vfs"
)

// logKnobs make the log workloads run in a fraction of a second.
var logKnobs = map[string]Knobs{
	"puts":     {"records": 1000, "warm_records": 100},
	"recovery": {"bytes": 200_000, "tail_records": 20, "cold": 0},
}

// logJob is a small run of a log workload over stores that keep everything.
func logJob(t *testing.T, workload string, set Knobs) (Job, Workload) {
	t.Helper()
	w, err := FindWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	k := w.Defaults()
	maps.Copy(k, logKnobs[workload])
	maps.Copy(k, set)
	return Job{
		Backend: "mem", Workload: workload, Rep: 1, Seed: 7, Dir: t.TempDir(),
		Settings: Settings{Durability: "always", Compression: "default", Maintenance: "inline", Knobs: k},
	}, w
}

// A lastingStore is a memStore for several callers, whose next opening finds
// what keep makes of its records, and which holds a lock while it is open.
type lastingStore struct {
	mu sync.Mutex
	*memStore
	lock interface{ Close() error }
}

func (s *lastingStore) Apply(b *statelab.Batch) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.memStore.Apply(b)
}

func (s *lastingStore) Close() error { return s.lock.Close() }

// lasting returns an Opener of one lastingStore; keep says whether a record is
// still there when it is opened again, by its number.
func lasting(keep func(number uint64) bool) Opener {
	var inner *memStore
	return func(_, dir string, o *statelab.Options) (statelab.Store, error) {
		lock, err := o.FS.Lock(dir + "/LOCK")
		if err != nil {
			return nil, err
		}
		if inner == nil {
			inner = newMemStore()
		} else {
			old := inner
			inner = newMemStore()
			old.tree.Ascend(func(r memRecord) bool {
				if keep == nil || keep(stampOf(r.value)) {
					inner.tree.ReplaceOrInsert(r)
				}
				return true
			})
		}
		return &lastingStore{memStore: inner, lock: lock}, nil
	}
}

func runLog(t *testing.T, job Job, w Workload, open Opener) (Measurement, error) {
	t.Helper()
	if job.Workload == "puts" {
		lasts := open
		open = func(spec, dir string, o *statelab.Options) (statelab.Store, error) {
			o.FS = vfs.OS
			return lasts(spec, dir, o)
		}
	}
	m, err := Execute(context.Background(), job, open)
	if err == nil {
		err = m.judge(w.truth(job.Seed, job.Knobs))
	}
	return m, err
}

func TestLogWorkloadsAgreeWithTheirOracles(t *testing.T) {
	for _, c := range []struct {
		workload string
		knobs    Knobs
	}{
		{"puts", nil},
		{"puts", Knobs{"batch": 7}},
		{"puts", Knobs{"writers": 5, "batch": 3}},
		{"puts", Knobs{"writers": 2000}},
		{"recovery", nil},
		{"recovery", Knobs{"kill": 1, "batch": 6}},
		{"recovery", Knobs{"cold": 1}},
	} {
		job, w := logJob(t, c.workload, c.knobs)
		m, err := runLog(t, job, w, lasting(nil))
		if err != nil {
			t.Errorf("%s %v: %v", c.workload, c.knobs, err)
			continue
		}
		for name, metric := range m.Metrics {
			if doc, ok := FindMetric(name); !ok || doc.Unit != metric.Unit {
				t.Errorf("%s emits %s in %q, documented as %+v", c.workload, name, metric.Unit, doc)
			}
		}
		if c.workload == "puts" && (m.Metrics["event_count"].Value != 1000 || m.Metrics["apply_p50_us"].Value <= 0) {
			t.Errorf("puts %v: %v events in %v", c.knobs, m.Metrics["event_count"], m.Metrics["apply_p50_us"])
		}
		if rate, ok := m.Metrics["disk_read_bytes_per_s"]; ok != (c.workload == "recovery" && job.Knobs["cold"] == 1) {
			t.Errorf("%s %v: the disk reads %v", c.workload, c.knobs, rate)
		}
	}
}

// What a store puts right or wrong must not depend on how many put it there.
func TestPutsBringForthTheSameHoweverManyWrite(t *testing.T) {
	sums := map[uint64]bool{}
	for _, writers := range []float64{1, 2, 32} {
		job, w := logJob(t, "puts", Knobs{"writers": writers})
		m, err := runLog(t, job, w, lasting(nil))
		if err != nil {
			t.Fatal(err)
		}
		sums[m.Checksum] = true
	}
	if len(sums) != 1 {
		t.Errorf("%d outputs", len(sums))
	}
}

func TestPutsEndWithTheirContextAndWithTheFirstFailure(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	broken := errors.New("broken")
	for _, writers := range []float64{1, 8} {
		job, w := logJob(t, "puts", Knobs{"writers": writers, "records": 1e9})
		job.Backend = Noop
		if _, err := Execute(ctx, job, openMem); !errors.Is(err, context.Canceled) {
			t.Errorf("%v writers: %v after the context ended", writers, err)
		}
		d, err := w.driver(job, &failingStore{err: broken}, newRecorder(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.measure(context.Background()); !errors.Is(err, broken) {
			t.Errorf("%v writers: %v from a store that fails", writers, err)
		}
	}
}

type failingStore struct {
	noopStore
	err error
}

func (s *failingStore) Apply(*statelab.Batch) error { return s.err }

func TestPutsDoNotAllocate(t *testing.T) {
	job, w := logJob(t, "puts", Knobs{"records": 1e9})
	d, err := w.driver(job, new(noopStore), newRecorder(1))
	if err != nil {
		t.Fatal(err)
	}
	p := &d.(*puts).writers[0]
	p.every = 1
	if n := testing.AllocsPerRun(5000, func() {
		if err := p.apply(1e9); err != nil {
			t.Fatal(err)
		}
	}); n > 0 {
		t.Errorf("%v allocations an Apply", n)
	}
}

// synced is how many records of a small recovery job its Sync covers.
const synced = 200_000 / (idSize + 500)

func TestRecoveryFindsOutWhatIsLostOrWrong(t *testing.T) {
	for _, c := range []struct {
		name, durability string
		kill             float64
		keep             func(number uint64) bool
		wrong            string // empty if that may be
		lost             float64
	}{
		{"a synced record", "interval", 1, func(n uint64) bool { return n != 7 }, "disagrees with the oracle", 0},
		{"the last synced record", "interval", 1, func(n uint64) bool { return n != synced-1 }, "disagrees with the oracle", 0},
		{"the end of the tail", "interval", 1, func(n uint64) bool { return n < synced+5 }, "", 15},
		{"the end of the tail, though closed", "interval", 0, func(n uint64) bool { return n < synced+5 }, "15 acknowledged records did not come back", 0},
		{"the middle of the tail", "interval", 1, func(n uint64) bool { return n != synced+5 }, "which is older, did not", 0},
		{"the end of the tail", "always", 1, func(n uint64) bool { return n < synced+19 }, "1 acknowledged records did not come back", 0},
		{"the tail", "checkpoint", 1, func(n uint64) bool { return n < synced }, "", 20},
		{"nothing", "checkpoint", 0, nil, "20 records came back that no Sync covered", 0},
	} {
		job, w := logJob(t, "recovery", Knobs{"kill": c.kill})
		job.Durability = c.durability
		m, err := runLog(t, job, w, lasting(c.keep))
		name := fmt.Sprintf("%s lost, durability %s, kill=%v", c.name, c.durability, c.kill)
		switch lost := m.Metrics["recovery_lost_records"].Value; {
		case c.wrong == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)):
			t.Errorf("%s: %v", name, err)
		case err == nil && lost != c.lost:
			t.Errorf("%s: %v records are said to be lost, not %v", name, lost, c.lost)
		}
	}
}

func TestAKilledStoreCanChangeNothing(t *testing.T) {
	fsys := vfs.NewMem()
	var file vfs.File
	var held vfs.FS
	s := &restartable{opts: &statelab.Options{FS: fsys}, open: func(o *statelab.Options) (statelab.Store, error) {
		held = o.FS
		f, err := o.FS.Create("data")
		if err != nil {
			return nil, err
		}
		file = f
		lock, err := o.FS.Lock("LOCK")
		return &lastingStore{memStore: newMemStore(), lock: lock}, err
	}}
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("given"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.kill(); err != nil {
		t.Fatal(err)
	}
	_, writeErr := file.WriteAt([]byte("kept"), 0)
	_, createErr := held.Create("new")
	for what, err := range map[string]error{
		"write": writeErr, "truncate": file.Truncate(0), "sync": file.Sync(), "create": createErr, "remove": held.Remove("data"),
		"rename": held.Rename("data", "other"), "link": held.Link("data", "other"), "mkdir": held.MkdirAll("dir"), "syncdir": held.SyncDir("."),
	} {
		if !errors.Is(err, errKilled) {
			t.Errorf("%s after the kill: %v", what, err)
		}
	}
	if data, err := vfs.ReadFile(fsys, "data"); string(data) != "given" || err != nil {
		t.Errorf("the file holds %q, %v", data, err)
	}
	lock, err := fsys.Lock("LOCK")
	if err != nil {
		t.Fatal("the lock is held:", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestAStoreThatKeepsItsFilesToItselfCannotBeKilled(t *testing.T) {
	job, w := logJob(t, "recovery", Knobs{"kill": 1})
	if _, err := runLog(t, job, w, openMem); !errors.Is(err, errNotKillable) {
		t.Errorf("error %v", err)
	}
}

func TestLogWorkloadsRefuseWhatTheyCannotDo(t *testing.T) {
	for _, w := range LogWorkloads() {
		if err := w.Suits(&Settings{Rate: 5}); err == nil || !strings.Contains(err.Error(), "closed loop only") {
			t.Errorf("%s in the open loop: %v", w.Name, err)
		}
		s := &Suite{Backends: []Candidate{{Spec: "a"}}, Workloads: []string{w.Name}, CPUCache: &CPUCache{Scale: 10}}
		if jobs := s.planCounts(); len(jobs) != 0 {
			t.Errorf("%s is to be counted: %+v", w.Name, jobs)
		}
		job, _ := logJob(t, w.Name, nil)
		if _, err := RecordTrace(context.Background(), job, openMem, job.Dir+"/trace", trace.None); err == nil || !strings.Contains(err.Error(), "cannot be recorded") {
			t.Errorf("recording %s: %v", w.Name, err)
		}
	}
}
