package report

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab/bench"
)

// race returns an experiment in which contenders a, b, c ... have these values of a metric.
func race(metric string, values ...[]float64) *experiment {
	var results []bench.Result
	for i, v := range values {
		for rep, x := range v {
			results = append(results, bench.Result{Backend: string(rune('a' + i)), Workload: "w", Rep: rep + 1,
				Metrics: bench.Metrics{metric: {Value: x}}})
		}
	}
	return &makeExperiments(results)[0]
}

func TestVerdicts(t *testing.T) {
	four := func(x float64) []float64 { return []float64{x, 1.01 * x, 1.02 * x, 1.03 * x} }
	for _, c := range []struct {
		metric string
		values [][]float64
		want   string // leaders, then ? if there are too few repetitions
	}{
		{"cpu_us_per_event", [][]float64{four(2), four(1), four(3)}, "b"},
		{"events_per_s", [][]float64{four(2), four(1), four(3)}, "c"},
		{"cpu_us_per_event", [][]float64{four(2), four(2.02)}, "a and b"},
		{"cpu_us_per_event", [][]float64{four(2), {1, 1.8, 1.9, 3}, four(9)}, "b and a"},
		{"cpu_us_per_event", [][]float64{{5}, {4}}, "b ?"},
		{"cpu_us_per_event", [][]float64{four(5), {4, 4, 4}}, "b ?"},
		{"write_amp_engine", [][]float64{{1.000, 1.000, 1.000, 1.000}, {1.01, 1.01, 1.01, 1.01}}, "a and b"},
		{"write_amp_engine", [][]float64{{1, 1, 1, 1}, {1.03, 1.03, 1.03, 1.03}}, "a"},
		{"stall_us", [][]float64{{0, 0, 0, 0}, {7, 7, 7, 7}}, "a"},
	} {
		v, ok := judge(race(c.metric, c.values...), c.metric)
		got := v.leaderNames()
		if !v.isSure() {
			got += " ?"
		}
		if !ok || got != c.want {
			t.Errorf("%s of %v: %s, want %s", c.metric, c.values, got, c.want)
		}
		// Words must not trip over any of these.
		if text := v.words(criteria()[0]); !strings.Contains(text, "a") || strings.Contains(text, "%!") {
			t.Errorf("%s of %v: %s", c.metric, c.values, text)
		}
	}
	if _, ok := judge(race("cpu_us_per_event", []float64{1}), "cpu_us_per_event"); ok {
		t.Error("a race of one has a winner")
	}
	if _, ok := judge(race("events", []float64{1}, []float64{2}), "events"); ok {
		t.Error("a metric that judges nothing has a winner")
	}
}

func TestWordsNameTheRatioToTheNextAndToTheLast(t *testing.T) {
	v, _ := judge(race("cpu_us_per_event", []float64{2}, []float64{4}, []float64{5}), "cpu_us_per_event")
	want := "a needs least, 2.00 µs an event; b, the next, needs 2.00 times as much (4.00 µs). c needs most, 2.50 times as much (5.00 µs)."
	if got := strings.ReplaceAll(v.words(criteria()[0]), "\u00a0", " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	v, _ = judge(race("cpu_us_per_event", []float64{2}, []float64{2}, []float64{5}), "cpu_us_per_event")
	want = "No clear winner: a and b cannot be told apart (2.00 µs and 2.00 µs). c needs most, 2.50 times as much (5.00 µs)."
	if got := strings.ReplaceAll(v.words(criteria()[0]), "\u00a0", " "); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

// A store that writes nothing is not the one that writes least.
func TestWhoWritesNothingDoesNotWin(t *testing.T) {
	v, ok := judge(race("write_amp_engine", []float64{0}, []float64{2}, []float64{1}), "write_amp_engine")
	text := strings.ReplaceAll(v.words(criteria()[1]), "\u00a0", " ")
	if want := "c writes least, 1.00 for each logical byte; b, the next, writes 2.00 times as much (2.00). " +
		"Nothing was written by a, of which nothing would survive a crash."; !ok || text != want {
		t.Errorf("%s", text)
	}
	if _, ok := judge(race("write_amp_engine", []float64{0}, []float64{2}), "write_amp_engine"); ok {
		t.Error("a race of one has a winner")
	}
}

func TestIntervals(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   string
	}{
		{[]float64{5}, "5 5"},
		{[]float64{7, 5, 6}, "5 7"},
		{[]float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 100}, "2 9"}, // the binomial law leaves out one at each end
	} {
		lo, hi, ok := interval(&race("cpu_us_per_event", c.values).contenders[0].Group, "cpu_us_per_event")
		if got := fmt.Sprint(lo, hi); !ok || got != c.want {
			t.Errorf("%v: %s, want %s", c.values, got, c.want)
		}
	}
}

