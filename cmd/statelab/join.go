package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/internal/spec"
	"github.com/statelab/statelab/join/pipeline"
)

const joinDoc = `Runs the join that FILE describes, from files to a file, on any backend. The
output appears under its name when it is complete. If the definition names a
state dir, a join that was interrupted, by whatever, goes on when it is run
again, and its output is the same, byte for byte; SIGINT and SIGTERM make it
commit first, and SIGUSR1 commit and go on. A source that is followed has no end:
the join goes on with what is added to its file until it is stopped. examples/rides.yaml is a FILE, and its fields are listed below.

With -mode batch the input, which has an end, is sorted instead, and neither state nor
timers are kept: the output is the same, sooner. Sorting takes the memory and the
state dir of FILE, nothing else of its state, and begins anew after an interruption.
With -mode backlog what sources that are followed hold already is sorted, and the join then
goes on as a stream with what is added to them: the output is that of a stream all along.

The flags override fields of FILE. The summary counts what became of every
event and ends with the SHA-256 of the output; it goes to stdout (to stderr if
the output does). Keys with a hundredth or more of the events that this run has read are
named as hot, once there are 10,000. On a terminal, progress is shown on stderr.

` + pipeline.Reference

// joinFlags are the command line of join, as text; what is empty overrides nothing.
type joinFlags struct {
	file, summary                     string
	backend, stateDir, memory, output string
	mode                              string // stream, batch or backlog
	metrics, log, logLevel            string
	partitions                        int // 0 overrides nothing
}

func runJoin(args []string, stdout, stderr io.Writer) int {
	var f joinFlags
	line := newCommandLine(stdout, "join -f FILE [flags]", strings.TrimSpace(joinDoc))
	line.StringVar(&f.file, "f", "", "the pipeline `file`")
	line.StringVar(&f.summary, "summary", "text", "`form` of the summary: text or json")
	line.StringVar(&f.backend, "backend", "", "`spec` of the backend, such as btree or lsm?memory=64MiB")
	line.StringVar(&f.stateDir, "state-dir", "", "`directory` of the state")
	line.StringVar(&f.memory, "memory", "", "memory `budget` of the backend, such as 64MiB")
	line.IntVar(&f.partitions, "partitions", 0, "`number` of partitions")
	line.StringVar(&f.mode, "mode", "stream", "`mode`: stream; batch, which sorts bounded input instead of keeping state; or backlog, which sorts what there is and goes on as a stream")
	line.StringVar(&f.metrics, "metrics", "", "`address`, such as localhost:9108, at which /metrics tells Prometheus how the join is doing")
	line.StringVar(&f.log, "log", "", "`form` of what is logged to stderr: text or json; nothing is, by default")
	line.StringVar(&f.logLevel, "log-level", "info", "`level` of what is logged: info, or debug, which has commits and what stores do")
	line.StringVar(&f.output, "output", "", "output `file`; - is standard output")
	_, err := line.parse(args, 0, 0)
	if err == nil {
		defer debug.SetGCPercent(debug.SetGCPercent(joinGCPercent))
		err = runPipeline(&f, stdout, stderr)
	}
	return finish(stderr, "join", err)
}

// joinGCPercent is how far the heap grows between collections. State lies outside the heap, on which there are but some
// ten megabytes of buffers: to collect them often costs little, and what they leave is memory
// beyond the one that the definition gives.
const joinGCPercent = 25

