package main

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/host"
	"github.com/statelab/statelab/internal/spec"
)

// applyPreset gives every flag that was not given what the suite of that name
// says, and checks those that a suite has a say in.
func (f *benchFlags) applyPreset(given map[string]bool) error {
	p, err := bench.FindPreset(f.preset)
	if err != nil {
		return badInput("-suite: %w", err)
	}
	if !given["workload"] {
		f.workloads = strings.Join(p.Workloads, ",")
	}
	if !given["reps"] {
		f.reps = p.Reps
	}
	if !given["drop-caches"] {
		f.dropCaches = p.DropCaches
	}
	f.presetWatch, f.limit = p.Watch, p.MemoryLimit
	if given["memory-limit"] {
		if f.limit, err = parseLimit(f.memoryLimit); err != nil {
			return err
		}
	}
	return nil
}

// watched returns the names of the instruments to use, sorted, so that their
// order makes no difference between results.
func (f *benchFlags) watched() ([]string, error) {
	switch f.watch {
	case "":
		return slices.Sorted(slices.Values(f.presetWatch)), nil
	case "all":
		return slices.Sorted(slices.Values(bench.InstrumentNames())), nil
	case "none":
		return nil, nil
	}
	names, err := splitList("-watch", f.watch)
	if err != nil {
		return nil, err
	}
	known := bench.Instruments()
	for _, name := range names {
		if !slices.ContainsFunc(known, func(i bench.Instrument) bool { return i.Name == name }) {
			return nil, badInput("-watch: unknown instrument %q; \"statelab list\" names them", name)
		}
	}
	names = append(names, bench.DefaultWatch()...)
	slices.Sort(names)
	return slices.Compact(names), nil
}

// parseLimit reads a bound on memory: a size, or auto, or none.
func parseLimit(text string) (int64, error) {
	switch text {
	case "auto":
		return bench.AutoLimit, nil
	case "none":
		return 0, nil
	}
	size, err := spec.ParseSize(text)
	if err != nil {
		return 0, badInput("-memory-limit %s: %w", text, err)
	}
	if size <= 0 {
		return 0, badInput("-memory-limit %s: nothing fits that", text)
	}
	return size, nil
}

// prepareMachine returns what is done before each run: dirty pages are written,
// so that no run pays for another's, and the page cache is dropped if asked for.
func prepareMachine(dropCaches bool) func() []string {
	return func() []string {
		host.Settle()
		if !dropCaches {
			return nil
		}
		if err := host.DropPageCache(); err != nil {
			return []string{"page cache not dropped: " + err.Error()}
		}
		return nil
	}
}

// directory returns that of the results, and says whether it was made or
// found empty.
func (f *benchFlags) directory() (dir string, made bool, err error) {
	if !f.resume {
		return resultsDir(f.out, time.Now())
	}
	if f.out == "" {
		return "", false, badInput("-resume goes on with the suite in -o, which names none")
	}
	if _, err := os.Stat(filepath.Join(f.out, bench.ResultsFile)); err == nil {
		return "", false, badInput("-resume: the suite in %s has come to its end", f.out)
	}
	return f.out, false, nil
}

// explainResume makes bad input of what keeps a suite from going on.
func explainResume(err error) error {
	var mismatch *bench.MismatchError
	var format *bench.FormatError
	if errors.As(err, &mismatch) || errors.As(err, &format) {
		return badInput("-resume: %w", err)
	}
	return err
}

// presetText lists the suites for the help of a flag.
func presetText(of func(bench.Preset) string) string {
	var parts []string
	for _, p := range bench.Presets() {
		parts = append(parts, p.Name+": "+of(p))
	}
	return strings.Join(parts, "; ")
}

func presetReps(p bench.Preset) string { return strconv.Itoa(p.Reps) }

func presetLimit(p bench.Preset) string {
	if p.MemoryLimit == bench.AutoLimit {
		return "auto"
	}
	return "none"
}

func presetWorkloads(p bench.Preset) string { return strings.Join(p.Workloads, ",") }
