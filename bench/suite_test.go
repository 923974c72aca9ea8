package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/statelab/statelab"
)

// smallSuite runs every workload in this process.
func smallSuite(t *testing.T, backends ...string) *Suite {
	t.Helper()
	s := &Suite{
		Knobs: map[string]Knobs{},
		Reps:  2, Seed: 7, Dir: t.TempDir(),
		Run: func(ctx context.Context, job Job) (Measurement, error) {
			return Execute(ctx, job, openMem)
		},
	}
	for _, b := range backends {
		s.Backends = append(s.Backends, Candidate{
			Spec:     b,
			Settings: Settings{Durability: "checkpoint", Compression: "default", Maintenance: "inline", SampleEvery: 1},
		})
	}
	for _, w := range Workloads() {
		job, _ := smallJob(t, w.Name)
		s.Workloads = append(s.Workloads, w.Name)
		s.Knobs[w.Name] = job.Knobs
	}
	return s
}

func TestASuiteRunsEveryBackendWorkloadAndRepetitionOnce(t *testing.T) {
	s := smallSuite(t, "a", "b")
	var progress bytes.Buffer
	s.Progress = &progress
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Failures) > 0 {
		t.Fatalf("error %v, failures %v", err, out.Failures)
	}
	for _, w := range s.Workloads {
		for _, b := range []string{"a", "b"} {
			for rep := 1; rep <= 2; rep++ {
				n := 0
				for _, r := range out.Results {
					if r.Workload == w && r.Backend == b && r.Rep == rep {
						n++
						for _, name := range []string{"harness_us_per_event", "harness_rss_bytes"} {
							if _, ok := r.Metrics[name]; !ok {
								t.Errorf("%s on %s has no %s", w, b, name)
							}
						}
					}
				}
				if n != 1 {
					t.Errorf("%s on %s, repetition %d: %d results", w, b, rep, n)
				}
			}
		}
	}
	loaded, err := LoadResults(s.Dir)
	if err != nil || !reflect.DeepEqual(loaded, out.Results) {
		t.Errorf("error %v, or the file holds other results", err)
	}
	entries, err := os.ReadDir(s.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v is left in the directory (error %v)", entries, err)
	}
	if !strings.Contains(progress.String(), fmt.Sprintf("[%d/%[1]d, ", 4*len(s.Workloads))) {
		t.Errorf("progress:\n%s", progress.String())
	}
}

func TestTheOrderOfBackendsRotates(t *testing.T) {
	s := &Suite{Backends: []Candidate{{Spec: "a"}, {Spec: "b"}, {Spec: "c", Settings: Settings{Memory: 5}}}, Workloads: []string{"J10", "reads"}, Reps: 2}
	var order []string
	for _, job := range s.Plan() {
		order = append(order, job.Backend)
		if (job.Backend == "c") != (job.Memory == 5) {
			t.Errorf("%s gets %d bytes of memory", job.Backend, job.Memory)
		}
	}
	if got := strings.Join(order, ""); got != "abc"+"bca"+"bca"+"cab" {
		t.Errorf("order %s", got)
	}
}

// One backend that is wrong and one that fails have no numbers; the others do.
func TestASuiteKeepsNoNumbersOfARunThatIsWrong(t *testing.T) {
	s := smallSuite(t, "good", "wrong", "broken")
	s.Reps = 1
	broken := errors.New("broken on purpose")
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		m, err := Execute(ctx, job, openMem)
		switch job.Backend {
		case "wrong":
			m.Checksum ^= 1
		case "broken":
			err = broken
		}
		return m, err
	}
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Results) != len(s.Workloads) || len(out.Failures) != 2*len(s.Workloads) {
		t.Fatalf("error %v, %d results, failures %v", err, len(out.Results), out.Failures)
	}
	for _, f := range out.Failures {
		if f.Backend == "broken" && !errors.Is(f.Err, broken) ||
			f.Backend == "wrong" && !strings.Contains(f.Err.Error(), "disagrees with the oracle: output checksum") {
			t.Errorf("failure %+v", f)
		}
	}
	loaded, err := LoadResults(s.Dir)
	if err != nil || len(loaded) != len(s.Workloads) || loaded[0].Backend != "good" {
		t.Errorf("error %v, results %+v", err, loaded)
	}
}

