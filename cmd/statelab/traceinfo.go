package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/trace"
)

const traceInfoDoc = `Says what the load of a trace is like: calls, bytes, keys and how their use is
spread, reuse distances, sizes, times to live, the working set over time. It reads
the whole trace, so that damage shows.`

func runTraceInfo(args []string, stdout, stderr io.Writer) int {
	line := traceLine(stdout, "trace info FILE", traceInfoDoc)
	format := line.String("format", "text", "text or json")
	paths, err := line.parse(args, 1, 1)
	if err == nil {
		err = traceFault(traceInfo(stdout, paths[0], *format))
	}
	return finish(stderr, "trace info", err)
}

func traceInfo(stdout io.Writer, path, format string) (err error) {
	if format != "text" && format != "json" {
		return badInput("-format is %q, neither text nor json", format)
	}
	_, totals, size, err := trace.Stat(path)
	if err != nil {
		return err
	}
	r, err := trace.OpenFile(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := trace.Summarize(r.Reader, totals.Records)
	if err != nil {
		return err
	}
	if format == "json" {
		e := json.NewEncoder(stdout)
		e.SetIndent("", "  ")
		return e.Encode(s)
	}
	perRecord := float64(size) / float64(max(1, s.Records))
	_, err = fmt.Fprintf(stdout, "%s: %d bytes, %.2f a record\n%s", path, size, perRecord, s.Text())
	return err
}

const traceImportDoc = `Makes a trace of a file, gzipped or not. The calls that its lines stand for are
made on a plain store in memory, so that the trace has the answers too.

formats:
`

func runTraceImport(args []string, stdout, stderr io.Writer) int {
	line := traceLine(stdout, "trace import -format NAME IN -o FILE [flags]", traceImportDoc+importFormats())
	name := line.String("format", "", "`name` of the format of IN: taxi, jobs or csv")
	out := line.String("o", "", "`file` to write")
	codec := line.String("codec", "zstd", "how blocks are compressed: zstd, s2 or none")
	given := map[string]float64{}
	line.Func("set", "a parameter of the format, as `name=value`; may be repeated", func(s string) error {
		set, err := bench.ParseSetting(s)
		given[set.Knob] = set.Value
		return err
	})
	paths, err := line.parse(args, 1, 1)
	if err == nil {
		err = importTrace(stdout, *name, paths[0], *out, *codec, given)
	}
	return finish(stderr, "trace import", err)
}

// importFormats explains the formats.
func importFormats() string {
	var b strings.Builder
	for _, f := range trace.Formats() {
		fmt.Fprintf(&b, "\n  %s\n%s", f.Name, paragraph("    ", f.Doc))
		for _, a := range f.Args {
			b.WriteString(paragraph("      ", fmt.Sprintf("-set %s=%v: %s", a.Name, a.Default, a.Doc)))
		}
	}
	return b.String()
}

func importTrace(stdout io.Writer, name, in, out, codecName string, given map[string]float64) error {
	f, err := trace.FindFormat(name)
	if err != nil {
		return badInput("-format: %w", err)
	}
	args, err := f.Resolve(given)
	if err != nil {
		return badInput("-set: %w", err)
	}
	codec, err := traceOutput(out, codecName)
	if err != nil {
		return err
	}
	file, err := os.Open(in)
	if err != nil {
		return badInput("%w", err)
	}
	defer file.Close()
	h := f.Header(in, args)
	h.Commit = traceCommit(out)
	t, err := trace.Create(out, h, codec)
	if err != nil {
		return err
	}
	ctx, stop := interruptible()
	defer stop()
	got, err := f.Import(ctx, in, file, args, t.Writer)
	if err != nil {
		err = errors.Join(err, t.Abandon())
		var input *trace.InputError
		if errors.As(err, &input) {
			return badInput("%w", err)
		}
		return err
	}
	totals, err := t.Commit()
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "%s: %d lines, %s; %d late\n", in, got.Lines, eventsText(got.Events), got.Late)
	return sayTrace(stdout, out, totals)
}

// eventsText lists events by kind.
func eventsText(events map[string]int64) string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(events)) {
		parts = append(parts, fmt.Sprintf("%s %d", kind, events[kind]))
	}
	return strings.Join(parts, ", ")
}
