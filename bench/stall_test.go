package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statelab/statelab"
)

// slowStore is a memStore whose Gets take their time, one of them very long.
type slowStore struct {
	*memStore
	get     time.Duration // how long a Get takes
	stallAt int           // the Get that stalls, from 1
	stall   time.Duration
	gets    int
	report  func(statelab.MaintenanceEvent)
}

func (s *slowStore) Get(dst, key []byte) ([]byte, error) {
	time.Sleep(s.get)
	if s.gets++; s.gets == s.stallAt {
		start := time.Now()
		time.Sleep(s.stall)
		s.report(statelab.MaintenanceEvent{Kind: statelab.EventCompaction, Start: start, Duration: s.stall})
	}
	return s.memStore.Get(dst, key)
}

// runSlow runs a workload over a slowStore. It belongs into a synctest bubble:
// there time passes in sleeps alone, and every latency is exact.
func runSlow(t *testing.T, job Job, s *slowStore) Measurement {
	t.Helper()
	w, err := FindWorkload(job.Workload)
	if err != nil {
		t.Fatal(err)
	}
	rec := newRecorder(job.SampleEvery)
	rec.wait = time.Sleep
	s.memStore, s.report = newMemStore(), rec.marks.report
	d, err := w.driver(job, s, rec)
	if err != nil {
		t.Fatal(err)
	}
	m, err := measureDriver(context.Background(), job, d, s, rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	m.Metrics.dropWaiting()
	if err := m.judge(w.truth(job.Seed, job.Knobs)); err != nil {
		t.Fatal(err)
	}
	return m
}

// stallJob has ten thousand Gets to measure, of which the 5,000th stalls.
func stallJob(t *testing.T) (Job, *slowStore) {
	job, _ := smallJob(t, "reads")
	job.Knobs["lookups"] = 10_000
	return job, &slowStore{get: 20 * time.Microsecond, stall: 200 * time.Millisecond, stallAt: int(job.Knobs["warm_lookups"]) + 5000}
}

// A stall of 200 ms is planted in a store. The closed loop sees one slow call in
// ten thousand, and its p99.9 says that nothing has happened. In the open loop,
// at a fifth of the rate that the store could serve, 2,000 events arrive while it
// lasts, and those that keep p99.9 waited nearly as long as it took. The clock is fake,
// so the figures are exact.
func TestAPlantedStallShowsInTheOpenLoopAndNotInTheClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job, store := stallJob(t)
		closed := runSlow(t, job, store)
		job, store = stallJob(t)
		job.Rate = 10_000
		open := runSlow(t, job, store)
		t.Log("closed loop:", eventLatencies(closed))
		t.Log("open loop:  ", eventLatencies(open))
		// Three digits of the histogram: 20 us may read 20.007, 200 ms 200.1.
		near(t, "event p99.9 of the closed loop, in us", closed.Metrics["event_p999_us"].Value, 20, 0.001)
		near(t, "event max of the closed loop, in us", closed.Metrics["event_max_us"].Value, 200_020, 0.001)
		// The tenth longest of those that waited arrived nine gaps of 100 us after the
		// first, each of which is caught up with by 20 us less.
		near(t, "event p99.9 of the open loop, in us", open.Metrics["event_p999_us"].Value, 200_020-10*80, 0.001)
		near(t, "event max of the open loop, in us", open.Metrics["event_max_us"].Value, 200_020, 0.001)
		if open.Metrics["sustainable"].Value != 1 || open.Metrics["lag_end_us"].Value != 0 {
			t.Errorf("a stall that was caught up with makes the rate look too high: %v", open.Metrics)
		}
	})
}

func eventLatencies(m Measurement) string {
	return fmt.Sprintf("event p50 %v us, p99 %v us, p99.9 %v us, max %v us", m.Metrics["event_p50_us"].Value,
		m.Metrics["event_p99_us"].Value, m.Metrics["event_p999_us"].Value, m.Metrics["event_max_us"].Value)
}

// The time line shows when it was, and which call, and what went on.
func TestTheTimeLineNamesAPlantedStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job, store := stallJob(t)
		job.Rate = 10_000
		m := runSlow(t, job, store)
		line := m.Timeline
		lag, ok := seriesOf(line, "lag_us")
		if !ok {
			t.Fatalf("no lag in %+v", line.Series)
		}
		worst := 0
		for i, v := range lag {
			if v > lag[worst] {
				worst = i
			}
		}
		// The 5,000th event arrives after half a second; those after it wait up to 200 ms.
		at := float64(worst) * line.Slot
		if at < 0.5-line.Slot || at > 0.7 || lag[worst] < 190e3 {
			t.Errorf("the greatest lag is %v us, %v s from the beginning", lag[worst], at)
		}
		var named, marked bool
		for _, k := range line.Marks {
			if k.Kind == statelab.EventCompaction {
				marked = true
				near(t, "the mark's time", k.At, 0.49992, 0.001)
				near(t, "the mark's length", k.For, 0.2, 0.001)
			}
			if k.Kind == markSlowest && strings.HasPrefix(k.Note, "get_hit; meanwhile compaction 200 ms") {
				named = true
			}
		}
		if !named || !marked {
			t.Errorf("marks %+v", line.Marks)
		}
	})
}

