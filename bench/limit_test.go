package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestTheAutomaticLimitIsBudgetHarnessAndSlack(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct {
		limit, memory, want int64
		harness             float64
		note                string
	}{
		{0, 32 * mib, 0, 20 * mib, ""},
		{7 * mib, 0, 7 * mib, 0, ""},
		{AutoLimit, 32 * mib, 84 * mib, 20 * mib, ""},
		{AutoLimit, 32 * mib, 85 * mib, 20*mib + 1, ""},
		{AutoLimit, 0, 0, 20 * mib, "memory unbounded: the backend has no budget"},
		{AutoLimit, 32 * mib, 0, 0, "memory unbounded: what the harness holds is not known"},
	} {
		s := Settings{Memory: c.memory, MemoryLimit: c.limit}
		if got, note := s.limit(c.harness); got != c.want || note != c.note {
			t.Errorf("%+v: %d, %q", c, got, note)
		}
	}
}

// boundedSuite runs one workload on one backend with a budget; its runs answer
// with fail for a limit.
func boundedSuite(t *testing.T, limit int64, fail func(limit int64) error) *Suite {
	s := smallSuite(t, "a")
	s.Workloads, s.Reps = []string{"J10"}, 1
	s.Backends[0].Settings.Memory, s.Backends[0].Settings.MemoryLimit = 1<<20, limit
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		if job.Backend == Noop && job.Limit != 0 {
			t.Error("the harness alone is bounded")
		}
		if job.Backend != Noop {
			if err := fail(job.Limit); err != nil {
				return Measurement{}, err
			}
		}
		m, err := Execute(ctx, job, openMem)
		m.Metrics.set("rss_peak_bytes", 1<<20) // as every system should tell
		delete(m.Metrics, "others_cpu_ratio")
		delete(m.Metrics, "steal_ratio")
		return m, err
	}
	return s
}

func TestARunThatCannotBeBoundedSaysSo(t *testing.T) {
	for _, c := range []struct {
		what  string
		limit int64
		fail  func(limit int64) error
		note  string // of the result
		err   string // of the failure, if there is one instead
	}{
		{"bounded", AutoLimit, func(limit int64) error {
			if limit != 1<<20+1<<20+limitSlack {
				t.Errorf("the limit is %d", limit)
			}
			return nil
		}, "", ""},
		{"not permitted", AutoLimit, refuse(&LimitError{"no right"}), "memory unbounded: no right", ""},
		{"not permitted, size given", 1 << 30, refuse(&LimitError{"no right"}), "memory unbounded: no right", ""},
		{"too big", AutoLimit, refuse(&OutOfMemoryError{96 << 20}), "memory unbounded: the run does not fit 96.0 MiB", ""},
		{"too big for the size given", 1 << 30, refuse(&OutOfMemoryError{1 << 30}), "", "it needs more memory than the 1.00 GiB it may hold, page cache included"},
		{"broken", AutoLimit, refuse(errors.New("broken")), "", "broken"},
	} {
		s := boundedSuite(t, c.limit, c.fail)
		out, err := s.RunAll(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case c.err != "":
			if len(out.Failures) != 1 || out.Failures[0].Err.Error() != c.err {
				t.Errorf("%s: outcome %+v", c.what, out)
			}
		case len(out.Results) != 1:
			t.Errorf("%s: outcome %+v", c.what, out)
		case c.note == "" && len(out.Results[0].Notes) > 0, c.note != "" && !slices.Equal(out.Results[0].Notes, []string{c.note}):
			t.Errorf("%s: notes %q", c.what, out.Results[0].Notes)
		}
	}
}

// refuse returns what fails with err if there is a limit.
func refuse(err error) func(int64) error {
	return func(limit int64) error {
		if limit > 0 {
			return err
		}
		return nil
	}
}

// A run that was disturbed is repeated; the least disturbed one counts, and says
// that there were others.
func TestADisturbedRunIsRepeated(t *testing.T) {
	for _, c := range []struct {
		retries int
		others  []float64 // what others use in each run
		runs    int
		kept    float64
		notes   string
	}{
		{0, []float64{0.5}, 1, 0.5, "disturbed: other processes used 50.0% of the processors (more than 10.0%)"},
		{2, []float64{0.05}, 1, 0.05, ""},
		{2, []float64{0.5, 0.05}, 2, 0.05, "the least disturbed of 2 runs"},
		{2, []float64{0.5, 0.2, 0.3}, 3, 0.2, "disturbed: other processes used 20.0% of the processors (more than 10.0%); the least disturbed of 3 runs"},
	} {
		runs := 0
		s := boundedSuite(t, 0, func(int64) error { return nil })
		inner := s.Run
		s.RetryDisturbed = c.retries
		s.Run = func(ctx context.Context, job Job) (Measurement, error) {
			m, err := inner(ctx, job)
			if job.Backend != Noop {
				m.Metrics.set("others_cpu_ratio", c.others[runs])
				runs++
			}
			return m, err
		}
		out, err := s.RunAll(context.Background())
		if err != nil || len(out.Results) != 1 {
			t.Fatalf("error %v, outcome %+v", err, out)
		}
		res := out.Results[0]
		if notes := strings.Join(res.Notes, "; "); runs != c.runs || res.Metrics["others_cpu_ratio"].Value != c.kept || notes != c.notes {
			t.Errorf("%+v: %d runs, %v kept, notes %q", c, runs, res.Metrics["others_cpu_ratio"].Value, notes)
		}
	}
}

func TestWhatPreparesARunLeavesItsNotes(t *testing.T) {
	s := boundedSuite(t, 0, func(int64) error { return nil })
	prepared := 0
	s.Prepare = func() []string { prepared++; return []string{"page cache not dropped: not asked"} }
	out, err := s.RunAll(context.Background())
	if err != nil || prepared != 2 || len(out.Results) != 1 || !slices.Equal(out.Results[0].Notes, []string{"page cache not dropped: not asked"}) {
		t.Errorf("error %v, prepared %d times for harness and run, outcome %+v", err, prepared, out)
	}
}
