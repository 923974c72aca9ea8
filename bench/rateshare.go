package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
)

// A store is compared with another under a load that the other bears: at a
// share of the highest rate that it keeps up with. That rate is searched for once
// for each workload and repetition, whoever runs at a share of it.

// references are the highest rates that a suite has found so far.
type references map[reference]referenceRate

// A reference is a backend whose highest sustainable rate others run at a share of.
type reference struct {
	workload, backend string
	rep               int
}

// A referenceRate is what a search for a reference's rate has found.
type referenceRate struct {
	perS  float64
	notes []string // on the search
	err   error    // that there is none
}

// measureAtShare runs a job at its share of the reference's highest rate.
func (s *Suite) measureAtShare(ctx context.Context, job Job, y yardstick) (Measurement, error) {
	of := job.rateReference()
	found, err := s.referenceRate(ctx, of, y)
	if err != nil {
		return Measurement{}, fmt.Errorf("search for the highest sustainable rate of %s: %w", of.backend, err)
	}
	job.Rate = job.RateShare * found.perS
	m, err := s.measureOnce(ctx, job, y)
	if err != nil {
		return m, fmt.Errorf("at %s events/s: %w", humanFloat(job.Rate), err)
	}
	m.Metrics.set(referenceMetric, found.perS)
	for _, note := range found.notes {
		m.Notes = append(m.Notes, "of the rate of "+of.backend+": "+note)
	}
	return m, nil
}

// referenceMetric is the rate that rate_per_s is a share of.
const referenceMetric = "reference_events_per_s"

// rateReference names the backend of whose highest rate the job runs at a share.
func (j *Job) rateReference() reference {
	of := reference{j.Workload, j.RateOf, j.Rep}
	if of.backend == "" {
		of.backend = j.Backend
	}
	return of
}

// referenceRate returns the highest rate of a reference, which is searched for if it
// is not known.
func (s *Suite) referenceRate(ctx context.Context, of reference, y yardstick) (referenceRate, error) {
	if found, known := s.references[of]; known {
		return found, found.err
	}
	at := slices.IndexFunc(s.Backends, func(c Candidate) bool { return c.Spec == of.backend })
	if at < 0 {
		return referenceRate{}, errors.New("it is not among the backends")
	}
	job := s.job(s.Backends[at], of.workload, of.rep).withoutCurves()
	job.RateShare, job.RateOf = 0, ""
	s.progress("highest rate of %s: ", of.backend)
	search, _, err := s.searchRate(ctx, job, y)
	found := referenceRate{perS: search.sustained, notes: search.notes, err: err}
	if ctx.Err() == nil {
		s.references[of] = found
	}
	return found, err
}

// recallReferences returns the rates that an interrupted suite's results have been
// run at shares of.
func recallReferences(earlier []Result) references {
	known := references{}
	for i := range earlier {
		r := &earlier[i]
		if rate, ok := r.Metrics[referenceMetric]; ok {
			job := Job{Workload: r.Workload, Backend: r.Backend, Rep: r.Rep, Settings: r.Settings}
			known[job.rateReference()] = referenceRate{perS: rate.Value}
		}
	}
	return known
}

// checkShare says what is wrong with a share of a rate.
func (s *Settings) checkShare() error {
	switch {
	case math.IsNaN(s.RateShare) || s.RateShare < 0 || s.RateShare > 1:
		return fmt.Errorf("rate share is %v, not within 0 and 1", s.RateShare)
	case s.RateShare == 0 && s.RateOf != "":
		return fmt.Errorf("the rate of %s is of use only if a share of it is asked for", s.RateOf)
	}
	return nil
}

// shareText says what rate a share is of.
func (s *Settings) shareText() string {
	of := "its own"
	if s.RateOf != "" {
		of = s.RateOf + "'s"
	}
	return fmt.Sprintf("%.4g %% of %s highest sustainable rate", 100*s.RateShare, of)
}
