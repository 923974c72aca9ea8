package bench

import (
	"errors"
	"math"
	"strings"
	"testing"
)

// measured returns repetitions of one workload on one backend with these values of a metric.
func measured(metric string, values ...float64) []Result {
	var results []Result
	for i, v := range values {
		r := canned()[0]
		r.Rep = i + 1
		r.Metrics = Metrics{}
		r.Metrics.set(metric, v)
		results = append(results, r)
	}
	return results
}

func TestCompareTellsWhichWayAMetricWent(t *testing.T) {
	for _, c := range []struct {
		what, metric string
		a, b         []float64
		worse        float64
		verdict      string
		regression   bool
	}{
		{"cost up", "cpu_us_per_event", []float64{10, 10, 10, 10}, []float64{12, 12, 13, 13}, 25, "REGRESSION", true},
		{"cost up within the threshold", "cpu_us_per_event", []float64{10, 10, 10, 10}, []float64{10.5, 10.5, 10.5, 10.5}, 5, "worse", false},
		{"cost down", "cpu_us_per_event", []float64{10, 10, 10, 10}, []float64{5, 5, 5, 5}, -50, "better", false},
		{"rate down", "events_per_s", []float64{100, 100, 100, 100}, []float64{50, 50, 50, 50}, 100, "REGRESSION", true},
		{"rate up", "events_per_s", []float64{100, 100, 100, 100}, []float64{200, 200, 200, 200}, -50, "better", false},
		{"ranges overlap", "write_amp_engine", []float64{1, 1, 1, 1.06}, []float64{1.05, 1.05, 1.05, 1.05}, 5, "within noise", false},
		{"few repetitions", "write_amp_engine", []float64{1, 1, 1}, []float64{1.05, 1.05, 1.05, 1.05}, 5, "worse?", false},
		{"nothing changed", "write_amp_engine", []float64{1}, []float64{1}, 0, "same", false},
		{"from nothing", "write_amp_engine", []float64{0}, []float64{1}, math.Inf(1), "REGRESSION", true},
		{"not judged", "get_p99_us", []float64{10}, []float64{1000}, 9900, "worse?", false},
	} {
		cmp, err := Compare(measured(c.metric, c.a...), measured(c.metric, c.b...), CompareOptions{Threshold: 10})
		if err != nil {
			t.Fatal(err)
		}
		if len(cmp.Changes) != 1 {
			t.Fatalf("%s: changes %+v", c.what, cmp.Changes)
		}
		ch := cmp.Changes[0]
		if math.Abs(ch.Worse-c.worse) > 1e-9 || ch.verdict() != c.verdict || cmp.Regressed() != c.regression {
			t.Errorf("%s: worse by %v, verdict %q, regression %v", c.what, ch.Worse, ch.verdict(), cmp.Regressed())
		}
	}
}

func TestWithoutAThresholdNothingIsARegression(t *testing.T) {
	cmp, err := Compare(measured("cpu_us_per_event", 1), measured("cpu_us_per_event", 99), CompareOptions{Threshold: -1})
	if err != nil || cmp.Regressed() {
		t.Errorf("error %v, regressed %v", err, cmp.Regressed())
	}
}

func TestJudgedMetricsCanBeNamed(t *testing.T) {
	o := CompareOptions{Threshold: 0, Judged: []string{"disk_bytes"}}
	cmp, err := Compare(measured("disk_bytes", 1), measured("disk_bytes", 2), o)
	if err != nil || !cmp.Regressed() {
		t.Errorf("error %v, or a judged metric does not count", err)
	}
	cmp, err = Compare(measured("cpu_us_per_event", 1), measured("cpu_us_per_event", 2), o)
	if err != nil || cmp.Regressed() {
		t.Errorf("error %v, or a metric counts that is not judged", err)
	}
}

