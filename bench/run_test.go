package bench

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// smallKnobs makes every workload run in a fraction of a second, with all its
// phases, several windows, and checkpoints that no tick coincides with.
var smallKnobs = map[string]Knobs{
	"J1s":   {"live": 500, "window_s": 10, "tick_s": 0.7, "checkpoint_s": 13, "delay_median_s": 1},
	"J10":   {"live": 500, "window_s": 10, "tick_s": 0.7, "checkpoint_s": 13, "delay_median_s": 3},
	"hot":   {"live": 500, "window_s": 10, "tick_s": 0.7, "checkpoint_s": 13, "users": 60, "pairs": 5},
	"churn": {"live": 500, "window_s": 10, "tick_s": 0.7, "checkpoint_s": 13},
	"reads": {"records": 1000, "warm_lookups": 100, "lookups": 2000},
}

func smallJob(t *testing.T, workload string) (Job, Workload) {
	t.Helper()
	w, err := FindWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	k := w.Defaults()
	if small, ok := smallKnobs[workload]; ok {
		maps.Copy(k, small)
	} else {
		smallStream(k)
	}
	return Job{
		Backend: "mem", Workload: workload, Rep: 1, Seed: 7, Dir: t.TempDir(),
		Settings: Settings{Durability: "checkpoint", Compression: "default", Maintenance: "inline", Knobs: k},
	}, w
}

func TestTheOracleAgreesWithEveryWorkload(t *testing.T) {
	for _, w := range Workloads() {
		job, w := smallJob(t, w.Name)
		truth := w.truth(job.Seed, job.Knobs)
		m, err := Execute(context.Background(), job, openMem)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.judge(truth); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
		if truth.Events == 0 || truth.LiveRecords == 0 || truth.LiveBytes == 0 {
			t.Errorf("%s: the oracle says %+v, which proves nothing", w.Name, truth)
		}
	}
}

// A store that changes one byte of one value must not get numbers.
func TestAStoreThatAnswersWronglyIsFoundOut(t *testing.T) {
	for _, w := range Workloads() {
		mustDisagree(t, w.Name, func(value []byte, n int) {
			if n == 400 {
				value[0] ^= 0x80
			}
		})
	}
}

// mustDisagree runs a workload on a store that spoils values, the n-th of which it
// reads is given to spoil, and fails if the oracle does not find it out.
func mustDisagree(t *testing.T, workload string, spoil func(value []byte, n int)) {
	t.Helper()
	job, w := smallJob(t, workload)
	values := 0
	spoilt := func(string, string, *statelab.Options) (statelab.Store, error) {
		s := newMemStore()
		s.spoil = func(value []byte) {
			if len(value) < stampSize {
				return // the mark of a timer, of which only one bit is looked at
			}
			values++
			spoil(value, values)
		}
		return s, nil
	}
	m, err := Execute(context.Background(), job, spoilt)
	if err == nil {
		err = m.judge(w.truth(job.Seed, job.Knobs))
	}
	if err == nil || !strings.Contains(err.Error(), "disagrees") {
		t.Errorf("%s with a change after %d values: %v", workload, values, err)
	}
}

func TestEveryMetricIsDocumentedAndEveryDocumentedMetricCanAppear(t *testing.T) {
	// The suite adds what it knows of the harness, and a control group what it holds; for
	// the search see TestTheHighestSustainableRateIsFound and TestBackendsRunAtAShareOfAnothersHighestRate.
	seen := map[string]bool{"harness_us_per_event": true, "harness_rss_bytes": true, "rss_bytes_per_record": true, "rss_amp": true,
		"memory_limit_bytes": true, "cgroup_peak_bytes": true, "cgroup_page_cache_bytes": true, "sustainable_events_per_s": true,
		referenceMetric: true}
	noteLongRun(t, seen)
	for _, w := range Workloads() {
		job, w := smallJob(t, w.Name)
		m, err := Execute(context.Background(), job, openMem)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.judge(w.truth(job.Seed, job.Knobs)); err != nil {
			t.Fatal(err)
		}
		for name, metric := range m.Metrics {
			doc, ok := FindMetric(name)
			if !ok {
				t.Errorf("%s emits %s, which is not documented", w.Name, name)
			} else if metric.Unit != doc.Unit || doc.Unit == "" {
				t.Errorf("%s emits %s in %q, documented in %q", w.Name, name, metric.Unit, doc.Unit)
			}
			seen[name] = true
		}
	}
	// A store in memory dirties no page, and a run so short need not pause, nor
	// does the kernel's clock tell what others did meanwhile.
	for _, name := range []string{"write_amp_fs", "gc_pause_max_us", "steal_ratio", "others_cpu_ratio"} {
		seen[name] = true
	}
	// What instruments and log workloads add is tested with them.
	for _, doc := range slices.Concat(counterMetrics, recoveryMetrics, residencyMetrics, cachegrindMetrics, missRatioMetrics, deviceMetrics) {
		seen[doc.Name] = true
	}
	for _, doc := range MetricDocs() {
		if !seen[doc.Name] {
			t.Errorf("%s is documented, but nothing emits it", doc.Name)
		}
	}
}

