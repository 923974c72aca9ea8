package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/internal/golden"
)

var goldens = golden.Flag(flag.CommandLine)

func render(t *testing.T, results []bench.Result) string {
	t.Helper()
	html, err := HTML(results)
	if err != nil {
		t.Fatal(err)
	}
	return string(html)
}

func TestTheSummary(t *testing.T) {
	experiments := makeExperiments(sample(3, 5))
	text, err := json.MarshalIndent(makeSummary(experiments, []string{"a", "b", "c"}), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	goldens.Compare(t, "summary.json", append(text, '\n'))
}

// P1: the same results give the same bytes.
func TestThePageIsAFunctionOfTheResults(t *testing.T) {
	first, second := render(t, sample(3, 2)), render(t, sample(3, 2))
	if first != second {
		t.Error("the same results give two pages")
	}
}

// P2: whatever results hold is on the page.
func TestThePageShowsAllThatResultsHold(t *testing.T) {
	results := sample(2, 1)
	results[0].Metrics["metric_of_tomorrow"] = bench.Metric{Value: 12.5, Unit: "parsecs"}
	results[0].Curves = append(results[0].Curves, bench.Curve{Name: "curve_of_tomorrow", X: []float64{1, 2}, Y: []float64{3, 4}})
	results[0].Timeline.Series = append(results[0].Timeline.Series, bench.Series{Name: "series_of_tomorrow", Values: []float64{1, 2}})
	results[0].Timeline.Marks = append(results[0].Timeline.Marks, bench.Mark{Kind: "kind of tomorrow", At: 1})
	results[0].Notes = []string{"note of tomorrow"}
	page := render(t, results)
	for _, want := range []string{
		"metric_of_tomorrow", "parsecs", "curve of tomorrow", "series of tomorrow", "kind of tomorrow", "note of tomorrow",
		"Write amplification by layer", "get latency", "miss ratio lru", "Time line of lsm", "checkpoint", "Example 3000", "seed 1",
		"measured, not computed", "heap_objects", "harness", "0123456789abcdef", "window_s=600",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// P2: what results lack is said to be lacking.
func TestThePageSaysWhatIsLacking(t *testing.T) {
	r := sample(1, 1)[:1]
	r[0].Curves, r[0].Timeline = nil, nil
	r[0].Metrics = bench.Metrics{"events": {Value: 1, Unit: "events"}, "write_amp_engine": {Value: 2, Unit: "ratio"}}
	page := render(t, r)
	for _, want := range []string{
		"No bytes at the file system", "No bytes at the device", "These results hold no latencies", "These results hold no time line",
		"No miss-ratio curves", "All results of this workload have one size", "hold nothing of memory", "hold no sizes",
	} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

// P4: nothing is loaded and nothing runs.
func TestThePageNeedsNothingElse(t *testing.T) {
	page := render(t, sample(10, 2))
	asks := regexp.MustCompile(`(?i)https?:|<script|<link|<img|<iframe|<object|@import|url\([^#]|\ssrc=|\son[a-z]+=|javascript:`)
	if found := asks.FindString(page); found != "" {
		t.Errorf("the page asks for more than it holds: %q", found)
	}
	if !asks.MatchString(`<div onclick="x">`) || !asks.MatchString("background:url(x.png)") {
		t.Error("the test finds nothing")
	}
}

// P5: text comes from whoever wrote the results.
func TestThePageEscapesWhatItShows(t *testing.T) {
	const evil = `"><script>alert(1)</script><svg onload='alert(1)'>`
	results := sample(2, 2)
	for i := range results {
		r := &results[i]
		r.Backend, r.Workload = evil+r.Backend, evil+r.Workload
		r.Machine.CPU, r.Machine.Commit, r.Machine.FS = evil, evil, evil
		r.Settings.Durability, r.Settings.Compression, r.Settings.Maintenance = evil, evil, evil
		r.Settings.Knobs = bench.Knobs{evil: 1}
		r.Metrics[evil] = bench.Metric{Value: 1, Unit: evil}
		r.Notes = []string{evil}
		r.Curves = append(r.Curves, bench.Curve{Name: evil, X: []float64{1, 2}, Y: []float64{1, 2}})
		r.Timeline.Series[0].Name = evil
		r.Timeline.Marks[0].Kind, r.Timeline.Marks[0].Note = evil, evil
	}
	page := render(t, results)
	for _, tag := range []string{"<script", "<svg onload"} {
		if strings.Contains(page, tag) {
			t.Errorf("the page holds %q", tag)
		}
	}
	if !strings.Contains(page, "alert(1)") {
		t.Error("the test has put nothing on the page")
	}
	for _, f := range SVGs(results) {
		if bytes.Contains(f.Data, []byte("<script")) || bytes.Contains(f.Data, []byte("<svg onload")) {
			t.Errorf("%s holds markup of the results", f.Name)
		}
	}
}

func TestAnchorsAreUniqueAndLinksLeadSomewhere(t *testing.T) {
	results := append(sample(10, 1), resized(sample(2, 1), 120000)...)
	results[0].Backend, results[1].Backend, results[2].Workload = "x?y", "x&y", "summary"
	page := render(t, results)
	seen := map[string]bool{}
	for _, m := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		if seen[m[1]] {
			t.Errorf("two elements have the id %s", m[1])
		}
		seen[m[1]] = true
	}
	for _, m := range regexp.MustCompile(`href="#([^"]*)"|url\(#([^)]*)\)`).FindAllStringSubmatch(page, -1) {
		if to := m[1] + m[2]; !seen[to] {
			t.Errorf("a link leads to %s, which is not there", to)
		}
	}
	for _, m := range regexp.MustCompile(`aria-labelledby="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		for _, id := range strings.Fields(m[1]) {
			if !seen[id] {
				t.Errorf("something is labelled by %s, which is not there", id)
			}
		}
	}
}

func TestSVGFilesHaveHarmlessNames(t *testing.T) {
	results := sample(3, 1)
	results[0].Workload, results[1].Backend = "../../etc/passwd", "a/b\\c:d"
	files := SVGs(results)
	var names []string
	for _, f := range files {
		if !regexp.MustCompile(`^[A-Za-z0-9_-]+\.svg$`).MatchString(f.Name) || slices.Contains(names, f.Name) {
			t.Errorf("file %q", f.Name)
		}
		names = append(names, f.Name)
	}
	for _, want := range []string{"J1s-write-amplification.svg", "J1s-get_latency_us.svg", "reads-miss_ratio_lru.svg", "J10-timeline-btree.svg", "etc-passwd-cpu.svg"} {
		if !slices.Contains(names, want) {
			t.Errorf("there is no %s in %v", want, names)
		}
	}
}

func TestCSVsHoldEveryValue(t *testing.T) {
	results := sample(2, 1)[:2]
	values := map[string]int{}
	for _, r := range results {
		values[MetricsCSV] += len(r.Metrics)
		for _, c := range r.Curves {
			values[CurvesCSV] += len(c.X)
		}
		for _, s := range r.Timeline.Series {
			values[TimelineCSV] += len(s.Values)
		}
		values[TimelineCSV] += len(r.Timeline.Marks)
	}
	for _, f := range CSVs(results) {
		rows, err := csv.NewReader(bytes.NewReader(f.Data)).ReadAll()
		if err != nil || len(rows) != 1+values[f.Name] || values[f.Name] == 0 {
			t.Errorf("%s: error %v, %d rows for %d values", f.Name, err, len(rows), values[f.Name])
		}
		if rows[0][0] != "workload" || rows[1][0] != "J1s" || rows[1][1] != "lsm" {
			t.Errorf("%s begins with %v, %v", f.Name, rows[0], rows[1])
		}
	}
}

func TestNoResultsMakeNoPage(t *testing.T) {
	if _, err := HTML(nil); err == nil {
		t.Error("a page of nothing")
	}
}

// Whatever can be read can be shown.
func FuzzHTML(f *testing.F) {
	line, err := json.Marshal(sampleResult("J1s", 0, 6, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(`{"backend":"b","workload":"J1s","settings":{"knobs":{"live":1}},"metrics":{"cpu_us_per_event":{"value":7}}}`))
	f.Add([]byte(`{"backend":"b","workload":"w","metrics":{"get_p50_us":{"value":1e308},"write_amp_engine":{"value":-1}},"curves":[{"name":"c","x":[2,1,1e308],"y":[1e308,-1e308]}],` +
		`"timeline":{"slot_s":1e-300,"series":[{"name":"get_max_us","values":[1e308,0]}],"marks":[{"kind":"gc","at_s":-1e308,"for_s":1e308}]}}`))
	f.Add(line)
	f.Fuzz(func(t *testing.T, text []byte) {
		var results []bench.Result
		for line := range bytes.Lines(text) {
			var r bench.Result
			if json.Unmarshal(line, &r) == nil {
				results = append(results, r)
			}
		}
		if len(results) == 0 {
			return
		}
		page, err := HTML(results)
		if err != nil || bytes.Contains(page, []byte("<script")) || regexp.MustCompile(`<(path|rect|text)[^>]*="[^"]*NaN`).Match(page) {
			t.Fatalf("error %v, or a page that is none", err)
		}
		SVGs(results)
		CSVs(results)
	})
}

// resized returns results as if their state had another size.
func resized(results []bench.Result, live float64) []bench.Result {
	for i := range results {
		r := &results[i]
		for _, knob := range sizeKnobs {
			if _, ok := r.Settings.Knobs[knob]; ok {
				r.Settings.Knobs[knob] = live
			}
		}
		for name, m := range r.Metrics {
			if name == "cpu_us_per_event" {
				r.Metrics[name] = bench.Metric{Value: 1.4 * m.Value, Unit: m.Unit}
			}
		}
	}
	return results
}

func TestSeveralSizesGiveCostAgainstSize(t *testing.T) {
	experiments := makeExperiments(append(sample(2, 1), resized(sample(2, 1), 120000)...))
	var names []string
	for _, e := range experiments {
		names = append(names, e.name)
	}
	want := "J1s · live=60000, J1s · live=120000, J10 · live=60000, J10 · live=120000, reads · records=400000, reads · records=120000"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("experiments %s", got)
	}
	s := growthSeries(experiments[:2], "live", "cpu_us_per_event")
	if len(s) != 2 || s[0].Name != "lsm" || fmt.Sprint(s[0].X) != "[60000 120000]" || s[0].Y[1] <= s[0].Y[0] {
		t.Errorf("lines %+v", s)
	}
	if g := growth(experiments[:2]); len(g.Figures) == 0 || len(g.Lacking) != 0 {
		t.Errorf("topic %+v", g)
	}
}
