package bench

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/trace"
)

// recorded records a small run of a workload and returns the workload of its replay.
func recorded(t *testing.T, workload string) (Workload, trace.Totals) {
	t.Helper()
	job, _ := smallJob(t, workload)
	path := filepath.Join(t.TempDir(), workload+".trace")
	totals, err := RecordTrace(context.Background(), job, openMem, path, trace.Zstd)
	if err != nil {
		t.Fatal(err)
	}
	w, err := OpenWorkload(TraceWorkload + path)
	if err != nil {
		t.Fatal(err)
	}
	return w, totals
}

func replayJob(t *testing.T, w Workload) Job {
	t.Helper()
	return Job{
		Backend: "mem", Workload: w.Name, Rep: 1, Seed: 7, Dir: t.TempDir(),
		Settings: Settings{Durability: "checkpoint", Compression: "default", Maintenance: "inline", Knobs: w.Defaults()},
	}
}

func TestARecordedRunIsAWorkload(t *testing.T) {
	for _, catalogued := range Workloads() {
		w, totals := recorded(t, catalogued.Name)
		job := replayJob(t, w)
		if job.Knobs["warm_records"] != float64(totals.Warm) || totals.Warm == 0 {
			t.Errorf("%s: the warm-up is %v records of %+v", w.Name, job.Knobs["warm_records"], totals)
		}
		truth, err := w.truthOf(context.Background(), job)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Execute(context.Background(), job, openMem)
		if err == nil {
			err = m.judge(truth)
		}
		if err != nil {
			t.Fatal(err)
		}
		if m.Events != int64(totals.Records-totals.Warm) || truth.LiveRecords == 0 {
			t.Errorf("%s: %d events of %+v, truth %+v", w.Name, m.Events, totals, truth)
		}
		if catalogued.prefix.Name != w.prefix.Name {
			t.Errorf("%s: the prefix is %q", w.Name, w.prefix.Name)
		}
		if m.Metrics["get_count"].Value+m.Metrics["probe_count"].Value == 0 {
			t.Errorf("%s: no Gets and no probes", w.Name)
		}
	}
}

// What the run itself measured in calls, its replay makes.
func TestAReplayMakesTheCallsOfTheRun(t *testing.T) {
	job, _ := smallJob(t, "J1s")
	run, err := Execute(context.Background(), job, openMem)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := recorded(t, "J1s")
	replayed, err := Execute(context.Background(), replayJob(t, w), openMem)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"get_count", "get_hit_count", "probe_count", "apply_count", "advance_count", "sync_count", "written_log_bytes"} {
		if was, is := run.Metrics[name], replayed.Metrics[name]; was != is || was.Value == 0 {
			t.Errorf("%s is %v, and was %v", name, is, was)
		}
	}
}

func TestEventTimesOfARecordingAreTheEvents(t *testing.T) {
	w, totals := recorded(t, "J10")
	r, err := trace.OpenFile(strings.TrimPrefix(w.Name, TraceWorkload))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	s, err := trace.Summarize(r.Reader, totals.Records)
	if err != nil {
		t.Fatal(err)
	}
	if window := int64(10e6); s.TTL.P10 != s.TTL.Max || s.TTL.Max < window*999/1000 || s.TTL.Max > window*1001/1000 {
		t.Errorf("elements live for %+v us, not a window of %d", s.TTL, window)
	}
	if s.Header.Workload != "J10" || s.Header.Knobs["window_s"] != 10 || s.Header.Backend != "mem" || s.Header.Seed != 7 {
		t.Errorf("header %+v", s.Header)
	}
}

func TestAReplayOnAStoreThatAnswersWronglyFails(t *testing.T) {
	w, _ := recorded(t, "J1s")
	gets := 0
	spoilt := func(string, string, *statelab.Options) (statelab.Store, error) {
		s := newMemStore()
		s.spoil = func(value []byte) {
			if gets++; gets == 200 {
				value[0] ^= 1
			}
		}
		return s, nil
	}
	job := replayJob(t, w)
	truth, err := w.truthOf(context.Background(), job)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Execute(context.Background(), job, spoilt)
	if err == nil {
		err = m.judge(truth)
	}
	if err == nil || !strings.Contains(err.Error(), "disagrees with the oracle") {
		t.Errorf("one byte changed: %v", err)
	}
	var mismatch *trace.MismatchError
	if _, err := Execute(context.Background(), job, openForgetful); !errors.As(err, &mismatch) {
		t.Errorf("a Get that finds nothing: %v", err)
	}
}

// openForgetful opens a store that finds nothing and is not the noop store.
func openForgetful(string, string, *statelab.Options) (statelab.Store, error) {
	return new(noopStore), nil
}