// Figures of different machines, seeds, settings or outputs are not about the program.
func TestCompareRefusesWhatIsNotComparable(t *testing.T) {
	for want, change := range map[string]func(*Result){
		"the machines differ in cpu":                               func(r *Result) { r.Machine.CPU = "other" },
		"the machines differ in cores":                             func(r *Result) { r.Machine.Cores++ },
		"the machines differ in memory":                            func(r *Result) { r.Machine.Memory *= 2 },
		"the machines differ in os or architecture":                func(r *Result) { r.Machine.Arch = "arm64" },
		"the machines differ in kernel":                            func(r *Result) { r.Machine.Kernel = "7" },
		"the machines differ in file system":                       func(r *Result) { r.Machine.FS = "tmpfs" },
		"the seeds differ: 1 and 2":                                func(r *Result) { r.Seed = 2 },
		"the settings differ in memory_bytes: 33554432 and 0":      func(r *Result) { r.Settings.Memory = 0 },
		"the settings differ in durability: checkpoint and always": func(r *Result) { r.Settings.Durability = "always" },
		"the settings differ in compression: default and none":     func(r *Result) { r.Settings.Compression = "none" },
		"the settings differ in maintenance: background and inline": func(r *Result) {
			r.Settings.Maintenance = "inline"
		},
		"the settings differ in memory_limit_bytes: none and auto":        func(r *Result) { r.Settings.MemoryLimit = AutoLimit },
		"the settings differ in watch:  and counters":                     func(r *Result) { r.Settings.Watch = []string{"counters"} },
		"the settings differ in sample_every: 1 and 8":                    func(r *Result) { r.Settings.SampleEvery = 8 },
		"the settings differ in knob live: 60000 and 5":                   func(r *Result) { r.Settings.Knobs = Knobs{"live": 5, "window_s": 600, "acted_share": 0.2} },
		"the settings differ in knob window_s, which only one has":        func(r *Result) { r.Settings.Knobs = Knobs{"live": 60000, "acted_share": 0.2} },
		"the outputs differ: checksums 0000abcdef0123 and 00000000000007": func(r *Result) { r.Metrics.set("output_checksum", 7) },
	} {
		a, b := canned()[:1], canned()[:1]
		change(&b[0])
		_, err := Compare(a, b, CompareOptions{})
		var mismatch *MismatchError
		if !errors.As(err, &mismatch) || err.Error() != "J1s on lsm?compaction=window: "+want {
			t.Errorf("error %v, not %s", err, want)
			continue
		}
		cmp, err := Compare(a, b, CompareOptions{Force: true})
		if err != nil || len(cmp.Warnings) != 1 || len(cmp.Changes) == 0 {
			t.Errorf("forced: error %v, %+v", err, cmp)
		}
		if _, err := Compare(append(canned()[:1], b...), a, CompareOptions{Force: true}); !errors.As(err, &mismatch) {
			t.Errorf("repetitions that differ among themselves (%s) are taken together: %v", want, err)
		}
	}
	same := canned()
	same[0].Machine.Commit, same[0].Machine.Go = "another", "go2"
	if _, err := Compare(canned()[:1], same[:1], CompareOptions{}); err != nil {
		t.Errorf("another commit and Go version are what one compares, and yet: %v", err)
	}
}

func TestCompareSaysWhatOnlyOneHas(t *testing.T) {
	all := canned()
	cmp, err := Compare(all, all[1:2], CompareOptions{})
	if err != nil || len(cmp.Warnings) != 3 {
		t.Errorf("error %v, warnings %q", err, cmp.Warnings)
	}
	cmp, err = Compare(all[1:2], all, CompareOptions{})
	if err != nil || len(cmp.Warnings) != 3 {
		t.Errorf("error %v, warnings %q", err, cmp.Warnings)
	}
	if _, err := Compare(all[:1], all[1:2], CompareOptions{}); err == nil || !strings.Contains(err.Error(), "in common") {
		t.Errorf("results that have nothing in common: %v", err)
	}
}

func TestComparisonText(t *testing.T) {
	b := canned()
	for i := range b {
		b[i].Metrics.set("cpu_us_per_event", b[i].Metrics["cpu_us_per_event"].Value*1.2)
		b[i].Metrics.set("get_p99_us", b[i].Metrics["get_p99_us"].Value*0.9)
	}
	cmp, err := Compare(canned(), b[:6], CompareOptions{Threshold: 10})
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.txt", []byte(cmp.Text()))
}
