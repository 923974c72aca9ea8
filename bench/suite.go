package bench

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/statelab/statelab/bench/host"
)

// A Suite runs workloads on backends, several times over.
type Suite struct {
	Backends  []Candidate
	Workloads []string
	Knobs     map[string]Knobs // by workload, as Tune returns them
	Reps      int
	Seed      uint64
	Dir       string // for results and, while they run, stores; must exist
	Resume    bool   // goes on with the suite that was interrupted in Dir; what it has results of is not run again
	Machine   host.Machine

	// CPUCache, if set, adds a pass that counts cache misses: jobs with Pass set
	// to that of its simulator, for Run to run by Count.
	CPUCache *CPUCache

	// Run runs a job, in a process of its own if memory and processor time are
	// to be told apart. An error of type *LimitError or *OutOfMemoryError
	// says that it is to run without a bound on memory, if its settings allow that.
	Run func(context.Context, Job) (Measurement, error)

	// Prepare, if there is one, is called before each run; it returns notes for
	// the result.
	Prepare func() []string

	// RetryDisturbed is how often a run that neighbours disturbed is repeated. The
	// least disturbed one counts.
	RetryDisturbed int

	Progress io.Writer

	references references
}

// A Candidate is a backend of a suite.
type Candidate struct {
	Spec     string
	Settings Settings // but for the knobs, which are the workload's
}

// An Outcome is what became of a suite's jobs, in the order they were run.
type Outcome struct {
	Results  []Result
	Failures []Failure
}

// A Failure is a run without numbers: it failed, or the oracle disagreed.
type Failure struct {
	Backend, Workload string
	Rep               int
	Err               error
}

// Plan returns the suite's jobs. From one repetition to the next, and from one
// workload to the next, the order of backends is rotated, so that no backend always
// has the machine as another left it.
func (s *Suite) Plan() []Job {
	var jobs []Job
	for rep := range s.Reps {
		for w, workload := range s.Workloads {
			for b := range s.Backends {
				candidate := s.Backends[(b+rep+w)%len(s.Backends)]
				jobs = append(jobs, s.job(candidate, workload, rep+1))
			}
		}
	}
	return append(jobs, s.planCounts()...)
}

// planCounts returns the jobs of the pass that counts, one for each workload
// and backend: counts repeat.
func (s *Suite) planCounts() []Job {
	if s.CPUCache == nil {
		return nil
	}
	var jobs []Job
	for _, workload := range s.Workloads {
		if w, err := OpenWorkload(workload); err == nil && w.special {
			continue
		}
		for _, candidate := range s.Backends {
			jobs = append(jobs, s.CPUCache.countedJob(s.job(candidate, workload, 1)))
		}
	}
	return jobs
}

func (s *Suite) job(c Candidate, workload string, rep int) Job {
	job := Job{Backend: c.Spec, Workload: workload, Rep: rep, Seed: s.Seed, Settings: c.Settings}
	job.Knobs = s.Knobs[workload]
	return job
}

// yardstick is what the runs of a workload are held against.
type yardstick struct {
	truth   Truth
	harness Metrics // of the run over the store that keeps nothing
}

// RunAll runs the plan. Each result is written to the results file as soon as it is there,
// under a name that ends in .part until the last. A run that
// fails does not end the suite; ctx does.
func (s *Suite) RunAll(ctx context.Context) (Outcome, error) {
	f, earlier, err := s.openPart()
	if err != nil {
		return Outcome{}, err
	}
	out, err := s.runPlan(ctx, earlier, f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return out, err
	}
	part := filepath.Join(s.Dir, PartFile)
	if len(out.Results) == 0 {
		return out, os.Remove(part)
	}
	return out, os.Rename(part, filepath.Join(s.Dir, ResultsFile))
}

// runPlan runs the jobs that earlier has no results of, and writes theirs to w.
func (s *Suite) runPlan(ctx context.Context, earlier []Result, w io.Writer) (Outcome, error) {
	out := Outcome{Results: earlier}
	yardsticks := map[string]yardstick{}
	s.references = recallReferences(earlier)
	pace := newPace()
	jobs := s.jobsLeft(earlier)
	if len(earlier) > 0 {
		s.progress("%d results are there already\n", len(earlier))
	}
	for i, job := range jobs {
		title := titleOf(job.Workload, job.Pass)
		y, known := yardsticks[title]
		if !known {
			var err error
			if y, err = s.measureYardstick(ctx, job); err != nil {
				return out, err
			}
			yardsticks[title] = y
		}
		left := ""
		if d, ok := pace.left(jobs[i:]); ok {
			left = ", " + roughly(d) + " left"
		}
		s.progress("[%d/%d%s] %s on %s%s ... ", i+1, len(jobs), left, title, job.Backend, s.repetition(job))
		start := time.Now()
		res, err := s.runUndisturbed(ctx, job, y)
		if err == nil {
			s.addCurves(ctx, job, y.truth, &res)
		}
		if ctx.Err() != nil {
			s.progress("stopped\n")
			return out, ctx.Err()
		}
		pace.add(job, time.Since(start))
		if err != nil {
			s.progress("FAILED\n      %v\n", err)
			out.Failures = append(out.Failures, Failure{job.Backend, title, job.Rep, err})
			continue
		}
		s.reportRun(&res)
		out.Results = append(out.Results, res)
		if err := WriteResult(w, &res); err != nil {
			return out, fmt.Errorf("write results: %w", err)
		}
	}
	return out, nil
}

