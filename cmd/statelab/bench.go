package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/host"
	"github.com/statelab/statelab/bench/report"
	"github.com/statelab/statelab/internal/spec"
)

const benchDoc = `Runs workloads on backends, each run in a process of its own, and prints what
they cost: rates, processor time, write and space amplification, latencies,
memory. A run whose output is not what an oracle computes has no numbers, and
the exit code is then 1. Progress goes to stderr, the table to stdout; the
results go to a new directory as results.jsonl (one object a run), results.txt
(Go benchmark format, for benchstat) and report.html.
"statelab list" names backends, workloads and knobs; "statelab explain" says
what a metric means.`

// defaultBenchMemory is the budget of a backend that keeps its state on disk
// unless -memory says otherwise: about the size of what J1s has waiting by
// default, so that caches and write buffers have to choose.
const defaultBenchMemory = 32 << 20

// benchFlags are the command line of bench, as text.
type benchFlags struct {
	preset                               string
	backends, workloads                  string
	watch, memoryLimit                   string
	reps, retryDisturbed                 int
	sample, rate, rateOf, arrival        string
	dropCaches, resume                   bool
	seed                                 uint64
	memory                               string
	durability, compression, maintenance string
	device                               string
	settings                             []string
	cpuCache                             string
	cpuCacheScale                        float64
	out                                  string

	// What applyPreset makes of them.
	presetWatch []string
	limit       int64
}

func runBench(args []string, stdout, stderr io.Writer) int {
	var f benchFlags
	line := f.commandLine(stdout, "bench [flags]", benchDoc)
	_, err := line.parse(args, 0, 0)
	if err == nil {
		err = f.run(line, stdout, stderr)
	}
	return finish(stderr, "bench", err)
}

// commandLine returns a command line with all flags of bench.
func (f *benchFlags) commandLine(stdout io.Writer, usage, doc string) *commandLine {
	line := newCommandLine(stdout, usage, doc)
	line.StringVar(&f.backends, "backends", "lsm,btree,skiplist", "`specs` of the backends, separated by commas, such as lsm?memory=64MiB")
	line.StringVar(&f.preset, "suite", "main", "`name` of the suite, which the flags change: main or full")
	line.StringVar(&f.workloads, "workload", "", "`names` of the workloads, separated by commas (default "+presetText(presetWorkloads)+")")
	line.IntVar(&f.reps, "reps", 0, "how `many` times each workload runs on each backend (default "+presetText(presetReps)+")")
	line.StringVar(&f.memoryLimit, "memory-limit", "", "`size` that a control group bounds each process at, page cache included, or none, or auto: budget, harness and a little more (default "+presetText(presetLimit)+")")
	line.BoolVar(&f.dropCaches, "drop-caches", false, "drop the machine's page cache before each run (the default of suite full)")
	line.IntVar(&f.retryDisturbed, "retry-disturbed", 0, "how `many` times a run is repeated that neighbours disturbed; the least disturbed one counts")
	line.Uint64Var(&f.seed, "seed", 1, "`number` that the workloads are generated from")
	line.StringVar(&f.memory, "memory", "", "memory `budget` of each backend, such as 64MiB (default 32MiB, and no bound for memory-resident backends)")
	line.StringVar(&f.durability, "durability", "checkpoint", "what survives a crash: checkpoint, interval or always")
	line.StringVar(&f.compression, "compression", "default", "how files are compressed: default, none, s2 or zstd")
	line.StringVar(&f.maintenance, "maintenance", "background", "who runs flushes and merges: background or inline")
	line.StringVar(&f.sample, "sample", "1", "time one Get, probe, Apply or event in so `many`; auto lets the warm-up decide, so that calls not much longer than a clock reading are sampled")
	line.StringVar(&f.rate, "rate", "", "`events` that arrive a second while measuring (open loop), or max for the highest rate that the store keeps up with, or a share of that such as 70% (default: closed loop)")
	line.StringVar(&f.rateOf, "rate-of", "", "`spec` of the backend whose highest rate all run at the share of that -rate says (default: each at that of its own)")
	line.StringVar(&f.arrival, "arrival", "", "how the arrivals of the open loop are `spaced`: constant or poisson, or for a trace recorded (default constant)")
	line.StringVar(&f.watch, "watch", "", "`names` of instruments to watch each run besides "+strings.Join(bench.DefaultWatch(), " and ")+", separated by commas, such as curves; all, or none for none at all")
	line.StringVar(&f.device, "device", "", "flash `device` to simulate, such as op=0.28,gc=cost-benefit (default "+bench.DefaultDevice()+")")
	line.Func("set", "a knob of the workloads, as `knob=value` or workload.knob=value; may be repeated", func(s string) error {
		f.settings = append(f.settings, s)
		return nil
	})
	line.StringVar(&f.cpuCache, "cpu-cache", noPass, "count instructions and cache misses in a pass of its own, by a `tool` of valgrind: cachegrind, or callgrind, which is faster; none for no such pass")
	line.Float64Var(&f.cpuCacheScale, "cpu-cache-scale", 10, "`number` by which that pass divides the size of workloads and memory")
	line.BoolVar(&f.resume, "resume", false, "go on with the suite that was interrupted in the directory of -o; all other flags must be as they were")
	line.StringVar(&f.out, "o", "", "`directory` for the results, which must not exist or be empty (default results/DATE-TIME)")
	return line
}