func TestResultsOfOneSpecAreToldApartByWhatDiffers(t *testing.T) {
	results := sample(2, 1)[:2]
	more := sample(2, 1)[:2]
	more[0].Settings.Memory = 64 << 20
	more[1].Machine.Commit = "fedcba9876543210"
	e := makeExperiments(append(results, more...))
	var names []string
	for _, c := range e[0].contenders {
		names = append(names, c.name)
	}
	if got := strings.Join(names, ", "); len(e) != 1 || got != "lsm · memory=32.0 MiB, btree · commit=01234567, lsm · memory=64.0 MiB, btree · commit=fedcba98" {
		t.Errorf("%d experiments, contenders %s", len(e), got)
	}
}

func TestSettingsThatDifferBetweenExperimentsAreListed(t *testing.T) {
	results := sample(1, 1)
	results[1].Settings.Memory = 64 << 20
	e := makeExperiments(results)
	if e[0].contenders[0].name != "lsm" || e[1].contenders[0].name != "lsm" {
		t.Errorf("contenders %q and %q", e[0].contenders[0].name, e[1].contenders[0].name)
	}
	rows := contenderRows(e, nil)
	if len(rows) != 2 || rows[0].Memory != "32.0 MiB" || fmt.Sprint(rows[0].On) != "[J1s reads]" || rows[1].Memory != "64.0 MiB" || fmt.Sprint(rows[1].On) != "[J10]" {
		t.Errorf("%+v", rows)
	}
}

func TestMachinesAreNotMixed(t *testing.T) {
	other := sample(2, 1)
	for i := range other {
		other[i].Machine.CPU = "Example 4000"
	}
	e := makeExperiments(append(sample(2, 1), other...))
	if len(e) != 6 || e[0].name != "J1s · Example 3000" || e[1].name != "J1s · Example 4000" {
		t.Errorf("%d experiments, the first %q and %q", len(e), e[0].name, e[1].name)
	}
	// What already tells them apart is enough.
	for i := range other {
		other[i].Machine.Kernel, other[i].Settings.Knobs["window_s"] = "7.0.0", 300
	}
	if e := makeExperiments(append(sample(2, 1), other...)); e[0].name != "J1s · window_s=600" {
		t.Errorf("the first is %q", e[0].name)
	}
	if c := strings.Join(caveats(e), "\n"); !strings.Contains(c, "machines that differ in cpu") {
		t.Errorf("caveats:\n%s", c)
	}
}

func TestCaveats(t *testing.T) {
	results := sample(3, 4)
	results[0].Settings.Durability = "always"
	results[1].Metrics["output_checksum"] = bench.Metric{Value: 7}
	results[2].Notes = []string{"disturbed: the test says so"}
	text := strings.Join(caveats(makeExperiments(results[:len(results)-1])), "\n")
	for _, want := range []string{
		"with fewer than 4 a difference may be chance", "1 of 35 runs was disturbed", "Durability differs (always and checkpoint)",
		"THE OUTPUTS OF J1s DIFFER (checksums 00", "A dagger",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no caveat says %q:\n%s", want, text)
		}
	}
	text = strings.Join(caveats(makeExperiments(sample(2, 1)[:3])), "\n")
	if !strings.Contains(text, "There are no results of btree on J10") {
		t.Errorf("caveats:\n%s", text)
	}
}

func TestLongSpecsAreAbbreviatedByWhatSetsThemApart(t *testing.T) {
	got := abbreviate([]string{
		"lsm", "lsm?compaction=window&memtable=btree&segments=8", "lsm?compaction=window&memtable=huandu&segments=8",
		"btree?page_size=16KiB&update=in_place", "a name without parameters that is long", "",
	})
	want := []string{
		"lsm", "lsm … memtable=btree", "lsm … memtable=huandu",
		"btree … page_size=16KiB", "a name without parameters that is long", "",
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("%q", got)
	}
}

func TestStallsAreNamed(t *testing.T) {
	r := sampleResult("J1s", 0, 0, 1)
	r.Timeline = &bench.Timeline{
		Slot: 1,
		Series: []bench.Series{
			{Name: "events_per_s", Values: []float64{1, 1, 1, 1}},
			{Name: "get_max_us", Values: []float64{10, 10, 2e6, 30}},
			{Name: "apply_max_us", Values: []float64{10, 400, 10, 20}},
		},
		Marks: []bench.Mark{{Kind: "compaction", At: 0.2, For: 0.1}, {Kind: "checkpoint", At: 1.2, For: 1.5}, {Kind: "gc", At: 3.9}},
	}
	s, ok := worstTimeline(&makeExperiments([]bench.Result{r})[0].contenders[0])
	if !ok {
		t.Fatal("no time line")
	}
	l, _ := stallList([]shownTimeline{s})
	want := [][]string{
		{"lsm", "2.00 to 3.00", "get", "2.00 s", "compaction of 100 ms and checkpoint of 1.50 s"},
		{"lsm", "1.00 to 2.00", "apply", "400 µs", "checkpoint of 1.50 s"},
		{"lsm", "3.00 to 4.00", "get", "30.0 µs", "gc"},
	}
	if fmt.Sprint(l.Rows[1:]) != fmt.Sprint(want) {
		t.Errorf("%v", l.Rows[1:])
	}
}

