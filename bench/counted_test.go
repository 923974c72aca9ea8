package bench

import (
	"context"
	"errors"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/cachegrind"
)

func countingSuite(t *testing.T) *Suite {
	t.Helper()
	s := smallSuite(t, "mem")
	s.Reps = 1
	s.CPUCache = &CPUCache{Tool: "valgrind-0", Simulator: cachegrind.Cachegrind, Geometry: cachegrind.DefaultGeometry(), Scale: 2}
	return s
}

// fakeCount runs a job here, as if opening cost 1000 instructions and the
// measured phase ten for each event.
func fakeCount(_ context.Context, job Job) (cachegrind.Run, Measurement, error) {
	m, err := Execute(context.Background(), job, openMem)
	c := cachegrind.Counts{Instructions: 1000, D1Misses: 70, LLMisses: 7, Mispredicted: 5}
	c.Instructions += 10 * float64(m.Events)
	c.D1Misses += 2 * float64(m.Events)
	c.LLMisses -= 3 * float64(m.Events) // noise
	return cachegrind.Run{Counts: c, Fixed: true}, m, err
}

// The pass has results of its own, which agree with the oracle, and says what it
// was made with.
func TestThePassThatCountsStandsApart(t *testing.T) {
	s := countingSuite(t)
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		if job.Pass == Cachegrind {
			return Count(ctx, job, fakeCount)
		}
		return Execute(ctx, job, openMem)
	}
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Failures) > 0 || len(out.Results) != 2*len(s.Workloads) {
		t.Fatalf("error %v, failures %v, %d results", err, out.Failures, len(out.Results))
	}
	for _, r := range out.Results {
		var want []string
		for _, doc := range cachegrindMetrics {
			if r.Pass == Cachegrind {
				want = append(want, doc.Name)
			}
		}
		var got []string
		for name := range maps.Keys(r.Metrics) {
			if slices.ContainsFunc(cachegrindMetrics, func(doc MetricDoc) bool { return doc.Name == name }) {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: metrics %v", r.title(), got)
		}
		if r.Pass == "" {
			continue
		}
		for name, value := range map[string]float64{
			"cachegrind_instructions_per_event": 10, "cachegrind_d1_misses_per_event": 2, "cachegrind_ll_misses_per_event": 0,
			"harness_instructions_per_event": 10,
		} {
			if v := r.Metrics[name].Value; v != value {
				t.Errorf("%s: %s is %v", r.title(), name, v)
			}
		}
		if _, timed := r.Metrics["cpu_us_per_event"]; timed || r.Settings.CPUCache == nil || r.Settings.Maintenance != "inline" {
			t.Errorf("%s: metrics %v, settings %+v", r.title(), r.Metrics, r.Settings)
		}
	}
	groups := GroupResults(out.Results)
	if len(groups) != len(out.Results) {
		t.Errorf("%d groups of %d results", len(groups), len(out.Results))
	}
	table := Table(out)
	if !strings.Contains(table, "reads under cachegrind: ") || !strings.Contains(table, "valgrind-0, I1 32768,8,64") ||
		strings.Count(table, "latencies in us") != len(s.Workloads) {
		t.Errorf("table:\n%s", table)
	}
	if loaded, err := LoadResults(s.Dir); err != nil || !reflect.DeepEqual(loaded, out.Results) {
		t.Errorf("error %v, or the file holds other results", err)
	}
}

func TestThePassIsSmallerAndInline(t *testing.T) {
	s := countingSuite(t)
	s.Backends[0].Settings.Memory = 1 << 20
	s.Backends[0].Settings.Watch = DefaultWatch()
	s.CPUCache.Scale = 4
	jobs := s.Plan()
	counted := jobs[len(s.Workloads):]
	if len(counted) != len(s.Workloads) {
		t.Fatalf("%d jobs", len(jobs))
	}
	for i, job := range counted {
		if job.Pass != Cachegrind || job.Memory != 1<<18 || job.Maintenance != "inline" || job.Watch != nil {
			t.Errorf("job %+v", job)
		}
		for name, v := range jobs[i].Knobs {
			want := v
			if slices.Contains(scaled, name) {
				want = v / 4
			}
			if job.Knobs[name] != want {
				t.Errorf("%s: %s is %v, not %v", job.Workload, name, job.Knobs[name], want)
			}
		}
	}
	s.CPUCache.Scale = 1e9
	if job := s.Plan()[len(s.Workloads)]; job.Memory != statelab.MinMemory || job.Knobs["live"] != 1 {
		t.Errorf("a tiny job: %+v", job)
	}
}

