package main

import (
	"slices"
	"strconv"
	"strings"

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