// run runs what a parsed command line asks for.
func (f *benchFlags) run(line *commandLine, stdout, stderr io.Writer) error {
	given := map[string]bool{}
	line.Visit(func(g *flag.Flag) { given[g.Name] = true })
	if err := f.applyPreset(given); err != nil {
		return err
	}
	return benchmark(f, stdout, stderr)
}

func benchmark(f *benchFlags, stdout, stderr io.Writer) error {
	suite, err := f.suite()
	if err != nil {
		return err
	}
	dir, made, err := f.directory()
	if err != nil {
		return err
	}
	suite.Dir, suite.Progress, suite.Run, suite.Prepare = dir, stderr, runJob, prepareMachine(f.dropCaches)
	suite.Machine = host.Describe(dir)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out, err := suite.RunAll(ctx)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted; the runs that had ended are in %s, and -resume -o %s goes on with them",
			filepath.Join(dir, bench.PartFile), dir)
	}
	if err != nil {
		return errors.Join(explainResume(err), removeIfEmpty(dir, made))
	}
	if len(out.Results) > 0 {
		err = writeFiles(dir, out.Results)
	} else {
		err = removeIfEmpty(dir, made)
	}
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, bench.Describe(out.Results)+"\n"+bench.Table(out)); err != nil {
		return err
	}
	if len(out.Results) > 0 {
		fmt.Fprintf(stdout, "results in %s\n", dir)
	}
	if n := len(out.Failures); n > 0 {
		return fmt.Errorf("%d of %d runs have no numbers", n, n+len(out.Results))
	}
	return nil
}

// suite checks the command line and returns what it asks for.
func (f *benchFlags) suite() (*bench.Suite, error) {
	if f.reps < 1 && !(f.reps == 0 && f.cpuCache != noPass) {
		return nil, badInput("-reps must be at least 1; only with -cpu-cache may it be 0")
	}
	if f.retryDisturbed < 0 {
		return nil, badInput("-retry-disturbed must be at least 0")
	}
	s := &bench.Suite{Reps: f.reps, Seed: f.seed, RetryDisturbed: f.retryDisturbed, Resume: f.resume}
	if err := f.addCPUCache(s); err != nil {
		return nil, err
	}
	var workloads []bench.Workload
	names, err := splitList("-workload", f.workloads)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		w, err := bench.OpenWorkload(name)
		if err != nil {
			return nil, badInput("%w", err)
		}
		workloads = append(workloads, w)
		s.Workloads = append(s.Workloads, name)
	}
	if s.Knobs, err = f.knobs(workloads); err != nil {
		return nil, badInput("-set: %w", err)
	}
	specs, err := splitList("-backends", f.backends)
	if err != nil {
		return nil, err
	}
	if f.rateOf != "" && !slices.Contains(specs, f.rateOf) {
		return nil, badInput("-rate-of: %s is not among the -backends", f.rateOf)
	}
	watch, err := f.watched()
	if err != nil {
		return nil, err
	}
	device, err := bench.ParseDevice(f.device)
	if err != nil {
		return nil, badInput("-device: %w", err)
	}
	for _, text := range specs {
		c, err := f.candidate(text)
		if err != nil {
			return nil, badInput("%w", err)
		}
		c.Settings.Watch = watch
		if slices.Contains(watch, "device") {
			c.Settings.Device = device
		}
		for _, w := range workloads {
			if err := w.Suits(&c.Settings); err != nil {
				return nil, badInput("%w", err)
			}
		}
		s.Backends = append(s.Backends, c)
	}
	return s, nil
}

