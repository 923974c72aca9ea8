package bench

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// slowSuite is a suite of reads over slow stores, with how long a Get of each takes, and
// of the jobs that it has run.
func slowSuite(t *testing.T, gets map[string]time.Duration, settings Settings) (*Suite, *[]Job) {
	t.Helper()
	s := &Suite{Workloads: []string{"reads"}, Reps: 1, Seed: 7, Dir: t.TempDir(), Knobs: map[string]Knobs{}}
	settings.Durability = "checkpoint"
	for _, spec := range slices.Sorted(maps.Keys(gets)) {
		s.Backends = append(s.Backends, Candidate{Spec: spec, Settings: settings})
	}
	job, store := stallJob(t)
	s.Knobs["reads"] = job.Knobs
	var ran []Job
	s.Run = func(_ context.Context, job Job) (Measurement, error) {
		ran = append(ran, job)
		get, known := gets[job.Backend]
		if !known && job.Backend != Noop {
			return Measurement{}, errors.New("no such store")
		}
		return runSlow(t, job, &slowStore{get: get, stallAt: store.stallAt, stall: 30 * time.Millisecond}), nil
	}
	return s, &ran
}

// slowCapacity is how many events a slow store of a suite can take in a second.
func slowCapacity(get time.Duration) float64 { return 1 / (get.Seconds() + 0.03/10_000) }

func TestBackendsRunAtAShareOfAnothersHighestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gets := map[string]time.Duration{"fast": 50 * time.Microsecond, "slow": 130 * time.Microsecond}
		s, ran := slowSuite(t, gets, Settings{RateShare: 0.7, RateOf: "slow"})
		s.Reps = 2
		out, err := s.RunAll(context.Background())
		if err != nil || len(out.Results) != 4 {
			t.Fatalf("error %v, outcome %+v", err, out)
		}
		for _, r := range out.Results {
			of := r.Metrics[referenceMetric].Value
			near(t, "the rate of "+r.Backend, r.Metrics["rate_per_s"].Value, 0.7*of, 1e-9)
			if capacity := slowCapacity(gets["slow"]); of > capacity || of < 0.9*capacity {
				t.Errorf("%v events/s found where %v can be had", of, capacity)
			}
			if _, searched := r.Metrics["sustainable_events_per_s"]; searched || r.Metrics["sustainable"].Value != 1 {
				t.Errorf("%s at a share of another's rate: %v", r.Backend, r.Metrics)
			}
		}
		searches := 0
		for _, job := range *ran {
			if job.Backend == "fast" && job.closed() {
				t.Error("a search for the rate of a backend that nobody asks for")
			}
			if job.Backend == "slow" && job.Rate == 0 {
				searches++
			}
		}
		if searches != s.Reps {
			t.Errorf("%d searches for %d repetitions", searches, s.Reps)
		}
	})
}

func TestWithoutAReferenceEachRunsAtAShareOfItsOwnRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gets := map[string]time.Duration{"fast": 50 * time.Microsecond, "slow": 130 * time.Microsecond}
		s, _ := slowSuite(t, gets, Settings{RateShare: 0.5})
		out, err := s.RunAll(context.Background())
		if err != nil || len(out.Results) != 2 {
			t.Fatalf("error %v, outcome %+v", err, out)
		}
		for _, r := range out.Results {
			near(t, "the rate of "+r.Backend, r.Metrics["rate_per_s"].Value, 0.5*slowCapacity(gets[r.Backend]), 0.1)
		}
		if text := Table(out); !strings.Contains(text, "open loop at 50 % of its own highest sustainable rate") || !strings.Contains(text, "of rate/s") {
			t.Errorf("table:\n%s", text)
		}
	})
}

// What an interrupted suite has found out is not looked for again, since results at
// shares of two rates could not be compared.
func TestAResumedSuiteKeepsTheRateThatItHasFound(t *testing.T) {
	earlier := []Result{
		{Backend: "a", Workload: "reads", Rep: 1, Settings: Settings{RateShare: 0.7, RateOf: "b"}, Metrics: Metrics{referenceMetric: {Value: 500}}},
		{Backend: "a", Workload: "reads", Rep: 2, Settings: Settings{RateShare: 0.7}, Metrics: Metrics{referenceMetric: {Value: 600}}},
		{Backend: "a", Workload: "J10", Rep: 1, Metrics: Metrics{"rate_per_s": {Value: 700}}},
	}
	known := recallReferences(earlier)
	if len(known) != 2 || known[reference{"reads", "b", 1}].perS != 500 || known[reference{"reads", "a", 2}].perS != 600 {
		t.Fatalf("recalled %+v", known)
	}
	s := &Suite{references: known}
	if r, err := s.referenceRate(t.Context(), reference{"reads", "b", 1}, yardstick{}); err != nil || r.perS != 500 {
		t.Errorf("%v events/s, error %v", r.perS, err)
	}
}

// Where there is no highest rate nobody has numbers, and the search is not repeated.
func TestWithoutAHighestRateThereIsNoShareOfIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, ran := slowSuite(t, map[string]time.Duration{"a": time.Microsecond, "b": time.Microsecond}, Settings{RateShare: 0.7, RateOf: "b"})
		run := s.Run
		s.Run = func(ctx context.Context, job Job) (Measurement, error) {
			if job.Backend == "b" {
				job.Backend = "broken"
			}
			return run(ctx, job)
		}
		out, err := s.RunAll(context.Background())
		if err != nil || len(out.Failures) != 2 || len(*ran) != 2 { // the harness, and one search
			t.Fatalf("error %v, %d runs, outcome %+v", err, len(*ran), out)
		}
		for _, f := range out.Failures {
			if !strings.Contains(f.Err.Error(), "highest sustainable rate of b: no such store") {
				t.Errorf("%s: %v", f.Backend, f.Err)
			}
		}
	})
}

func TestAShareOfARateIsChecked(t *testing.T) {
	for _, s := range []Settings{{RateShare: -0.1}, {RateShare: 1.1}, {RateOf: "a"}, {Arrival: ArrivalPoisson}} {
		s.Durability, s.Compression, s.Maintenance = "checkpoint", "default", "inline"
		if err := s.Validate(); err == nil {
			t.Errorf("%+v is let pass", s)
		}
	}
	s := Settings{RateShare: 1, RateOf: "a", Arrival: ArrivalPoisson, Durability: "checkpoint", Compression: "default", Maintenance: "inline"}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
	t1, t2 := s, s
	t2.RateOf = "b"
	if settingsDifference(&t1, &t2) == "" {
		t.Error("shares of two rates are compared")
	}
}