// noteLongRun notes the metrics of a run in the open loop that is longer than
// tests can afford, from a recorder that is told of one.
func noteLongRun(t *testing.T, seen map[string]bool) {
	t.Helper()
	r := newRecorder(2)
	m := Measurement{Metrics: Metrics{}}
	for op := range opKinds {
		for range 40_000 {
			if r.timed(op) && op != opGet { // Gets are those of the two kinds
				r.record(op, r.now())
			}
		}
	}
	r.calls[opGet] = r.calls[opGetHit] + r.calls[opGetMiss]
	r.finish()
	r.emit(&m)
	m.Metrics.set("cpu_us_per_event", 2)
	m.Metrics.emitHarness(Metrics{"cpu_us_per_event": {Value: 1}, "allocs_per_event": {Value: 0}})
	m.Metrics.emitNet()
	r.judgeRate(1, &m)
	for name, metric := range m.Metrics {
		if doc, ok := FindMetric(name); !ok || doc.Unit != metric.Unit {
			t.Errorf("%s in %q is documented as %+v", name, metric.Unit, doc)
		}
		seen[name] = true
	}
}

func TestMetricNamesAreUnique(t *testing.T) {
	var names []string
	for _, doc := range MetricDocs() {
		if slices.Contains(names, doc.Name) {
			t.Errorf("%s is documented twice", doc.Name)
		}
		if doc.Doc == "" || !strings.HasSuffix(doc.Doc, ".") {
			t.Errorf("%s has no sentence to explain it", doc.Name)
		}
		names = append(names, doc.Name)
	}
}

func TestAFailingStoreFailsTheRun(t *testing.T) {
	job, _ := smallJob(t, "J10")
	broken := errors.New("broken")
	_, err := Execute(context.Background(), job, func(string, string, *statelab.Options) (statelab.Store, error) {
		return nil, broken
	})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "J10 on mem") {
		t.Errorf("error %v does not say what failed", err)
	}
}

func TestARunEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, w := range Workloads() {
		job, _ := smallJob(t, w.Name)
		if _, err := Execute(ctx, job, openMem); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: error %v after its context ended", w.Name, err)
		}
	}
}

// The harness must not show in heap, collector or latency figures: not in the
// open loop either, and not when slots of the time line end.
func TestTheHotPathDoesNotAllocate(t *testing.T) {
	for _, w := range slices.Concat(Workloads(), JoinWorkloads()) {
		for _, rate := range []float64{0, 1e6} {
			job, w := smallJob(t, w.Name)
			job.Rate = rate
			rec := newRecorder(1)
			d, err := w.driver(job, new(noopStore), rec)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.warmUp(context.Background()); err != nil {
				t.Fatal(err)
			}
			var step func() error
			switch d := d.(type) {
			case *eventDriver:
				d.arrivals.begin()
				step = d.step
			case *keyValue:
				d.arrive.begin()
				step = d.step
			}
			rec.slots.length = 4096 // ns, so that many end
			rec.slots.end = rec.slots.from
			allocs := testing.AllocsPerRun(5000, func() {
				if err := step(); err != nil {
					t.Fatal(err)
				}
			})
			if allocs > 0 {
				t.Errorf("%s allocates %v times an event at %v events/s", w.Name, allocs, rate)
			}
			if rec.slots.length == 4096 {
				t.Errorf("%s at %v events/s: only %d slots have ended", w.Name, rate, rec.slots.n)
			}
		}
	}
}

// BenchmarkHarness is what the harness costs an event: nanoseconds that every
// figure of the workload contains.
func BenchmarkHarness(b *testing.B) {
	for _, w := range Workloads() {
		b.Run(w.Name, func(b *testing.B) {
			k := w.Defaults()
			if w.Name == "reads" {
				k["records"], k["warm_lookups"] = 1000, 0
			}
			d, err := w.driver(Job{Seed: 1, Settings: Settings{Knobs: k}}, new(noopStore), newRecorder(1))
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			switch d := d.(type) {
			case *eventDriver:
				d.source.next(&d.ev)
				for b.Loop() {
					if err := d.step(); err != nil {
						b.Fatal(err)
					}
				}
			case *keyValue:
				for b.Loop() {
					if err := d.step(); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