// A run that the oracle does not agree with leaves no trace.
func TestAWrongRunIsNotRecorded(t *testing.T) {
	job, _ := smallJob(t, "J10")
	path := filepath.Join(t.TempDir(), "trace")
	if _, err := RecordTrace(context.Background(), job, openForgetful, path, trace.None); err == nil || !strings.Contains(err.Error(), "disagrees") {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := RecordTrace(ctx, job, openMem, path, trace.None); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 0 {
		t.Errorf("error %v, files %v", err, entries)
	}
}

func TestASuiteReplaysATrace(t *testing.T) {
	w, _ := recorded(t, "J10")
	s := smallSuite(t, "a", "b")
	s.Workloads, s.Knobs = []string{w.Name}, map[string]Knobs{w.Name: w.Defaults()}
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Failures) > 0 || len(out.Results) != 4 {
		t.Fatalf("error %v, failures %v, %d results", err, out.Failures, len(out.Results))
	}
	for _, r := range out.Results {
		if r.Workload != w.Name || r.Metrics["output_checksum"] != out.Results[0].Metrics["output_checksum"] {
			t.Errorf("result %+v", r)
		}
	}
}

// keeper is a store that would have its user delete what has died.
type keeper struct{ *memStore }

func (keeper) KeepsDead() bool { return true }

func TestAReplayOnAStoreThatKeepsTheDeadIsMarked(t *testing.T) {
	w, _ := recorded(t, "J10")
	m, err := Execute(context.Background(), replayJob(t, w), func(string, string, *statelab.Options) (statelab.Store, error) {
		return keeper{newMemStore()}, nil
	})
	if err != nil || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "deletes only what the trace does") {
		t.Errorf("error %v, notes %q", err, m.Notes)
	}
	if m, err = Execute(context.Background(), replayJob(t, w), openMem); err != nil || len(m.Notes) != 0 {
		t.Errorf("on a store that expires: error %v, notes %q", err, m.Notes)
	}
}

func TestTheRateOfAReplayCanFollowTheRecordedArrivals(t *testing.T) {
	var b bytes.Buffer
	w, err := trace.NewWriter(&b, trace.Header{Source: "test"}, trace.None)
	if err != nil {
		t.Fatal(err)
	}
	// Three bursts of 4 Gets, 10 ms apart.
	for i := range int64(12) {
		if err := w.Write(&trace.Record{Kind: trace.Get, Key: []byte("k"), Arrival: i / 4 * 10_000}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trace")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	workload, err := OpenWorkload(TraceWorkload + path)
	if err != nil {
		t.Fatal(err)
	}
	job := replayJob(t, workload)
	job.Knobs["warm_records"] = 0
	job.Rate, job.Arrival = 1200, ArrivalRecorded // 12 in 10 ms: twice as fast as recorded
	rec := newRecorder(1)
	d, err := workload.driver(job, trace.NewReference(), rec)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.warmUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	r := d.(*replay)
	r.arrivals.begin()
	r.measuring = true
	var at []float64
	for range 12 {
		if _, err := r.step(context.Background()); err != nil {
			t.Fatal(err)
		}
		at = append(at, (float64(rec.arrival)-r.arrivals.start)/1e6)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
	for i, ms := range at {
		if want := float64(i/4) * 5; ms < want-0.001 || ms > want+0.001 {
			t.Errorf("event %d was meant for %v ms, not %v", i, ms, want)
		}
	}
}

func TestOnlyATraceHasRecordedArrivals(t *testing.T) {
	job, _ := smallJob(t, "J10")
	job.Rate, job.Arrival = 1000, ArrivalRecorded
	if _, err := Execute(context.Background(), job, openMem); err == nil || !strings.Contains(err.Error(), "workload J10 has no recorded arrivals") {
		t.Errorf("error %v", err)
	}
}

func TestATraceThatCannotBeReadIsNoWorkload(t *testing.T) {
	dir := t.TempDir()
	w, _ := recorded(t, "J10")
	whole, err := os.ReadFile(strings.TrimPrefix(w.Name, TraceWorkload))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"short": whole[:len(whole)-1], "other": []byte("something else, of more bytes than one would think")} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenWorkload(TraceWorkload + path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenWorkload(TraceWorkload + filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	// Damage in the middle shows when the truth is computed.
	path := filepath.Join(dir, "damaged")
	whole[len(whole)/2] ^= 1
	if err := os.WriteFile(path, whole, 0o644); err != nil {
		t.Fatal(err)
	}
	if w, err = OpenWorkload(TraceWorkload + path); err != nil {
		t.Fatal(err)
	}
	var corrupt *statelab.CorruptError
	if _, err := w.truthOf(context.Background(), replayJob(t, w)); !errors.As(err, &corrupt) {
		t.Errorf("error %v", err)
	}
}

func TestAReplayDoesNotAllocate(t *testing.T) {
	w, totals := recorded(t, "J10")
	job := replayJob(t, w)
	maps.Copy(job.Knobs, Knobs{"warm_records": 10})
	job.Backend = Noop
	d, err := w.driver(job, new(noopStore), newRecorder(1))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.warmUp(context.Background()); err != nil {
		t.Fatal(err)
	}
	r := d.(*replay)
	allocs := testing.AllocsPerRun(int(totals.Records)-100, func() {
		if _, err := r.step(context.Background()); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations a record", allocs)
	}
	if err := r.close(); err != nil {
		t.Fatal(err)
	}
}
