package bench

import (
	"context"
	"fmt"
	"maps"
	"math"
	"os"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/cachegrind"
)

// A Phase is a part of a run, the warm-up or the measured phase.
type Phase string

const (
	WarmUp   Phase = "warm-up"
	Measured Phase = "measured"
)

// runUntil takes a driver to the end of a phase and measures nothing but what
// came out.
func runUntil(ctx context.Context, d driver, last Phase) (Measurement, error) {
	if err := d.warmUp(ctx); err != nil {
		return Measurement{}, fmt.Errorf("warm-up: %w", err)
	}
	warm := d.tally()
	if last == Measured {
		if err := d.measure(ctx); err != nil {
			return Measurement{}, err
		}
	}
	done := d.tally()
	return Measurement{Events: done.events - warm.events, Checksum: done.checksum}, nil
}

// Cachegrind is the name of the pass that counts under valgrind's cachegrind. The
// results of a pass stand apart from those of the runs that are timed.
const Cachegrind = "cachegrind"

const cachegrindNote = ", by valgrind's cachegrind: simulated caches of the geometry in settings.cpu_cache; one thread, maintenance inline, no collector; " +
	"the run up to the end of the warm-up is counted alone and subtracted. Harness included. Models no TLB, no prefetching, no other cores and no kernel."

var cachegrindMetrics = []MetricDoc{
	{"cachegrind_instructions_per_event", "instructions", Lower, "Instructions per event in user mode" + cachegrindNote},
	{"cachegrind_i1_misses_per_event", "misses", Lower, "Instruction fetches per event that missed the first level" + cachegrindNote},
	{"cachegrind_d1_misses_per_event", "misses", Lower, "Reads and writes of data per event that missed the first level" + cachegrindNote},
	{"cachegrind_ll_misses_per_event", "misses", Lower, "Reads and writes of data, and instruction fetches, per event that missed the last level" + cachegrindNote},
	{"cachegrind_mispredicted_per_event", "branches", Lower, "Branches per event that cachegrind's simple predictor got wrong" + cachegrindNote},
	{"harness_instructions_per_event", "instr", Neither, "cachegrind_instructions_per_event of the same run over a store that keeps nothing."},
	{"harness_d1_misses_per_event", "misses", Neither, "cachegrind_d1_misses_per_event of the same run over a store that keeps nothing."},
	{"harness_ll_misses_per_event", "misses", Neither, "cachegrind_ll_misses_per_event of the same run over a store that keeps nothing."},
}

// CPUCache says how instructions and cache misses are counted, in a pass
// of its own after the runs that are timed.
type CPUCache struct {
	Tool     string              `json:"tool"` // such as "valgrind-3.19.0"
	Geometry cachegrind.Geometry `json:"geometry"`

	// Scale divides the size of the workloads, since a program is some fifty
	// times slower under cachegrind, and the memory of backends with it.
	Scale float64 `json:"scale"`
}

// String says what counts depend on; nothing if c is nil.
func (c *CPUCache) String() string {
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s, %v (bytes, ways, bytes a line), size and memory divided by %s", c.Tool, c.Geometry, number(c.Scale))
}

// scaled are the knobs that make the size of a workload.
var scaled = []string{"live", "records", "warm_lookups", "lookups"}

// countedJob makes a job of the pass out of one that would be timed.
func (c *CPUCache) countedJob(job Job) Job {
	job.Pass, job.CPUCache = Cachegrind, c
	job.Watch, job.MemoryLimit, job.Rate, job.RateMax, job.Arrival = nil, 0, 0, false, ""
	job.Maintenance = statelab.MaintenanceInline.String()
	job.SampleEvery = math.MaxInt32 // a look at the clock is not the store's
	if job.Memory > 0 {
		job.Memory = max(statelab.MinMemory, int64(float64(job.Memory)/c.Scale))
	}
	job.Knobs = maps.Clone(job.Knobs)
	for _, name := range scaled {
		if v, ok := job.Knobs[name]; ok {
			job.Knobs[name] = max(1, math.Round(v/c.Scale))
		}
	}
	return job
}

// Count runs a job of the pass, to the end of its warm-up and once more to the
// end; the difference is what the measured phase costs. run runs it in a process of its
// own under cachegrind, over a directory that each time does not exist.
func Count(ctx context.Context, job Job, run func(context.Context, Job) (cachegrind.Run, Measurement, error)) (Measurement, error) {
	job.Until = WarmUp
	warm, _, err := run(ctx, job)
	if err != nil {
		return Measurement{}, err
	}
	if err := os.RemoveAll(job.Dir); err != nil {
		return Measurement{}, fmt.Errorf("remove store: %w", err)
	}
	job.Until = Measured
	whole, m, err := run(ctx, job)
	if err != nil {
		return Measurement{}, err
	}
	if !warm.Fixed || !whole.Fixed {
		m.Notes = append(m.Notes, "cachegrind: the address layout could not be fixed, so that counts of misses vary from run to run")
	}
	if n := whole.Counts.Instructions - warm.Counts.Instructions; n < repeatable {
		m.Notes = append(m.Notes, fmt.Sprintf("cachegrind: the measured phase took %.0f million instructions; "+
			"below %.0f million, counts do not repeat within 1 %%", n/1e6, repeatable/1e6))
	}
	m.emitCounts(warm.Counts, whole.Counts)
	return m, nil
}

// repeatable is how many instructions a phase must have for its counts to be the
// same within one percent in a second run: what two processes do differently before
// they have done anything, some 300,000 instructions, is less than that of it.
const repeatable = 50e6

// emitCounts adds the metrics of what the whole run cost more than its warm-up. Where
// that is less than the runtime's own threads do differently from run to run, the
// difference can fall below zero, which no count is.
func (m *Measurement) emitCounts(warm, whole cachegrind.Counts) {
	m.Metrics = Metrics{}
	events := float64(m.Events)
	m.Metrics.set("events", events)
	m.Metrics.set("output_checksum", float64(m.Checksum))
	for _, c := range []struct {
		name  string
		count float64
	}{
		{"cachegrind_instructions_per_event", whole.Instructions - warm.Instructions},
		{"cachegrind_i1_misses_per_event", whole.I1Misses - warm.I1Misses},
		{"cachegrind_d1_misses_per_event", whole.D1Misses - warm.D1Misses},
		{"cachegrind_ll_misses_per_event", whole.LLMisses - warm.LLMisses},
		{"cachegrind_mispredicted_per_event", whole.Mispredicted - warm.Mispredicted},
	} {
		m.Metrics.setRatio(c.name, max(0, c.count), events)
	}
}