// repetition says which of a job's repetitions it is, if there may be several.
func (s *Suite) repetition(job Job) string {
	if job.Pass != "" {
		return ""
	}
	return fmt.Sprintf(", repetition %d of %d", job.Rep, s.Reps)
}

// reportRun ends the line of progress that a run has begun.
func (s *Suite) reportRun(res *Result) {
	if n, ok := res.Metrics["cachegrind_instructions_per_event"]; ok {
		s.progress("%.0f instructions/event\n", n.Value)
		return
	}
	disturbed := ""
	if res.Disturbed() {
		disturbed = ", disturbed"
	}
	s.progress("%s events/s, %.1f s measured%s\n",
		humanFloat(res.Metrics["events_per_s"].Value), res.Metrics["elapsed_s"].Value, disturbed)
}

// measureYardstick computes a workload's truth and what the harness costs.
func (s *Suite) measureYardstick(ctx context.Context, job Job) (yardstick, error) {
	w, err := OpenWorkload(job.Workload)
	if err != nil {
		return yardstick{}, err
	}
	start := time.Now()
	truth, err := w.truthOf(ctx, job)
	if err != nil {
		return yardstick{}, err
	}
	y := yardstick{truth: truth}
	m, err := s.runInDir(ctx, job.harness())
	if err != nil {
		return y, fmt.Errorf("measure the harness: %w", err)
	}
	y.harness = m.Metrics
	s.progress("%s: oracle and harness done in %.1f s\n", titleOf(job.Workload, job.Pass), time.Since(start).Seconds())
	return y, nil
}

// runUndisturbed runs a job again while neighbours disturb it, as often as the
// suite allows, and returns the least disturbed result.
func (s *Suite) runUndisturbed(ctx context.Context, job Job, y yardstick) (Result, error) {
	var best Result
	least := math.Inf(1)
	for run := 0; ; run++ {
		res, err := s.runJob(ctx, job, y)
		if err != nil {
			return res, err
		}
		note, times := disturbance(res.Metrics)
		if note != "" {
			res.Notes = append(res.Notes, note)
		}
		if times < least {
			best, least = res, times
		}
		if least <= 1 || run == s.RetryDisturbed {
			if run > 0 {
				best.Notes = append(best.Notes, fmt.Sprintf("the least disturbed of %d runs", run+1))
			}
			return best, nil
		}
		s.progress("disturbed, again ... ")
	}
}

func (s *Suite) runJob(ctx context.Context, job Job, y yardstick) (Result, error) {
	m, err := s.measureJob(ctx, job.withoutCurves(), y)
	if err != nil {
		return Result{}, err
	}
	return Result{
		Backend: job.Backend, Workload: job.Workload, Rep: job.Rep, Pass: job.Pass, Seed: job.Seed,
		Machine: s.Machine, Settings: job.Settings, Metrics: m.Metrics,
		Notes: m.Notes, Curves: m.Curves, Timeline: m.Timeline,
	}, nil
}

// emitHarness adds what the harness alone has cost.
func (m Metrics) emitHarness(harness Metrics) {
	for name, as := range harnessMetrics {
		if v, ok := harness[name]; ok {
			m.set(as, v.Value)
		}
	}
}

// harnessMetrics says as what metrics of a run over the store that keeps nothing
// stand in the results of others.
var harnessMetrics = map[string]string{
	"cpu_us_per_event":                  "harness_us_per_event",
	"rss_peak_bytes":                    "harness_rss_bytes",
	"allocs_per_event":                  "harness_allocs_per_event",
	"cachegrind_instructions_per_event": "harness_instructions_per_event",
	"cachegrind_d1_misses_per_event":    "harness_d1_misses_per_event",
	"cachegrind_ll_misses_per_event":    "harness_ll_misses_per_event",
}

// runInDir gives a job a directory for its store, and removes it afterwards.
func (s *Suite) runInDir(ctx context.Context, job Job) (m Measurement, err error) {
	dir, err := os.MkdirTemp(s.Dir, storePrefix)
	if err != nil {
		return m, fmt.Errorf("make store directory: %w", err)
	}
	defer func() {
		if removeErr := os.RemoveAll(dir); err == nil && removeErr != nil {
			err = fmt.Errorf("remove store: %w", removeErr)
		}
	}()
	job.Dir = filepath.Join(dir, "db")
	var notes []string
	if s.Prepare != nil {
		notes = s.Prepare()
	}
	m, err = s.Run(ctx, job)
	m.Notes = append(notes, m.Notes...)
	return m, err
}

func (s *Suite) progress(format string, args ...any) {
	if s.Progress != nil {
		// Progress is for a person to look at; a terminal that is gone is no reason to stop.
		_, _ = fmt.Fprintf(s.Progress, format, args...)
	}
}
