package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/host"
	"github.com/statelab/statelab/bench/trace"
)

const traceDoc = `Keeps the calls on a store in a file and makes them again on others.

  record  run a workload and record every call on its store
  info    say what the load of a trace is like
  import  make a trace of a file of taxi rides, cluster jobs or operations
  replay  measure backends under the calls of a trace, as bench does

"statelab help trace SUBCOMMAND" says more. docs/TRACES.md has the format, and
what a trace does not keep.`

// traceCommands are what stands after "statelab trace".
func traceCommands() []command {
	return []command{
		{"record", "", runTraceRecord},
		{"info", "", runTraceInfo},
		{"import", "", runTraceImport},
		{"replay", "", runTraceReplay},
	}
}

func runTrace(args []string, stdout, stderr io.Writer) int {
	line := newCommandLine(stdout, "trace record|info|import|replay ...", traceDoc)
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		for _, c := range traceCommands() {
			if c.name == args[0] {
				return c.run(args[1:], stdout, stderr)
			}
		}
		return finish(stderr, "trace", badInput("unknown subcommand %q; usage: statelab %s", args[0], line.usage))
	}
	_, err := line.parse(args, 1, 1)
	return finish(stderr, "trace", err)
}

// traceLine returns the command line of a subcommand, which goes by its whole
// name in errors.
func traceLine(stdout io.Writer, usage, doc string) *commandLine {
	line := newCommandLine(stdout, usage, doc)
	words := strings.Fields(usage)
	line.rename(strings.Join(words[:2], " "))
	return line
}

// interruptible returns a context that ends with the program's interruption.
func interruptible() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
}

const traceRecordDoc = `Runs a workload on a backend in this process and records every call on the store,
with its answer, its event time and its arrival. There is a trace only if the
run's output is what the oracle computes. Nothing is measured.`

func runTraceRecord(args []string, stdout, stderr io.Writer) int {
	f := benchFlags{durability: "checkpoint", compression: "default", maintenance: "inline", sample: "1"}
	line := traceLine(stdout, "trace record -o FILE [flags]", traceRecordDoc)
	line.StringVar(&f.workloads, "workload", "J1s", "`name` of the workload")
	line.StringVar(&f.backends, "backend", "skiplist", "`spec` of the backend that answers")
	line.Uint64Var(&f.seed, "seed", 1, "`number` that the workload is generated from")
	line.StringVar(&f.memory, "memory", "", "memory `budget` of the backend (default 32MiB, and no bound for a memory-resident one)")
	line.Func("set", "a knob of the workload, as `knob=value`; may be repeated", func(s string) error {
		f.settings = append(f.settings, s)
		return nil
	})
	line.StringVar(&f.out, "o", "", "`file` to write")
	codec := line.String("codec", "zstd", "how blocks are compressed: zstd, s2 or none")
	_, err := line.parse(args, 0, 0)
	if err == nil {
		err = recordTrace(&f, *codec, stdout)
	}
	return finish(stderr, "trace record", err)
}

func recordTrace(f *benchFlags, codecName string, stdout io.Writer) (err error) {
	codec, err := traceOutput(f.out, codecName)
	if err != nil {
		return err
	}
	w, err := bench.OpenWorkload(f.workloads)
	if err != nil {
		return badInput("%w", err)
	}
	knobs, err := f.knobs([]bench.Workload{w})
	if err != nil {
		return badInput("-set: %w", err)
	}
	c, err := f.candidate(f.backends)
	if err != nil {
		return badInput("%w", err)
	}
	c.Settings.Knobs = knobs[w.Name]
	dir, err := os.MkdirTemp(filepath.Dir(f.out), "store-")
	if err != nil {
		return fmt.Errorf("make store directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	job := bench.Job{
		Backend: c.Spec, Workload: w.Name, Rep: 1, Seed: f.seed, Settings: c.Settings, Dir: filepath.Join(dir, "db"),
	}
	ctx, stop := interruptible()
	defer stop()
	totals, err := bench.RecordTrace(ctx, job, openBackend, f.out, codec)
	if err != nil {
		return err
	}
	return sayTrace(stdout, f.out, totals)
}

// traceOutput checks where a trace is to go and how.
func traceOutput(path, codecName string) (trace.Codec, error) {
	if path == "" {
		return 0, badInput("-o names the file to write, and is missing")
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return 0, badInput("-o: %s is no directory", filepath.Dir(path))
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return 0, badInput("-o: %s is a directory", path)
	}
	codec, err := trace.ParseCodec(codecName)
	if err != nil {
		return 0, badInput("-codec: %w", err)
	}
	return codec, nil
}

// sayTrace says what was written.
func sayTrace(stdout io.Writer, path string, totals trace.Totals) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "%s: %d records in %d bytes, answers %s\n", path, totals.Records, info.Size(), trace.AnswersText(totals.Answers))
	return err
}

// traceFault makes an inputError of what is wrong with a trace, and leaves other
// errors as they are.
func traceFault(err error) error {
	var corrupt *statelab.CorruptError
	var mismatch *trace.MismatchError
	if errors.Is(err, trace.ErrNotTrace) || errors.Is(err, os.ErrNotExist) || errors.As(err, &corrupt) || errors.As(err, &mismatch) {
		return badInput("%w", err)
	}
	return err
}

const traceReplayDoc = `Measures backends under the calls of a trace, each in a process of its own, as
bench measures them under a workload: all of its flags apply but -workload. Each
answer is held against the recorded one, and what comes out against a replay on a
plain store in memory. Without -rate and -speed the loop is closed.`

func runTraceReplay(args []string, stdout, stderr io.Writer) int {
	var f benchFlags
	line := f.commandLine(stdout, "trace replay FILE [flags]", traceReplayDoc)
	line.rename("trace replay")
	speed := line.Float64("speed", 0, "open loop that keeps the recorded arrivals, so `many` times as fast")
	paths, err := line.parse(args, 1, 1)
	if err == nil {
		err = f.replayOf(line, paths[0], *speed)
	}
	if err == nil {
		err = traceFault(f.run(line, stdout, stderr))
	}
	return finish(stderr, "trace replay", err)
}

// replayOf sets the flags of bench for the replay of a trace.
func (f *benchFlags) replayOf(line *commandLine, path string, speed float64) error {
	if f.workloads != "" {
		return badInput("-workload is of no use: the trace is the workload")
	}
	if strings.Contains(path, ",") {
		return badInput("%s: commas divide the names of workloads", path)
	}
	h, totals, _, err := trace.Stat(path)
	if err != nil {
		return traceFault(err)
	}
	set := map[string]string{"workload": bench.TraceWorkload + path, "seed": strconv.FormatUint(h.Seed, 10)}
	if speed != 0 {
		if f.rate != "" || f.arrival != "" {
			return badInput("-speed stands for -rate and -arrival: give the one or the others")
		}
		if !(speed > 0) || totals.Elapsed == 0 {
			return badInput("-speed %v: it must be more than 0, and the trace must have arrivals", speed)
		}
		rate := speed * 1e6 * float64(totals.Records) / float64(totals.Elapsed)
		set["rate"], set["arrival"] = strconv.FormatFloat(rate, 'g', -1, 64), bench.ArrivalRecorded
	}
	for name, value := range set {
		if err := line.Set(name, value); err != nil {
			return badInput("-%s: %w", name, err)
		}
	}
	return nil
}

// traceCommit is the commit that a trace names.
func traceCommit(path string) string { return host.Describe(filepath.Dir(path)).Commit }
