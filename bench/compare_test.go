package bench

import (
	"errors"
	"math"
	"slices"
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
	ten, four := []float64{9.9, 10, 10, 10.1}, []float64{1, 1, 1, 1.06}
	for _, c := range []struct {
		what, metric string
		a, b         []float64
		worse        float64
		verdict      string
		regression   bool
	}{
		{"cost up", "cpu_us_per_event", ten, []float64{12, 12, 13, 13}, 25, "REGRESSION", true},
		{"cost up within the threshold", "cpu_us_per_event", ten, []float64{10.5, 10.5, 10.5, 10.5}, 5, "worse", false},
		{"cost down", "cpu_us_per_event", ten, []float64{5, 5, 5, 5}, -50, "better", false},
		{"cost up, by chance", "cpu_us_per_event", ten, []float64{9, 12, 13, 13}, 25, "within noise, past 10.0%", false},
		{"rate down", "events_per_s", []float64{100, 100, 100, 100}, []float64{50, 50, 50, 50}, 100, "REGRESSION", true},
		{"rate up", "events_per_s", []float64{100, 100, 100, 100}, []float64{200, 200, 200, 200}, -50, "better", false},
		{"ranges overlap", "write_amp_engine", four, []float64{1.05, 1.05, 1.05, 1.05}, 5, "within noise", false},
		{"few repetitions", "write_amp_engine", []float64{1, 1.01, 1}, []float64{1.05, 1.05, 1.05}, 5, "worse?", false},
		{"few repetitions, past the threshold", "cpu_us_per_event", []float64{10}, []float64{20}, 100, "worse?, past 10.0%", false},
		{"a counter, twice", "write_amp_engine", []float64{1, 1}, []float64{1.5, 1.5}, 50, "REGRESSION", true},
		{"a counter, once", "write_amp_engine", []float64{1}, []float64{1.5}, 50, "worse?, past 10.0%", false},
		{"nothing changed", "write_amp_engine", []float64{1}, []float64{1}, 0, "same", false},
		{"from nothing", "write_amp_engine", []float64{0, 0}, []float64{1, 1}, math.Inf(1), "REGRESSION", true},
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
		if math.Abs(ch.Worse-c.worse) > 1e-9 || ch.Verdict() != c.verdict || cmp.Regressed() != c.regression {
			t.Errorf("%s: worse by %v, verdict %q, regression %v", c.what, ch.Worse, ch.Verdict(), cmp.Regressed())
		}
	}
}

// With inline maintenance one run of an engine's counters is as good as ten.
func TestInlineCountersNeedNoRepetition(t *testing.T) {
	a, b := measured("write_amp_engine", 1), measured("write_amp_engine", 1.5)
	a[0].Settings.Maintenance, b[0].Settings.Maintenance = "inline", "inline"
	cmp, err := Compare(a, b, CompareOptions{Threshold: 10})
	if err != nil || !cmp.Regressed() || !cmp.Changes[0].Test.Exact {
		t.Errorf("error %v, comparison %+v", err, cmp)
	}
	a, b = measured("rss_bytes", 1), measured("rss_bytes", 2)
	a[0].Settings.Maintenance, b[0].Settings.Maintenance = "inline", "inline"
	cmp, err = Compare(a, b, CompareOptions{Threshold: 10, Judged: []string{"rss_bytes"}})
	if err != nil || cmp.Regressed() {
		t.Errorf("error %v, or what the collector has left is taken for exact", err)
	}
}

func TestWithoutAThresholdNothingIsARegression(t *testing.T) {
	cmp, err := Compare(measured("write_amp_engine", 1, 1), measured("write_amp_engine", 99, 99), CompareOptions{Threshold: -1})
	if err != nil || cmp.Regressed() {
		t.Errorf("error %v, regressed %v", err, cmp.Regressed())
	}
}

