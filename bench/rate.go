package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// The search for the highest sustainable rate ends when the highest rate that
// was sustained and the lowest that was not are within rateResolution, or
// after so many probes, each of which is a run like any other.
const (
	rateResolution = 1.05
	rateProbes     = 10
)

// A rateSearch closes in on the highest sustainable rate from above: an open
// loop cannot keep up with more than the closed loop handles.
type rateSearch struct {
	sustained float64  // the highest that was; 0 if none
	missed    float64  // the lowest that was not, or cannot be
	step      float64  // the next rate below, as a share of missed, while none was sustained
	notes     []string // on what was found
}

func newRateSearch(closed float64) *rateSearch {
	return &rateSearch{missed: closed, step: 1 / rateResolution}
}

// next returns the rate to probe; false when the search is over.
func (s *rateSearch) next() (rate float64, more bool) {
	if s.sustained == 0 {
		return s.missed * s.step, true
	}
	// The slack is for the rounding of missed/step*step.
	if s.missed <= s.sustained*rateResolution*(1+1e-9) {
		return 0, false
	}
	return math.Sqrt(s.missed * s.sustained), true
}

// judge takes what became of the rate that next returned.
func (s *rateSearch) judge(rate float64, sustained bool) {
	if sustained {
		s.sustained = rate
		return
	}
	s.missed = rate
	s.step = max(0.5, s.step*s.step*s.step) // 0.95, 0.86, 0.64, 0.5
}

// measureJob runs a job, or as many as its rate takes, and holds each against the
// yardstick.
func (s *Suite) measureJob(ctx context.Context, job Job, y yardstick) (Measurement, error) {
	switch {
	case job.RateShare > 0:
		return s.measureAtShare(ctx, job, y)
	case !job.RateMax:
		return s.measureOnce(ctx, job, y)
	}
	search, best, err := s.searchRate(ctx, job, y)
	if err != nil {
		return best, err
	}
	best.Metrics.set("sustainable_events_per_s", search.sustained)
	best.Notes = append(best.Notes, search.notes...)
	return best, nil
}

// searchRate searches for the highest rate that a job sustains, and returns the run
// at that rate.
func (s *Suite) searchRate(ctx context.Context, job Job, y yardstick) (*rateSearch, Measurement, error) {
	job.RateMax, job.Rate = false, 0
	search := new(rateSearch)
	closed, err := s.measureOnce(ctx, job, y)
	if err != nil {
		return search, closed, err
	}
	search = newRateSearch(closed.Metrics["events_per_s"].Value)
	s.progress("closed loop %s events/s", humanFloat(search.missed))
	var best Measurement
	for range rateProbes {
		rate, more := search.next()
		if !more {
			break
		}
		job.Rate = rate
		m, err := s.measureOnce(ctx, job, y)
		if err != nil {
			return search, m, fmt.Errorf("at %s events/s: %w", humanFloat(rate), err)
		}
		sustained := m.Metrics["sustainable"].Value == 1
		search.judge(rate, sustained)
		verdict := "no"
		if sustained {
			best, verdict = m, "yes"
		}
		s.progress(", %s %s", humanFloat(rate), verdict)
	}
	s.progress(" ... ")
	if note, _ := disturbance(closed.Metrics); note != "" {
		search.notes = append(search.notes, "the closed loop that bounds the search was "+note)
	}
	return search, best, search.finish()
}

// finish says what is to be known of how the search has ended.
func (s *rateSearch) finish() error {
	if s.sustained == 0 {
		return fmt.Errorf("no sustainable rate found: it does not keep up with %s events/s", humanFloat(s.missed))
	}
	if _, more := s.next(); more {
		s.notes = append(s.notes, fmt.Sprintf("the highest sustainable rate is between %s and %s events/s: the search ended after %d probes",
			humanFloat(s.sustained), humanFloat(s.missed), rateProbes))
	}
	return nil
}

// measureOnce runs a job and holds its output against the truth.
func (s *Suite) measureOnce(ctx context.Context, job Job, y yardstick) (Measurement, error) {
	m, err := s.runBounded(ctx, job, y.harness["rss_peak_bytes"].Value)
	if err != nil {
		return m, err
	}
	m.Metrics.emitHarness(y.harness)
	if job.SampleEvery != SampleAuto {
		m.Metrics.emitNet()
	}
	return m, m.judge(y.truth)
}

// harness returns the job that measures what the harness costs this one's
// store: in the closed loop, without instruments, and with every call timed
// where the warm-up would decide.
func (j Job) harness() Job {
	j.Backend, j.Rep, j.Watch = Noop, 1, nil
	j.closeLoop()
	if j.SampleEvery == SampleAuto {
		j.SampleEvery = 1
	}
	return j
}

// emitNet adds processor time net of the harness, if both are known.
func (m Metrics) emitNet() {
	gross, ok := m["cpu_us_per_event"]
	harness, known := m["harness_us_per_event"]
	if ok && known {
		m.set("cpu_net_us_per_event", gross.Value-harness.Value)
	}
}

// checkLoop says what is wrong with how events arrive.
func (s *Settings) checkLoop() error {
	switch {
	case math.IsNaN(s.Rate) || s.Rate < 0 || s.Rate > 1e9:
		return fmt.Errorf("rate is %v events/s, not within 0 and 1e+09", s.Rate)
	case s.Arrival != "" && s.Arrival != ArrivalConstant && s.Arrival != ArrivalPoisson && s.Arrival != ArrivalRecorded:
		return fmt.Errorf("unknown arrival %q; one of %q", s.Arrival, []string{ArrivalConstant, ArrivalPoisson, ArrivalRecorded})
	case s.Arrival != "" && s.closed():
		return errors.New("arrival is for the open loop: it needs a rate")
	}
	return s.checkShare()
}

// closed says whether events arrive when the driver takes them.
func (s *Settings) closed() bool { return s.Rate == 0 && !s.RateMax && s.RateShare == 0 }

// closeLoop has events arrive when the driver takes them.
func (s *Settings) closeLoop() {
	s.Rate, s.RateMax, s.RateShare, s.RateOf, s.Arrival = 0, false, 0, "", ""
}

// loop says how events arrive.
func (s *Settings) loop() string {
	spacing := "equally spaced"
	switch s.Arrival {
	case ArrivalPoisson:
		spacing = "as a Poisson process"
	case ArrivalRecorded:
		spacing = "as recorded"
	}
	switch {
	case s.RateShare > 0:
		return "open loop at " + s.shareText() + ", arrivals " + spacing
	case s.RateMax:
		return "open loop at the highest sustainable rate, arrivals " + spacing
	case s.Rate > 0:
		return "open loop at " + humanFloat(s.Rate) + " events/s, arrivals " + spacing
	}
	return "closed loop"
}