func TestASuiteWithoutAnyResultLeavesNoFile(t *testing.T) {
	s := smallSuite(t, "broken")
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		if job.Backend == Noop {
			return Execute(ctx, job, openMem)
		}
		return Measurement{}, errors.New("broken on purpose")
	}
	out, err := s.RunAll(context.Background())
	entries, readErr := os.ReadDir(s.Dir)
	if err != nil || readErr != nil || len(out.Failures) != 2*len(s.Workloads) || len(entries) != 0 {
		t.Errorf("errors %v and %v, failures %v, files %v", err, readErr, out.Failures, entries)
	}
}

// What was measured before an interruption is kept, under a name that says so.
func TestAnInterruptedSuiteKeepsWhatItHas(t *testing.T) {
	s := smallSuite(t, "a")
	ctx, cancel := context.WithCancel(context.Background())
	runs := 0
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		if job.Backend != Noop {
			if runs++; runs == 2 {
				cancel()
			}
		}
		return Execute(ctx, job, openMem)
	}
	if _, err := s.RunAll(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	results, err := LoadResults(filepath.Join(s.Dir, ResultsFile+".part"))
	if err != nil || len(results) != 1 {
		t.Errorf("error %v, %d results", err, len(results))
	}
	if _, err := LoadResults(s.Dir); err == nil {
		t.Error("a suite that was interrupted looks finished")
	}
}

// What is made of two parts, the first of them cut in the middle of a line, is what
// one suite makes.
func TestAnInterruptedSuiteCanBeResumed(t *testing.T) {
	s := smallSuite(t, "a", "b")
	ctx, cancel := context.WithCancel(context.Background())
	runs := map[string]int{}
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		if job.Backend != Noop {
			if len(runs) == 5 {
				cancel()
			} else {
				runs[fmt.Sprint(job.Workload, job.Backend, job.Rep)]++
			}
		}
		return Execute(ctx, job, openMem)
	}
	if _, err := s.RunAll(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	part := filepath.Join(s.Dir, PartFile)
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString(`{"backend":"a","workload":"J10","rep":`)
	if err := errors.Join(err, f.Close(), os.Mkdir(filepath.Join(s.Dir, "store-123"), 0o755)); err != nil {
		t.Fatal(err)
	}
	s.Resume = true
	s.Run = func(ctx context.Context, job Job) (Measurement, error) {
		if job.Backend != Noop {
			runs[fmt.Sprint(job.Workload, job.Backend, job.Rep)]++
		}
		return Execute(ctx, job, openMem)
	}
	out, err := s.RunAll(context.Background())
	if err != nil || len(out.Results) != 4*len(s.Workloads) || len(runs) != len(out.Results) {
		t.Fatalf("error %v, %d results, runs %v", err, len(out.Results), runs)
	}
	for run, n := range runs {
		if n != 1 {
			t.Errorf("%s was run %d times", run, n)
		}
	}
	loaded, err := LoadResults(s.Dir)
	if err != nil || !reflect.DeepEqual(loaded, out.Results) {
		t.Errorf("error %v, or the file holds other results", err)
	}
	if entries, err := os.ReadDir(s.Dir); err != nil || len(entries) != 1 {
		t.Errorf("error %v, and %v is left in the directory", err, entries)
	}
}

