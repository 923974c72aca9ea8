package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/host"
)

// TestMain lets the test binary stand for the command where the command starts
// itself.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
	}
	code := m.Run()
	if err := built.remove(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// small makes every workload run in a moment, with checkpoints that no tick
// coincides with.
var small = []string{
	"-set", "live=2000", "-set", "warm_checkpoints=1", "-set", "window_s=10", "-set", "tick_s=0.7", "-set", "checkpoint_s=13", "-set", "delay_median_s=2",
	"-set", "records=10000", "-set", "warm_lookups=100", "-set", "lookups=2000",
}

// everyBackend returns a spec of each backend and of each variant of its index.
// Those that keep their state on disk get so little memory that they have to.
func everyBackend() []string {
	var specs []string
	for _, b := range backends.List() {
		variants := []string{b.Name}
		for _, p := range b.Params {
			if p.Name != "index" {
				continue
			}
			for _, v := range p.Values {
				if v != p.Default {
					variants = append(variants, b.Name+"?index="+v)
				}
			}
		}
		if !backends.MemoryResident(b.Name) {
			variants[0] += "?memory=1MiB"
		}
		specs = append(specs, variants...)
	}
	return specs
}

func TestBenchMeasuresEveryBackendInAProcessOfItsOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "results")
	specs := everyBackend()
	if testing.Short() {
		specs = []string{"lsm", "btree", "skiplist"} // each peer's own package has it run
	}
	var workloads []string
	for _, w := range bench.Workloads() {
		workloads = append(workloads, w.Name)
	}
	args := append([]string{"bench", "-backends", strings.Join(specs, ","), "-workload", strings.Join(workloads, ","), "-reps", "2", "-o", dir}, small...)
	code, stdout, stderr := runs(args...)
	if code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	results, err := bench.LoadResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	groups := bench.GroupResults(results)
	if want := len(specs) * len(workloads); len(groups) != want {
		t.Errorf("%d groups of results, not %d", len(groups), want)
	}
	checksums := map[string]float64{}
	for _, g := range groups {
		if len(g.Results) != 2 || !strings.Contains(stdout, g.Workload+": ") || !strings.Contains(stdout, "  "+g.Backend+" ") {
			t.Errorf("%s on %s: %d results, or not in the table:\n%s", g.Workload, g.Backend, len(g.Results), stdout)
		}
		for _, r := range g.Results {
			sum := r.Metrics["output_checksum"].Value
			if known, ok := checksums[g.Workload]; ok && known != sum {
				t.Errorf("%s on %s has another output than the other backends", g.Workload, g.Backend)
			}
			checksums[g.Workload] = sum
			if r.Metrics["get_p50_us"].Value+r.Metrics["probe_p50_us"].Value <= 0 {
				t.Errorf("%s on %s: neither Gets nor probes were timed", g.Workload, g.Backend)
			}
			for _, name := range []string{"events_per_s", "cpu_us_per_event", "rss_bytes", "heap_objects"} {
				if r.Metrics[name].Value <= 0 {
					t.Errorf("%s on %s: %s is %v", g.Workload, g.Backend, name, r.Metrics[name].Value)
				}
			}
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil || fmt.Sprint(entries) != "[- report.html - results.jsonl - results.txt]" {
		t.Errorf("error %v, files %v", err, entries)
	}
	if !strings.Contains(stderr, "repetition 2 of 2") {
		t.Errorf("progress:\n%s", stderr)
	}
}

// What a spec sets must be in the results, and not what the flags say.
func TestASpecOverridesTheFlags(t *testing.T) {
	f := benchFlags{durability: "checkpoint", compression: "default", maintenance: "background", sample: "3", memory: "1MiB", limit: bench.AutoLimit}
	name := backends.List()[0].Name
	c, err := f.candidate(name + "?memory=2MiB&durability=always&compression=none&maintenance=inline")
	want := bench.Settings{Memory: 2 << 20, Durability: "always", Compression: "none", Maintenance: "inline", SampleEvery: 3, MemoryLimit: bench.AutoLimit}
	if err != nil || fmt.Sprint(c.Settings) != fmt.Sprint(want) {
		t.Errorf("error %v, settings %+v", err, c.Settings)
	}
	c, err = f.candidate(name)
	want = bench.Settings{Memory: 1 << 20, Durability: "checkpoint", Compression: "default", Maintenance: "background", SampleEvery: 3, MemoryLimit: bench.AutoLimit}
	if err != nil || fmt.Sprint(c.Settings) != fmt.Sprint(want) {
		t.Errorf("error %v, settings %+v", err, c.Settings)
	}
}

// A budget would bound the state of a memory-resident backend, so that it has
// one only if somebody asks for it.
func TestOnlyBackendsOnDiskHaveABudgetUnasked(t *testing.T) {
	f := benchFlags{durability: "checkpoint", compression: "default", maintenance: "background", sample: "1"}
	for text, want := range map[string]int64{
		"btree": defaultBenchMemory, "btree?memory=1MiB": 1 << 20, "btree?index=memory": 0, "skiplist": 0, "skiplist?memory=1MiB": 1 << 20,
	} {
		if c, err := f.candidate(text); err != nil || c.Settings.Memory != want {
			t.Errorf("%s: %d bytes, error %v", text, c.Settings.Memory, err)
		}
	}
}

func TestBadInputToBenchAndItsResultsIsAnsweredWithOneLine(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll("full/x", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("bad", []byte("{}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	name := backends.List()[0].Name
	for line, want := range map[string]string{
		"bench x":                                    "statelab bench: 1 arguments; usage: statelab bench [flags]",
		"bench -reps 0":                              "statelab bench: -reps must be at least 1",
		"bench -sample 0":                            "statelab bench: -sample 0: neither auto nor",
		"bench -rate fast":                           "statelab bench: -rate fast: neither max nor a number",
		"bench -rate 101%":                           "statelab bench: -rate 101%: neither max nor a number",
		"bench -rate 70% -rate-of nosuch":            "statelab bench: -rate-of: nosuch is not among the -backends",
		"bench -rate max -rate-of lsm":               "statelab bench: the rate of lsm is of use only if a share",
		"bench -rate 2e9":                            "statelab bench: rate is 2e+09 events/s, not within",
		"bench -arrival poisson":                     "statelab bench: arrival is for the open loop: it needs a rate",
		"bench -rate 5 -arrival often":               `statelab bench: unknown arrival "often"; one of ["constant" "poisson" "recorded"]`,
		"bench -suite huge":                          `statelab bench: -suite: unknown suite "huge"; one of main, full`,
		"bench -memory-limit lots":                   "statelab bench: -memory-limit lots: ",
		"bench -memory-limit 0":                      "statelab bench: -memory-limit 0: ",
		"bench -retry-disturbed -1":                  "statelab bench: -retry-disturbed must be at least 0",
		"bench -resume":                              "statelab bench: -resume goes on with the suite in -o, which names none",
		"bench -resume -o full":                      "statelab bench: -resume: full/results.jsonl.part: no such file",
		"bench -workload J99":                        `statelab bench: unknown workload "J99"; one of J1s, J10, hot, reads, churn`,
		"bench -workload J1s,":                       `statelab bench: -workload: empty name in "J1s,"`,
		"bench -backends a,b,a":                      "statelab bench: -backends: a is named twice",
		"bench -watch nosuch":                        `statelab bench: -watch: unknown instrument "nosuch"`,
		"bench -device op=much":                      `statelab bench: -device: device "op=much": parameter op=much: not a number`,
		"bench -watch ,":                             `statelab bench: -watch: empty name in ","`,
		"bench -backends nosuch":                     `statelab bench: backend spec "nosuch": unknown backend nosuch; one of `,
		"bench -backends " + name + "?nosuch=1":      `statelab bench: backend spec "` + name + `?nosuch=1": unknown parameter nosuch`,
		"bench -set live":                            `statelab bench: -set: setting "live" is not of the form`,
		"bench -set live=0":                          "statelab bench: -set: workload J1s: live is 0, not within",
		"bench -backends " + name + " -memory lots":  "statelab bench: memory lots: ",
		"bench -backends " + name + " -memory 1":     "statelab bench: options: Memory is 1 bytes",
		"bench -backends " + name + " -durability x": `statelab bench: unknown durability "x"; one of`,
		"bench -backends " + name + " -o full":       "statelab bench: full is not empty: results are never overwritten",
		"bench -backends " + name + " -o bad":        "statelab bench: ",
		"bench-run x":                                "statelab bench-run: it takes a job on stdin",
		"compare":                                    "statelab compare: 0 arguments; usage: statelab compare [-baseline BACKEND] A B ...",
		"compare a":                                  "statelab compare: 1 results; it takes two, or -baseline and any number",
		"compare -baseline x none":                   "statelab compare: none: no such file",
		"compare -format html a b":                   `statelab compare: -format: "html" is not one of text, csv, json`,
		"compare -threshold -1 a b":                  "statelab compare: invalid value",
		"compare -threshold nosuch=1% a b":           "statelab compare: invalid value",
		"compare -threshold clock_ns=1% a b":         "statelab compare: invalid value",
		"compare none none":                          "statelab compare: none: no such file",
		"compare full full":                          "statelab compare: full/results.jsonl: no such file",
		"compare bad bad":                            "statelab compare: bad:1: result without a backend",
		"compare -metrics x a b":                     "statelab compare: -metrics: unknown metric x;",
		"compare -metrics clock_ns a b":              "statelab compare: -metrics: clock_ns is neither better high nor low",
		"compare -threshold much a b":                "statelab compare: invalid value",
		"report":                                     "statelab report: 0 arguments; usage: statelab report DIR...",
		"report none":                                "statelab report: none: no such file",
		"report bad bad":                             "statelab report: several results need -o, the file to write",
		"report bad":                                 "statelab report: bad:1: result without a backend",
		"list x":                                     "statelab list: 1 arguments",
		"explain nosuch":                             `statelab explain: "nosuch" is no metric, curve, workload, backend, instrument or generator`,
	} {
		code, stdout, stderr := runs(strings.Fields(line)...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("statelab %s: exit code %d, stdout %q, stderr\n%swant exit code 2 and\n%s", line, code, stdout, stderr, want)
		}
	}
	entries, err := os.ReadDir(".")
	if err != nil || len(entries) != 2 {
		t.Errorf("error %v, and bad usage has left files: %v", err, entries)
	}
}

// writeResults writes results whose CPU costs are given, one a repetition.
func writeResults(t *testing.T, name, backend, commit string, cpu ...float64) {
	t.Helper()
	var b bytes.Buffer
	for i, v := range cpu {
		r := bench.Result{
			Backend: backend, Workload: "J1s", Rep: i + 1, Seed: 1,
			Machine: host.Machine{CPU: "x", Cores: 2, Commit: commit},
			Metrics: bench.Metrics{"cpu_us_per_event": {Value: v, Unit: "us"}},
		}
		if err := bench.WriteResult(&b, &r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestCompareExitsWith3OnARegression(t *testing.T) {
	t.Chdir(t.TempDir())
	writeResults(t, "a", "lsm", "before", 9.8, 9.9, 10, 10.1, 10.2)
	writeResults(t, "b", "lsm", "after", 11.8, 11.9, 12, 12.1, 12.2)
	writeResults(t, "noisy", "lsm", "after", 5, 11.9, 12, 12.1, 13)
	writeResults(t, "once", "lsm", "after", 20)
	writeResults(t, "peer", "peer", "before", 11.8, 11.9, 12, 12.1, 12.2)
	for line, want := range map[string]int{
		"compare a b":                                             exitDone,
		"compare -threshold 10 a b":                               exitRegression,
		"compare -threshold 10% a b":                              exitRegression,
		"compare -threshold 25 a b":                               exitDone,
		"compare -threshold 10 b a":                               exitDone,
		"compare -threshold 10 -metrics rss_bytes a b":            exitDone,
		"compare -threshold cpu_us_per_event=10% a b":             exitRegression,
		"compare -threshold 1 -threshold cpu_us_per_event=25 a b": exitDone,
		"compare -threshold 10 a noisy":                           exitDone,
		"compare -threshold 10 a once":                            exitDone,
		"compare -threshold 10 -baseline lsm a peer":              exitRegression,
		"compare -threshold 10 -baseline peer a peer":             exitDone,
		"compare -threshold 10 -format csv a b":                   exitRegression,
		"compare -threshold 10 -format json a b":                  exitRegression,
	} {
		code, stdout, stderr := runs(strings.Fields(line)...)
		if code != want || stderr != "" || !strings.Contains(stdout, "cpu_us_per_event") {
			t.Errorf("statelab %s: exit code %d, not %d\n%s%s", line, code, want, stdout, stderr)
		}
	}
}

func TestCompareRefusesOtherMachinesUnlessForced(t *testing.T) {
	t.Chdir(t.TempDir())
	writeResults(t, "a", "lsm", "before", 10)
	writeResults(t, "b", "lsm", "after", 12)
	text, err := os.ReadFile("b")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("b", bytes.Replace(text, []byte(`"cores":2`), []byte(`"cores":4`), 1), 0o644); err != nil {
		t.Fatal(err)
	}
	want := "statelab compare: a and b: J1s on lsm: the machines differ in cores (-force compares them all the same)\n"
	if code, stdout, stderr := runs("compare", "a", "b"); code != exitUsage || stdout != "" || stderr != want {
		t.Errorf("exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
	if code, stdout, stderr := runs("compare", "-force", "a", "b"); code != exitDone || !strings.HasPrefix(stdout, "warning: J1s on lsm: the machines differ in cores\n") {
		t.Errorf("forced: exit code %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

// Everything that list names, explain explains.
func TestExplainKnowsWhatListNames(t *testing.T) {
	code, listed, stderr := runs("list")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	names := regexp.MustCompile(`(?m)^  (\S+)`).FindAllStringSubmatch(listed, -1)
	if len(names) < len(bench.MetricDocs())+len(bench.Workloads())+len(backends.List()) {
		t.Errorf("list names only %d things:\n%s", len(names), listed)
	}
	for _, n := range names {
		code, stdout, stderr := runs("explain", n[1])
		if code != exitDone || stderr != "" || !strings.HasPrefix(stdout, n[1]+": a") {
			t.Errorf("explain %s: exit code %d, stdout %q, stderr %q", n[1], code, stdout, stderr)
		}
		for line := range strings.Lines(stdout) {
			if len(line) > 81 {
				t.Errorf("explain %s prints a line of %d columns", n[1], len(line)-1)
			}
		}
	}
	if code, stdout, _ := runs("explain"); code != exitDone || !strings.Contains(stdout, "output_checksum: a metric") {
		t.Errorf("explain: exit code %d\n%s", code, stdout)
	}
}

func TestWatchAddsToWhatWatchesAnyway(t *testing.T) {
	always := bench.DefaultWatch()
	for text, want := range map[string]int{"": len(always), "none": 0, always[0]: len(always), "all": len(bench.Instruments())} {
		f := benchFlags{watch: text, presetWatch: always}
		if got, err := f.watched(); err != nil || len(got) != want || !slices.IsSorted(got) {
			t.Errorf("-watch %q: %v, error %v", text, got, err)
		}
	}
}

// A flag that is given counts, whatever the suite says.
func TestASuiteSaysWhatTheFlagsDoNot(t *testing.T) {
	for _, p := range bench.Presets() {
		f := benchFlags{preset: p.Name}
		if err := f.applyPreset(nil); err != nil {
			t.Fatal(err)
		}
		if f.workloads != strings.Join(p.Workloads, ",") || f.reps != p.Reps || f.limit != p.MemoryLimit || f.dropCaches != p.DropCaches {
			t.Errorf("%s: flags %+v", p.Name, f)
		}
		if watch, err := f.watched(); err != nil || len(watch) != len(p.Watch) {
			t.Errorf("%s is watched by %v, error %v", p.Name, watch, err)
		}
		f = benchFlags{preset: p.Name, workloads: "J10", reps: 7, memoryLimit: "64MiB"}
		given := map[string]bool{"watch": true, "workload": true, "reps": true, "memory-limit": true, "drop-caches": true}
		if err := f.applyPreset(given); err != nil || f.workloads != "J10" || f.reps != 7 || f.limit != 64<<20 || f.dropCaches {
			t.Errorf("%s with flags: error %v, flags %+v", p.Name, err, f)
		}
	}
	if bench.Presets()[0].Name != "main" || len(bench.Presets()[1].Watch) != len(bench.Instruments()) {
		t.Error("main is not the default, or full not watched by everything")
	}
}
