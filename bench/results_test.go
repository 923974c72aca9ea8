package bench

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/statelab/statelab/bench/host"
	"github.com/statelab/statelab/internal/golden"
)

var goldens = golden.Flag(flag.CommandLine)

// canned returns results that no machine has measured: two backends and two
// repetitions of two workloads.
func canned() []Result {
	machine := host.Machine{
		CPU: "Example 3000", Cores: 2, Memory: 25 << 30, OS: "linux", Arch: "amd64",
		Kernel: "6.1.0", FS: "ext4", Go: "go1.26", Commit: "0123456789abcdef",
	}
	settings := Settings{Memory: 32 << 20, Durability: "checkpoint", Compression: "default", Maintenance: "background", SampleEvery: 1}
	var results []Result
	for rep := 1; rep <= 2; rep++ {
		for w, workload := range []string{"J1s", "reads"} {
			for b, backend := range []string{"lsm?compaction=window", "btree"} {
				x := float64(10*w + 3*b + rep)
				m := Metrics{}
				m.set("events", 1000*x)
				m.set("events_per_s", 10000/x)
				m.set("cpu_us_per_event", 2*x)
				m.set("get_p50_us", x/7)
				m.set("get_p99_us", x)
				m.set("get_p999_us", 12*x)
				m.set("rss_bytes", x*(1<<24))
				m.set("heap_objects", 1234*x)
				m.set("clock_ns", 48.5)
				m.set("harness_us_per_event", 0.4)
				m.set("output_checksum", float64(0xabcdef0123+w))
				if workload == "J1s" {
					m.set("write_amp_engine", x/4)
					m.set("probe_p50_us", x/2)
					m.set("sync_max_us", 1e6*x)
				}
				if backend == "btree" {
					m.set("cache_hit_ratio", 0.987)
				}
				s := settings
				s.Knobs = Knobs{"live": 60000, "window_s": 600, "acted_share": 0.2}
				results = append(results, Result{
					Backend: backend, Workload: workload, Rep: rep, Seed: 1, Machine: machine, Settings: s, Metrics: m,
				})
			}
		}
	}
	return results
}

func TestResultsComeBackAsTheyWereWritten(t *testing.T) {
	want := canned()
	var b bytes.Buffer
	for i := range want {
		if err := WriteResult(&b, &want[i]); err != nil {
			t.Fatal(err)
		}
	}
	goldens.Compare(t, "results.jsonl", b.Bytes())
	dir := t.TempDir()
	path := filepath.Join(dir, ResultsFile)
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, from := range []string{dir, path} {
		got, err := LoadResults(from)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("from %s: error %v, and not the results that were written", from, err)
		}
	}
}

func TestBadResultFilesAreNamedInOneLine(t *testing.T) {
	t.Chdir(t.TempDir())
	good := `{"backend":"lsm","workload":"J1s","metrics":{"events":{"value":1,"unit":"events"}}}`
	for name, text := range map[string]string{
		"empty":    "",
		"blank":    "\n \n",
		"text":     good + "\nnot json\n",
		"cut":      good[:40],
		"backend":  `{"workload":"J1s","metrics":{"events":{"value":1}}}`,
		"workload": `{"backend":"lsm","metrics":{"events":{"value":1}}}`,
		"metrics":  good + "\n" + `{"backend":"lsm","workload":"J1s"}`,
		"long":     `"` + strings.Repeat("x", maxLine) + `"`,
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir("dir", 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"none":     "none: no such file",
		"dir":      "dir/results.jsonl: no such file",
		"empty":    "empty: holds no results",
		"blank":    "blank: holds no results",
		"text":     "text:2: not a result: invalid character 'o' in literal null (expecting 'u')",
		"cut":      "cut:1: not a result: unexpected end of JSON input",
		"backend":  "backend:1: result without a backend",
		"workload": "workload:1: result without a workload",
		"metrics":  "metrics:2: result without metrics",
		"long":     "long:1: bufio.Scanner: token too long",
	} {
		results, err := LoadResults(path)
		var format *FormatError
		if !errors.As(err, &format) || err.Error() != want || results != nil {
			t.Errorf("%s: error %q, not %q", path, err, want)
		}
	}
}

func FuzzReadResults(f *testing.F) {
	// Small seeds: whole results take minutes to minimize.
	f.Add([]byte(`{"backend":"b","workload":"J1s","settings":{"knobs":{"live":1}},"metrics":{"events":{"value":7,"unit":"events"}}}`))
	f.Add([]byte(`{"backend":"b","workload":"w","metrics":{"events":{"value":1e308}}}`))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		results, err := readResults("x", bytes.NewReader(text))
		if (err == nil) != (len(results) > 0) {
			t.Fatalf("%d results and error %v", len(results), err)
		}
		// Whatever can be read can be shown.
		if err == nil {
			Table(Outcome{Results: results})
			GoBench(results)
		}
	})
}