// A pass that counts instead of timing is an experiment of its own, whose
// settings do not rename its contenders.
func TestAPassIsShownApart(t *testing.T) {
	counted := sample(2, 1)[:2]
	for i := range counted {
		counted[i].Pass, counted[i].Settings.Maintenance, counted[i].Settings.Memory = "cachegrind", "inline", 1<<20
		counted[i].Settings.Knobs, counted[i].Curves, counted[i].Timeline = bench.Knobs{"live": 6000}, nil, nil
		counted[i].Metrics = bench.Metrics{"cachegrind_d1_misses_per_event": {Value: 7}}
	}
	e := makeExperiments(append(sample(2, 1)[:2], counted...))
	if len(e) != 2 || e[0].name != "J1s" || e[1].name != "J1s under cachegrind" || e[1].contenders[0].name != "lsm" || e[1].contenders[1].look != 1 {
		t.Fatalf("experiments %+v", e)
	}
	topics := e[1].topics()
	if len(topics) != 1 || topics[0].Title != "Caches" || len(topics[0].Lacking) > 0 {
		t.Errorf("topics %+v", topics)
	}
	if g := growth(e); len(g.Figures) > 0 {
		t.Error("the smaller size of the pass makes a line of cost against size")
	}
}

func TestMarkedStallsAreNamed(t *testing.T) {
	s := shownTimeline{Timeline: &bench.Timeline{Slot: 1, Series: []bench.Series{{Name: "get_max_us", Values: []float64{1e9}}}, Marks: []bench.Mark{
		{Kind: "slowest", At: 3, For: 0.02, Note: "probe; meanwhile nothing that is marked"},
		{Kind: "slowest", At: 1, For: 0.23, Note: "get_hit; meanwhile flush 230 ms"},
		{Kind: "flush", At: 1, For: 0.23},
	}}, name: "lsm"}
	l, ok := stallList([]shownTimeline{s})
	want := [][]string{
		{"lsm", "1.00 to 1.23", "get hit", "230 ms", "flush 230 ms"},
		{"lsm", "3.00 to 3.02", "probe", "20.0 ms", "nothing that is marked"},
	}
	if !ok || fmt.Sprint(l.Rows[1:]) != fmt.Sprint(want) {
		t.Errorf("%v", l.Rows)
	}
}

func TestTheRepetitionWithTheLongestLatencyIsShown(t *testing.T) {
	results := []bench.Result{sampleResult("J1s", 0, 0, 1), sampleResult("J1s", 0, 0, 2), sampleResult("J1s", 0, 0, 3)}
	results[1].Timeline.Series[1].Values[3] = 1e7
	s, ok := worstTimeline(&makeExperiments(results)[0].contenders[0])
	if !ok || s.rep != 2 || s.reps != 3 {
		t.Errorf("repetition %d of %d", s.rep, s.reps)
	}
}

func TestLatencyCurvesEndWithTheLongestTime(t *testing.T) {
	r := sampleResult("J1s", 0, 0, 1)
	c := &r.Curves[0] // get_latency_us, without the maximum
	c.X, c.Y = c.X[:len(c.X)-1], c.Y[:len(c.Y)-1]
	f, _ := makeExperiments([]bench.Result{r})[0].curveLines("get_latency_us")
	rows := f.chart.Table()
	if last := rows[len(rows)-1]; last[0] != "max" || last[1] != trimmed(formatMicros)(r.Metrics["get_max_us"].Value) {
		t.Errorf("last row %v", last)
	}
}

func TestPurposesAddUpToTheEngine(t *testing.T) {
	e := &makeExperiments(sample(2, 5))[0]
	f, ok := e.layerBars()
	if !ok {
		t.Fatal("no bars")
	}
	rows := f.chart.Table()
	if fmt.Sprint(rows[0]) != "[  log flush compaction page meta file system sent to flash flash bytes for each logical byte from to]" {
		t.Errorf("head %v", rows[0])
	}
	if fmt.Sprint(rows[1][:2]) != "[lsm engine]" || rows[1][10] != "1.12" || rows[1][3] != "0.600" {
		t.Errorf("row %v", rows[1])
	}
}
