package bench

import (
	"context"
	"slices"
	"strings"
)

// The instrument curves takes what would be counted as the store's: some 300
// instructions a block access, where an event may have twenty, and more than a
// hundred megabytes where pages are copied all the time. So a suite does not let it watch a run that is timed, but runs the
// first repetition once more for it alone, and adds what that finds to the result.

// withoutCurves is the job that is timed.
func (j Job) withoutCurves() Job {
	j.Watch = slices.DeleteFunc(slices.Clone(j.Watch), func(name string) bool { return name == curvesName })
	return j
}

// withCurves is the same in the closed loop, without a bound on memory.
func (j Job) withCurves() Job {
	j.Watch = []string{curvesName}
	j.MemoryLimit = 0
	j.closeLoop()
	return j
}

// addCurves adds the curves to the result of a job of the first repetition that
// they are to watch. If their run fails the result says so, and is what it was.
func (s *Suite) addCurves(ctx context.Context, job Job, t Truth, r *Result) {
	if job.Rep != 1 || !slices.Contains(job.Watch, curvesName) {
		return
	}
	if _, ok := r.Metrics["blocks_read"]; !ok {
		r.Notes = append(r.Notes, noBlocksNote)
		return
	}
	s.progress("curves ... ")
	m, err := s.runInDir(ctx, job.withCurves())
	if err == nil {
		err = m.agree(t)
	}
	if err != nil {
		r.Notes = append(r.Notes, "curves: the run for them failed: "+err.Error())
		return
	}
	r.takeCurves(&m)
}

// takeCurves adds what the instrument found in another run.
func (r *Result) takeCurves(m *Measurement) {
	for _, doc := range missRatioMetrics {
		if metric, ok := m.Metrics[doc.Name]; ok {
			r.Metrics[doc.Name] = metric
		}
	}
	for _, c := range m.Curves {
		if strings.HasPrefix(c.Name, missRatioPrefix) {
			r.Curves = append(r.Curves, c)
		}
	}
	for _, note := range m.Notes {
		if strings.HasPrefix(note, curvesName+": ") {
			r.Notes = append(r.Notes, note)
		}
	}
}