// splitList splits a list at commas and refuses what is empty or doubled.
func splitList(flag, text string) ([]string, error) {
	items := strings.Split(text, ",")
	for i, item := range items {
		if item == "" {
			return nil, badInput("%s: empty name in %q", flag, text)
		}
		if slices.Contains(items[:i], item) {
			return nil, badInput("%s: %s is named twice", flag, item)
		}
	}
	return items, nil
}

func (f *benchFlags) knobs(workloads []bench.Workload) (map[string]bench.Knobs, error) {
	var settings []bench.Setting
	for _, text := range f.settings {
		set, err := bench.ParseSetting(text)
		if err != nil {
			return nil, err
		}
		settings = append(settings, set)
	}
	return bench.Tune(workloads, settings)
}

// candidate checks a spec and returns it with its settings: those of the
// command line, unless the spec says otherwise.
func (f *benchFlags) candidate(text string) (bench.Candidate, error) {
	c := bench.Candidate{Spec: text, Settings: bench.Settings{
		Durability: f.durability, Compression: f.compression, Maintenance: f.maintenance, Arrival: f.arrival,
		MemoryLimit: f.limit,
	}}
	if err := f.setLoop(&c.Settings); err != nil {
		return c, err
	}
	if err := catalogue().Validate(text); err != nil {
		return c, err
	}
	memory := f.memory
	_, params, err := spec.Parse(text)
	if err != nil {
		return c, err
	}
	for _, p := range params {
		switch p.Name {
		case "memory":
			memory = p.Value
		case "durability":
			c.Settings.Durability = p.Value
		case "compression":
			c.Settings.Compression = p.Value
		case "maintenance":
			c.Settings.Maintenance = p.Value
		}
	}
	if memory != "" {
		if c.Settings.Memory, err = spec.ParseSize(memory); err != nil {
			return c, fmt.Errorf("memory %s: %w", memory, err)
		}
	} else if !catalogue().MemoryResident(text) {
		c.Settings.Memory = defaultBenchMemory
	}
	return c, c.Settings.Validate()
}

// setLoop sets how events arrive and which are timed.
func (f *benchFlags) setLoop(s *bench.Settings) error {
	var err error
	switch f.sample {
	case "auto":
		s.SampleEvery = bench.SampleAuto
	default:
		if s.SampleEvery, err = strconv.Atoi(f.sample); err != nil || s.SampleEvery < 1 {
			return fmt.Errorf("-sample %s: neither auto nor a whole number from 1 on", f.sample)
		}
	}
	switch f.rate {
	case "":
	case "max":
		s.RateMax = true
	default:
		percent, isShare := strings.CutSuffix(f.rate, "%")
		rate, err := strconv.ParseFloat(percent, 64)
		if err != nil || rate <= 0 || isShare && rate > 100 {
			return fmt.Errorf("-rate %s: neither max nor a number of events per second, nor a share from 0%% to 100%%", f.rate)
		}
		if !isShare {
			s.Rate = rate
		} else {
			s.RateShare = rate / 100
		}
	}
	s.RateOf = f.rateOf
	return nil
}

// resultsDir makes the directory for results, and says whether it did or found
// it empty.
func resultsDir(name string, now time.Time) (dir string, made bool, err error) {
	if name == "" {
		name = filepath.Join("results", now.Format("20060102-150405"))
	}
	entries, err := os.ReadDir(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return name, true, os.MkdirAll(name, 0o755)
	case err != nil:
		return "", false, badInput("%w", err)
	case len(entries) > 0:
		return "", false, badInput("%s is not empty: results are never overwritten", name)
	}
	return name, false, nil
}

// removeIfEmpty removes the directory of results if it was made for them and
// there are none.
func removeIfEmpty(dir string, made bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 || !made {
		return err
	}
	return os.Remove(dir)
}

// writeFiles writes what is made of the results beside them.
func writeFiles(dir string, results []bench.Result) error {
	if err := writeWhole(filepath.Join(dir, bench.GoBenchFile), bench.GoBench(results)); err != nil {
		return err
	}
	html, err := report.HTML(results)
	if err != nil {
		return err
	}
	return writeWhole(filepath.Join(dir, bench.ReportFile), html)
}

// writeWhole writes a file under another name first, so that none looks
// finished that is not.
func writeWhole(name string, data []byte) error {
	part := name + ".part"
	if err := os.WriteFile(part, data, 0o644); err != nil {
		return err
	}
	return os.Rename(part, name)
}