func TestJudgedMetricsCanBeNamed(t *testing.T) {
	o := CompareOptions{Threshold: 0, Judged: []string{"disk_bytes"}}
	cmp, err := Compare(measured("disk_bytes", 1, 1), measured("disk_bytes", 2, 2), o)
	if err != nil || !cmp.Regressed() {
		t.Errorf("error %v, or a judged metric does not count", err)
	}
	cmp, err = Compare(measured("write_amp_engine", 1, 1), measured("write_amp_engine", 2, 2), o)
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
		"the settings differ in watch: none and counters":                 func(r *Result) { r.Settings.Watch = []string{"counters"} },
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

func TestAMetricCanHaveAThresholdOfItsOwn(t *testing.T) {
	for _, c := range []struct {
		o    CompareOptions
		want bool
	}{
		{CompareOptions{Threshold: -1, Thresholds: map[string]float64{"disk_bytes": 1}}, true},
		{CompareOptions{Threshold: -1, Thresholds: map[string]float64{"disk_bytes": 7}}, false},
		{CompareOptions{Threshold: -1, Thresholds: map[string]float64{"rss_bytes": 1}}, false},
		{CompareOptions{Threshold: 1, Judged: []string{"disk_bytes"}, Thresholds: map[string]float64{"disk_bytes": 7}}, false},
	} {
		cmp, err := Compare(measured("disk_bytes", 100, 100), measured("disk_bytes", 105, 105), c.o)
		if err != nil || cmp.Regressed() != c.want {
			t.Errorf("%+v: error %v, regressed %v", c.o, err, cmp.Regressed())
		}
	}
}

// A page cache that nothing bounds is memory that the other side does not have.
func TestCompareRefusesBoundedWithUnboundedMemory(t *testing.T) {
	a, b := measured("rss_bytes", 1, 2), measured("rss_bytes", 1, 2)
	for i := range a {
		a[i].Metrics.set("memory_limit_bytes", 64<<20+float64(i))
	}
	var mismatch *MismatchError
	if _, err := Compare(a, b, CompareOptions{}); !errors.As(err, &mismatch) || !mismatch.Forceable ||
		err.Error() != "J1s on lsm?compaction=window: a control group bounded the memory of all of the first's runs and of none of the second's" {
		t.Errorf("error %v", err)
	}
	if cmp, err := Compare(a, b, CompareOptions{Force: true}); err != nil || len(cmp.Warnings) != 1 {
		t.Errorf("forced: error %v, %+v", err, cmp)
	}
	if _, err := Compare(a, a, CompareOptions{}); err != nil {
		t.Errorf("limits that differ by a page: %v", err)
	}
}

func TestCompareWarnsOfDisturbedRuns(t *testing.T) {
	a, b := measured("rss_bytes", 1, 2), measured("rss_bytes", 1, 2)
	b[1].Notes = []string{"disturbed: other processes used 50.0% of the processors (more than 10.0%)"}
	cmp, err := Compare(a, b, CompareOptions{})
	want := "J1s on lsm?compaction=window in the second result: neighbours disturbed 1 of 2 repetitions"
	if err != nil || len(cmp.Warnings) != 1 || cmp.Warnings[0] != want {
		t.Errorf("error %v, warnings %q", err, cmp.Warnings)
	}
}

// repeated returns five repetitions of one workload on three backends; the
// third has no budget.
func repeated() []Result {
	var results []Result
	for rep := 1; rep <= 5; rep++ {
		for b, backend := range []string{"lsm", "btree", "skiplist"} {
			r := canned()[0]
			r.Backend, r.Rep = backend, rep
			if backend == "skiplist" {
				r.Settings.Memory = 0
			}
			x := float64(rep) / 100
			r.Metrics = Metrics{}
			r.Metrics.set("elapsed_s", 5+x)
			r.Metrics.set("cpu_us_per_event", []float64{20, 20.02, 12}[b]*(1+x))
			r.Metrics.set("events_per_s", []float64{50_000, 45_000, 90_000}[b]*(1-x))
			r.Metrics.set("write_amp_engine", []float64{2.6, 7.5, 1.3}[b])
			r.Metrics.set("output_checksum", 0xabcdef)
			results = append(results, r)
		}
	}
	return results
}

func TestBackendsAreComparedWithOneOfThem(t *testing.T) {
	cmp, err := CompareBackends(repeated(), "lsm", CompareOptions{Threshold: 5, Thresholds: map[string]float64{"write_amp_engine": 1}})
	if err != nil {
		t.Fatal(err)
	}
	verdicts := map[string]string{}
	for _, ch := range cmp.Changes {
		verdicts[ch.Backend+" "+ch.Metric.Name] = ch.Verdict()
	}
	for what, want := range map[string]string{
		"btree cpu_us_per_event": "within noise", "btree events_per_s": "REGRESSION", "btree write_amp_engine": "REGRESSION",
		"skiplist cpu_us_per_event": "better", "skiplist write_amp_engine": "better",
	} {
		if verdicts[what] != want {
			t.Errorf("%s: %q, not %q", what, verdicts[what], want)
		}
	}
	want := "J1s on lsm and on skiplist: the budgets differ: 32.0 MiB and the engine's default"
	if len(cmp.Warnings) != 1 || cmp.Warnings[0] != want {
		t.Errorf("warnings %q", cmp.Warnings)
	}
}

func TestBackendsThatWereNotRunAlikeAreRefused(t *testing.T) {
	var mismatch *MismatchError
	for want, change := range map[string]func(*Result){
		"the settings differ in durability: checkpoint and always": func(r *Result) { r.Settings.Durability = "always" },
		"the settings differ in watch: none and device":            func(r *Result) { r.Settings.Watch = []string{"device"} },
		"the machines differ in kernel":                            func(r *Result) { r.Machine.Kernel = "7" },
		"the outputs differ":                                       func(r *Result) { r.Metrics.set("output_checksum", 7) },
	} {
		results := repeated()
		for i := range results {
			if results[i].Backend == "btree" {
				change(&results[i])
			}
		}
		_, err := CompareBackends(results, "lsm", CompareOptions{})
		if !errors.As(err, &mismatch) || !strings.HasPrefix(err.Error(), "J1s on lsm and on btree: "+want) {
			t.Errorf("error %v, not %s", err, want)
		}
		if cmp, err := CompareBackends(results, "lsm", CompareOptions{Force: true}); err != nil || len(cmp.Warnings) != 2 {
			t.Errorf("forced: error %v, %+v", err, cmp)
		}
	}
	if _, err := CompareBackends(repeated(), "peer", CompareOptions{}); !errors.As(err, &mismatch) || mismatch.Forceable {
		t.Errorf("without the baseline: error %v", err)
	}
	twice := slices.Concat(repeated(), repeated())
	if _, err := CompareBackends(twice, "lsm", CompareOptions{}); !errors.As(err, &mismatch) ||
		err.Error() != "J1s on lsm, repetition 1, is given twice" {
		t.Errorf("a run that stands twice: error %v", err)
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
	goldens.Compare(t, "compare.txt", []byte(cmp.Text()))
	checkWidth(t, cmp.Text())
}

func TestComparisonsOfBackendsAreRendered(t *testing.T) {
	cmp, err := CompareBackends(repeated(), "lsm", CompareOptions{Threshold: 5})
	if err != nil {
		t.Fatal(err)
	}
	goldens.Compare(t, "compare_backends.txt", []byte(cmp.Text()))
	checkWidth(t, cmp.Text())
	text, err := cmp.CSV()
	if err != nil {
		t.Fatal(err)
	}
	goldens.Compare(t, "compare_backends.csv", text)
	if text, err = cmp.JSON(); err != nil {
		t.Fatal(err)
	}
	goldens.Compare(t, "compare_backends.json", text)
}

// What JSON and CSV cannot hold, such as an interval of two values, is absent.
func TestWhatIsNotKnownIsAbsentFromFiles(t *testing.T) {
	cmp, err := Compare(measured("disk_bytes", 0, 0), measured("disk_bytes", 3, 4), CompareOptions{Judged: []string{"disk_bytes"}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := cmp.JSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ratio", "low", "high", "ratio_low", "worse_percent"} {
		if strings.Contains(string(text), `"`+name+`"`) {
			t.Errorf("%s stands in\n%s", name, text)
		}
	}
	if text, err = cmp.CSV(); err != nil || !strings.Contains(string(text), ",2,0,,,2,3.5,,,,,,") {
		t.Errorf("error %v\n%s", err, text)
	}
}