func TestTable(t *testing.T) {
	out := Outcome{Results: canned(), Failures: []Failure{{"skiplist", "J1s", 1, errors.New("the run disagrees with the oracle")}}}
	text := Table(out)
	goldens.Compare(t, "table.txt", []byte(text))
	checkWidth(t, text)
}

// checkWidth checks that text fits a terminal of 120 columns.
func checkWidth(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > 120 {
			t.Errorf("a line is %d columns wide:\n%s", n, line)
		}
	}
}

// What a reader must know stands below the figures, once for all that it is true of.
func TestTheTableSaysWhatMustBeKnown(t *testing.T) {
	results := canned()
	for i := range results {
		r := &results[i]
		r.Notes = []string{"CPU counters: not available here"}
		if r.Backend == "btree" {
			r.Notes = append(r.Notes, "memory unbounded: "+strings.Repeat("a long reason ", 10))
		}
		if r.Workload == "J1s" && (r.Backend == "btree" || r.Rep == 2) {
			r.Metrics.set("others_cpu_ratio", 0.1*float64(2*r.Rep))
			r.Metrics.set("steal_ratio", 0.01)
			note, _ := disturbance(r.Metrics)
			r.Notes = append(r.Notes, note)
		}
		r.Metrics.set("live_bytes_per_record", 516)
		r.Metrics.set("memory_bytes_per_record", 700)
		r.Metrics.set("rss_bytes_per_record", 900)
	}
	text := Table(Outcome{Results: results})
	goldens.Compare(t, "table_notes.txt", []byte(text))
	checkWidth(t, text)
	for _, want := range []string{
		"  DISTURBED by neighbours, runs: lsm?compaction=window 1 of 2, btree 2 of 2; at worst others used 40.0%",
		"  every backend: CPU counters: not available here\n",
		"  btree: memory unbounded: a long reason",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the table:\n%s", want, text)
		}
	}
	if strings.Count(text, "DISTURBED") != 1 {
		t.Error("runs of reads are said to be disturbed, which were not")
	}
}

// The widest values there can be must fit a terminal of 120 columns too.
func TestTheWidestTableFits(t *testing.T) {
	results := canned()[:1]
	results[0].Backend = strings.Repeat("b", 24)
	m := results[0].Metrics
	for _, c := range costColumns() {
		m.set(c.metric, 99.96)
	}
	for _, c := range slices.Concat(latencyColumns(), eventColumns(), rateColumns(), memoryColumns()) {
		m.set(c.metric, 99_999)
	}
	m.set("events_per_s", 9_999_999)
	m.set("cache_hit_ratio", 0.999)
	m.set("gc_cpu_ratio", 0.999)
	m.set("rss_bytes", 99_999<<20)
	m.set("memory_limit_bytes", 99_999<<20)
	m.set("heap_objects", 99_999_999)
	m.set("output_checksum", 1<<checksumBits-1)
	m.set("events", 9_999_999_999)
	m.set("clock_ns", 9999)
	checkWidth(t, Table(Outcome{Results: results}))
}

func TestGoBenchFormat(t *testing.T) {
	text := GoBench(canned())
	goldens.Compare(t, "results.txt", text)
	// What benchfmt takes a line for: nothing, configuration, a unit, or a result.
	syntax := regexp.MustCompile(`^(# .+|[a-z][^ A-Z]*: .*|Unit \S+ better=(higher|lower)|Benchmark[A-Z]\S* \d+( -?[0-9.]+ \S+)+)$`)
	for line := range strings.Lines(string(text)) {
		if !syntax.MatchString(strings.TrimRight(line, "\n")) {
			t.Errorf("no line of a benchmark file: %s", line)
		}
	}
	if GoBench(nil) != nil {
		t.Error("no results make a benchmark file that is not empty")
	}
}