func runPipeline(f *joinFlags, stdout, stderr io.Writer) error {
	def, err := f.definition()
	if err != nil {
		return err
	}
	// Checked here, so that a wrong spec leaves not even a directory.
	if err := backends.Validate(def.State.Backend); err != nil {
		return badInput("%s: state.backend: %w", def.Name, err)
	}
	log, err := newJoinLogger(f.log, f.logLevel, stderr)
	if err != nil {
		return err
	}
	server, err := serveMetrics(f.metrics, log)
	if err != nil {
		return err
	}
	defer server.close()
	tempState := ""
	if def.State.Dir == "" { // or all of the state lies there, and a restart finds what a killed run left
		temp, err := newJoinTemp()
		if err != nil {
			return err
		}
		defer temp.close()
		tempState = temp.state()
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	commit := make(chan os.Signal, 1)
	signal.Notify(commit, syscall.SIGUSR1)
	defer signal.Stop(commit)

	var hot []pipeline.HotKey
	progress := newProgressLine(stderr)
	if log != nil {
		progress = newProgressLine(io.Discard) // or the two would write over each other
	}
	summary, err := pipeline.Run(ctx, def, pipeline.Options{
		OpenStore: backends.Open,
		TempDir:   tempState,
		Stdin:     os.Stdin,
		Stdout:    stdout,
		Progress:  progress.update(),
		Commit:    commit,
		Monitor:   server.monitor,
		Logger:    log,
		HotKeys:   func(keys []pipeline.HotKey) { hot = keys },
	})
	progress.clear()
	if err != nil {
		return joinError(err)
	}
	if def.Output == "-" {
		stdout = stderr
	}
	return printSummary(stdout, f.summary, def, summary, hot)
}

// definition reads the pipeline file and applies the flags to it.
func (f *joinFlags) definition() (*pipeline.Definition, error) {
	if f.file == "" {
		return nil, badInput("no pipeline file; give one with -f")
	}
	if f.summary != "text" && f.summary != "json" {
		return nil, badInput("-summary %q is neither text nor json", f.summary)
	}
	if !slices.Contains([]string{"stream", "batch", "backlog"}, f.mode) {
		return nil, badInput("-mode %q is neither stream, batch nor backlog", f.mode)
	}
	text, err := os.ReadFile(f.file)
	if err != nil {
		return nil, badInput("read pipeline file: %w", err)
	}
	def, err := pipeline.Parse(f.file, text, os.LookupEnv)
	if err != nil {
		return nil, joinError(err)
	}
	def.Batch, def.Backlog = f.mode == "batch", f.mode == "backlog"
	if f.backend != "" {
		def.State.Backend = f.backend
	}
	if f.stateDir != "" {
		def.State.Dir = f.stateDir
	}
	if f.output != "" {
		def.Output = f.output
	}
	if f.partitions != 0 {
		def.State.Partitions = f.partitions
	}
	if f.memory != "" {
		if def.State.Memory, err = spec.ParseSize(f.memory); err != nil {
			return nil, badInput("-memory: %w", err)
		}
	}
	if def.Output == "-" && f.summary == "json" {
		return nil, badInput("-summary json goes to standard output, and so does the join's output")
	}
	return def, nil
}

// joinError says whether an error is the input's fault.
func joinError(err error) error {
	var input *pipeline.InputError
	if errors.As(err, &input) || errors.Is(err, statelab.ErrLocked) || errors.Is(err, statelab.ErrMismatch) {
		return badInput("%w", err)
	}
	return err
}

func printSummary(w io.Writer, form string, def *pipeline.Definition, s pipeline.Summary, hot []pipeline.HotKey) error {
	if form == "json" {
		return json.NewEncoder(w).Encode(struct {
			pipeline.Summary
			HotKeys []pipeline.HotKey `json:"hot_keys,omitempty"`
		}{s, hot})
	}
	corrections := ""
	if s.Corrections > 0 {
		corrections = fmt.Sprintf(", %d corrections", s.Corrections)
	}
	right := ""
	if def.Spec.Kind.Inputs() == 2 {
		right = fmt.Sprintf("right  %d in: %d matched, %d unmatched, %d late, %d waiting\n",
			s.RightIn, s.MatchedRight, s.UnmatchedRight, s.LateRight, s.WaitingRight)
	}
	if len(hot) > 0 {
		if _, err := fmt.Fprintf(w, "hot keys %s\n", hotKeysText(hot)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, `left   %d in: %d matched, %d unmatched, %d late, %d waiting
%s%d pairs, %d samples, %d negatives dropped%s; %d rows filtered, %d events rejected
%s  %s
`,
		s.LeftIn, s.MatchedLeft, s.UnmatchedLeft, s.LateLeft, s.WaitingLeft, right,
		s.Pairs, s.Samples, s.NegativesDropped, corrections, s.Filtered, s.Rejected, def.Output, s.Checksum)
	return err
}

// hotKeysText names the first of the hot keys, with their shares.
func hotKeysText(hot []pipeline.HotKey) string {
	const most = 5
	var texts []string
	for _, h := range hot[:min(len(hot), most)] {
		texts = append(texts, fmt.Sprintf("%q %.1f%%", h.Key, 100*h.Share))
	}
	if len(hot) > most {
		texts = append(texts, fmt.Sprintf("and %d more", len(hot)-most))
	}
	return strings.Join(texts, ", ")
}