func seriesOf(line *Timeline, name string) ([]float64, bool) {
	for _, s := range line.Series {
		if s.Name == name {
			return s.Values, true
		}
	}
	return nil, false
}

// In event time too an event arrives when it is meant to, and ticks and
// checkpoints are part of the latency of the event that makes them due.
func TestEventTimeRunsInTheOpenLoop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, workload := range []string{"J1s", "J10"} {
			for _, arrival := range []string{ArrivalConstant, ArrivalPoisson} {
				job, _ := smallJob(t, workload)
				job.Rate, job.Arrival = 2000, arrival
				m := runSlow(t, job, &slowStore{get: 50 * time.Microsecond})
				near(t, workload+" events/s, "+arrival, m.Metrics["events_per_s"].Value, 2000, 0.1)
				if m.Metrics["sustainable"].Value != 1 || strings.Contains(fmt.Sprint(m.Notes), "was not sustained") {
					t.Errorf("%s, %s: notes %v", workload, arrival, m.Notes)
				}
				if _, ok := m.Metrics["sample_p50_us"]; ok != (workload == "J1s") {
					t.Errorf("%s: samples are timed: %v", workload, ok)
				}
				queued := m.Metrics["event_max_us"].Value > 51
				if workload == "J10" && queued != (arrival == ArrivalPoisson) {
					t.Errorf("%s arrivals: longest event %v us", arrival, m.Metrics["event_max_us"].Value)
				}
			}
		}
	})
}

// At a tenth more than the store can do it falls behind by a tenth of the time.
func TestARateThatIsTooHighIsNotSustained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		job, store := stallJob(t)
		store.get, store.stall, job.Rate = 100*time.Microsecond, 0, 11_000
		m := runSlow(t, job, store)
		if m.Metrics["sustainable"].Value != 0 || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], "was not sustained") {
			t.Errorf("notes %v", m.Notes)
		}
		near(t, "slope of the lag", m.Metrics["lag_slope"].Value, 0.1, 0.01)
		near(t, "greatest lag", m.Metrics["lag_max_us"].Value, 0.1e6/1.1, 0.01)
	})
}

func TestTheHighestSustainableRateIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, get := range []time.Duration{50 * time.Microsecond, 130 * time.Microsecond} {
			var progress strings.Builder
			s, _ := slowSuite(t, map[string]time.Duration{"slow": get}, Settings{RateMax: true})
			s.Progress = &progress
			out, err := s.RunAll(context.Background())
			if err != nil || len(out.Results) != 1 {
				t.Fatalf("error %v, outcome %+v", err, out)
			}
			r := out.Results[0]
			capacity := slowCapacity(get)
			found := r.Metrics["sustainable_events_per_s"].Value
			if found > capacity || found < 0.9*capacity {
				t.Errorf("%v events/s found where %v can be had:\n%s", found, capacity, progress.String())
			}
			if r.Metrics["rate_per_s"].Value != found || r.Metrics["sustainable"].Value != 1 || !r.Settings.RateMax {
				t.Errorf("the result is not that of the run at %v events/s: %v", found, r.Metrics)
			}
		}
	})
}

// A search ends even if nothing is ever sustained, and says so.
func TestARateSearchEnds(t *testing.T) {
	for name, sustained := range map[string]func(rate float64) bool{
		"never":   func(float64) bool { return false },
		"always":  func(float64) bool { return true },
		"erratic": func(rate float64) bool { return int(rate)%2 == 0 },
		"700":     func(rate float64) bool { return rate <= 700 },
		"90":      func(rate float64) bool { return rate <= 90 },
	} {
		search := newRateSearch(1000)
		probes := 0
		for ; probes < rateProbes; probes++ {
			rate, more := search.next()
			if !more {
				break
			}
			if rate >= search.missed || rate <= search.sustained {
				t.Fatalf("%s: probe at %v, between %v and %v", name, rate, search.sustained, search.missed)
			}
			search.judge(rate, sustained(rate))
		}
		err := search.finish()
		found := search.sustained
		switch name {
		case "never":
			if err == nil || !strings.Contains(err.Error(), "no sustainable rate found") {
				t.Errorf("error %v", err)
			}
		case "always":
			near(t, name, found, 1000/rateResolution, 1e-9)
		case "700", "90":
			want := map[string]float64{"700": 700, "90": 90}[name]
			if err != nil || found > want || found < want/rateResolution || len(search.notes) > 0 {
				t.Errorf("%s: found %v after %d probes, error %v, notes %v", name, found, probes, err, search.notes)
			}
		}
		t.Logf("%s: %v after %d probes", name, found, probes)
	}
}