// Both runs must begin without a store, or the second would find that of the first.
func TestBothRunsOfACountBeginAnew(t *testing.T) {
	job, w := smallJob(t, "reads")
	job.Pass = Cachegrind
	job.Dir += "/db"
	var phases []Phase
	run := func(ctx context.Context, job Job) (cachegrind.Run, Measurement, error) {
		phases = append(phases, job.Until)
		if err := os.Mkdir(job.Dir, 0o755); err != nil {
			t.Error(err)
		}
		r, m, err := fakeCount(ctx, job)
		if job.Until == Measured {
			r.Counts.Instructions += repeatable
		}
		return r, m, err
	}
	m, err := Count(context.Background(), job, run)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.judge(w.truth(job.Seed, job.Knobs)); err != nil {
		t.Error(err)
	}
	if !slices.Equal(phases, []Phase{WarmUp, Measured}) || len(m.Notes) != 0 {
		t.Errorf("phases %v, notes %v", phases, m.Notes)
	}
	broken := errors.New("broken")
	if _, err := Count(context.Background(), job, func(context.Context, Job) (cachegrind.Run, Measurement, error) {
		return cachegrind.Run{}, Measurement{}, broken
	}); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	os.RemoveAll(job.Dir)
	m, err = Count(context.Background(), job, func(ctx context.Context, job Job) (cachegrind.Run, Measurement, error) {
		r, m, err := fakeCount(ctx, job)
		r.Fixed = false
		return r, m, err
	})
	if err != nil || len(m.Notes) != 2 || !strings.Contains(m.Notes[0], "layout") || !strings.Contains(m.Notes[1], "do not repeat") {
		t.Errorf("error %v, notes %v of a short run in a layout that was not fixed", err, m.Notes)
	}
}

// What is told what to count counts once, and nothing is subtracted: a note about short phases
// would be wrong too.
func TestCallgrindCountsInOneRun(t *testing.T) {
	for _, name := range []string{"reads", "J1s"} {
		job, w := smallJob(t, name)
		job = (&CPUCache{Simulator: cachegrind.Callgrind, Scale: 1}).countedJob(job)
		if job.Pass != Callgrind {
			t.Errorf("%s: pass %q", name, job.Pass)
		}
		runs := 0
		m, err := Count(context.Background(), job, func(ctx context.Context, job Job) (cachegrind.Run, Measurement, error) {
			runs++
			return fakeCount(ctx, job)
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.judge(w.truth(job.Seed, job.Knobs)); err != nil {
			t.Error(err)
		}
		want := 10 + 1000/float64(m.Events)
		if got := m.Metrics["cachegrind_instructions_per_event"].Value; runs != 1 || got != want || len(m.Notes) > 0 {
			t.Errorf("%s: %d runs, %v instructions an event instead of %v, notes %v", name, runs, got, want, m.Notes)
		}
	}
}

// A load and the warm-up that is left are the warm-up.
func TestALoadIsPartOfTheWarmUp(t *testing.T) {
	for _, name := range []string{"reads", "J1s"} {
		job, w := smallJob(t, name)
		var tallies [2]tally
		for i := range tallies {
			d, err := w.driver(job, new(noopStore), newRecorder(job.SampleEvery))
			if err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				if err := d.(loader).load(context.Background()); err != nil {
					t.Fatal(err)
				}
				if done := d.tally(); name == "J1s" && done.events == 0 {
					t.Errorf("%s: the load has done nothing", name)
				}
			}
			if err := d.warmUp(context.Background()); err != nil {
				t.Fatal(err)
			}
			tallies[i] = d.tally()
		}
		if tallies[0] != tallies[1] {
			t.Errorf("%s: the warm-up came to %+v, and after a load to %+v", name, tallies[0], tallies[1])
		}
	}
}

// A store that answers wrongly under cachegrind has no counts.
func TestCountsOfAWrongRunAreRefused(t *testing.T) {
	s := countingSuite(t)
	s.Reps = 0
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		m, err := Count(ctx, job, fakeCount)
		m.Checksum ^= 1
		return m, err
	}
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Results) != 0 || len(out.Failures) != len(s.Workloads) || !strings.Contains(out.Failures[0].Err.Error(), "disagrees") {
		t.Errorf("error %v, %d results, failures %v", err, len(out.Results), out.Failures)
	}
}

func TestGroupsOfDifferentGeometryAreNotCompared(t *testing.T) {
	s := Settings{CPUCache: &CPUCache{Tool: "valgrind-0", Geometry: cachegrind.DefaultGeometry(), Scale: 2}}
	o := *s.CPUCache
	same := Settings{CPUCache: &o}
	if why := settingsDifference(&s, &same); why != "" {
		t.Errorf("equal settings differ: %s", why)
	}
	o.Geometry.D1.Ways = 4
	if why := settingsDifference(&s, &same); !strings.Contains(why, "cpu_cache") {
		t.Errorf("difference %q", why)
	}
}