// A suite goes on only as it began.
func TestASuiteIsNotResumedAsAnother(t *testing.T) {
	for want, change := range map[string]func(*Suite){
		"was measured on a machine that differs in kernel":                                  func(s *Suite) { s.Machine.Kernel = "7" },
		"was measured by another program: its commit or Go version differs":                 func(s *Suite) { s.Machine.Commit = "1" },
		"J1s on a, repetition 1, of the interrupted suite is not what this suite would run": func(s *Suite) { s.Seed++ },
		"repetition 1, of the interrupted suite is not what this suite":                     func(s *Suite) { s.Backends[0].Settings.Durability = "always" },
	} {
		s := smallSuite(t, "a")
		ctx, cancel := context.WithCancel(context.Background())
		s.Run = func(ctx context.Context, job Job) (Measurement, error) {
			if job.Workload == "J10" {
				cancel()
			}
			return Execute(ctx, job, openMem)
		}
		if _, err := s.RunAll(ctx); !errors.Is(err, context.Canceled) {
			t.Fatalf("error %v", err)
		}
		before, err := os.ReadFile(filepath.Join(s.Dir, PartFile))
		if err != nil {
			t.Fatal(err)
		}
		s.Resume = true
		change(s)
		var mismatch *MismatchError
		if _, err := s.RunAll(context.Background()); !errors.As(err, &mismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, not %s", err, want)
		}
		after, err := os.ReadFile(filepath.Join(s.Dir, PartFile))
		if err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: error %v, or the results so far have changed", want, err)
		}
	}
	s := smallSuite(t, "a")
	s.Resume = true
	var format *FormatError
	if _, err := s.RunAll(context.Background()); !errors.As(err, &format) || !strings.HasSuffix(err.Error(), "results.jsonl.part: no such file") {
		t.Errorf("nothing to resume: error %v", err)
	}
}

func TestTheHarnessIsMeasuredOverAStoreThatKeepsNothing(t *testing.T) {
	s := new(noopStore)
	var b statelab.Batch
	b.Put([]byte("k"), []byte("v"), statelab.NoExpiry)
	if err := s.Apply(&b); err != nil || s.Stats().Ops != 1 {
		t.Fatalf("error %v, %d operations", err, s.Stats().Ops)
	}
	if v, err := s.Get([]byte("x"), []byte("k")); !errors.Is(err, statelab.ErrNotFound) || string(v) != "x" {
		t.Errorf("Get returns %q, %v", v, err)
	}
}

func TestSettingsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"live":           `setting "live" is not of the form knob=value or workload.knob=value`,
		"live=many":      `setting "live=many": "many" is not a number`,
		"lives=1":        `unknown knob "lives"; one of live, `,
		"live=0":         "workload J1s: live is 0, not within 1 and 1e+09",
		"live=1.5":       "workload J1s: live is 1.5, not a whole number",
		"live=700000000": "workload J1s: live=700000000 within window_s=600 is more than one a microsecond",
		"live=NaN":       "workload J1s: live is NaN, not within",
		"J10.live=0":     "workload J10: live is 0, not within",
		"J2.live=5":      "setting J2.live is for a workload that is not run",
		"reads.live=":    `setting "reads.live=": "" is not a number`,
		"reads.live=5":   `unknown knob "live"; one of records, `,
	} {
		set, err := ParseSetting(text)
		if err == nil {
			_, err = Tune(Workloads(), []Setting{set})
		}
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: error %v, not %s", text, err, want)
		}
	}
}

func TestSettingsReachTheWorkloadsTheyName(t *testing.T) {
	var settings []Setting
	for _, text := range []string{"live=5", "J10.live=6", "value_bytes=9"} {
		set, err := ParseSetting(text)
		if err != nil {
			t.Fatal(err)
		}
		settings = append(settings, set)
	}
	tuned, err := Tune(Workloads(), settings)
	if err != nil {
		t.Fatal(err)
	}
	if tuned["J1s"]["live"] != 5 || tuned["J10"]["live"] != 6 || tuned["J1s"]["value_bytes"] != 9 || tuned["reads"]["value_bytes"] != 9 ||
		tuned["J1s"]["window_s"] != 600 {
		t.Errorf("knobs %v", tuned)
	}
	if Workloads()[0].Defaults()["live"] == 5 {
		t.Error("a setting changed the catalogue")
	}
}

func TestUnknownWorkloadsAreNamed(t *testing.T) {
	if _, err := FindWorkload("J99"); err == nil || err.Error() != `unknown workload "J99"; one of J1s, J10, hot, reads, churn, J1, J2, J3, J4, J5, J6, J7, J8, J9, J9-day, J9-three, J10-last, J11, J11-long, J12, B, ycsb-a, ycsb-b, ycsb-c, ycsb-d, ycsb-e, ycsb-f, fillseq, fillrandom, overwrite, readrandom, readmissing, seekrandom, puts, recovery` {
		t.Errorf("error %v", err)
	}
}
