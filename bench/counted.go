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

// A loader is a driver that can go the first part of its warm-up by itself: the part that
// brings state in, after which enough is left for caches to warm up. Its warmUp
// does what is left.
type loader interface {
	load(context.Context) error
}

// runUntil takes a driver to the end of a phase and measures nothing but what
// came out. It tells the simulator, if there is one to hear it, to count the measured phase.
func runUntil(ctx context.Context, d driver, last Phase) (Measurement, error) {
	if l, ok := d.(loader); ok {
		if err := l.load(ctx); err != nil {
			return Measurement{}, fmt.Errorf("load: %w", err)
		}
	}
	cachegrind.Start()
	if err := d.warmUp(ctx); err != nil {
		return Measurement{}, fmt.Errorf("warm-up: %w", err)
	}
	warm := d.tally()
	if last == Measured {
		cachegrind.Reset()
		err := d.measure(ctx)
		cachegrind.Stop()
		if err != nil {
			return Measurement{}, err
		}
	}
	done := d.tally()
	return Measurement{Events: done.events - warm.events, Checksum: done.checksum}, nil
}

// Cachegrind and Callgrind are the names of the passes that count under valgrind's tools of
// these names. The results of a pass stand apart from those of the runs that are timed.
const (
	Cachegrind = string(cachegrind.Cachegrind)
	Callgrind  = string(cachegrind.Callgrind)
)

// counts says whether a pass is one that counts.
func counts(pass string) bool { return pass == Cachegrind || pass == Callgrind }

const cachegrindNote = ", by valgrind's cachegrind or callgrind: simulated caches of the geometry in settings.cpu_cache; one thread, maintenance inline, no collector; " +
	"what comes before the measured phase is not in it. Harness included. Models no TLB, no prefetching, no other cores and no kernel."

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
	Tool      string               `json:"tool"` // such as "valgrind-3.19.0"
	Simulator cachegrind.Simulator `json:"simulator"`
	Geometry  cachegrind.Geometry  `json:"geometry"`

	// Scale divides the size of the workloads, since a program is some fifty
	// times slower while it is counted, and the memory of backends with it.
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
	job.Pass, job.CPUCache = string(c.Simulator), c
	job.Watch, job.MemoryLimit = nil, 0
	job.closeLoop()
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

// A Counter runs a job in a process of its own under the simulator of the job's
// pass, over a directory that each time does not exist.
type Counter func(context.Context, Job) (cachegrind.Run, Measurement, error)

// Count runs a job of the pass. Callgrind is told what the measured phase is. Under cachegrind the job
// runs to the end of its warm-up and once more to the end; the difference is what the
// measured phase costs.
func Count(ctx context.Context, job Job, run Counter) (Measurement, error) {
	warm := cachegrind.Run{Fixed: true}
	if job.Pass == Cachegrind {
		job.Until = WarmUp
		var err error
		if warm, _, err = run(ctx, job); err != nil {
			return Measurement{}, err
		}
		if err := os.RemoveAll(job.Dir); err != nil {
			return Measurement{}, fmt.Errorf("remove store: %w", err)
		}
	}
	job.Until = Measured
	whole, m, err := run(ctx, job)
	if err != nil {
		return Measurement{}, err
	}
	if !warm.Fixed || !whole.Fixed {
		m.Notes = append(m.Notes, job.Pass+": the address layout could not be fixed, so that counts of misses vary from run to run")
	}
	if n := whole.Counts.Instructions - warm.Counts.Instructions; job.Pass == Cachegrind && n < repeatable {
		m.Notes = append(m.Notes, fmt.Sprintf("cachegrind: the measured phase took %.0f million instructions; "+
			"below %.0f million, counts do not repeat within 1 %%", n/1e6, repeatable/1e6))
	}
	m.emitCounts(warm.Counts, whole.Counts)
	return m, nil
}

// repeatable is how many instructions a phase must have under cachegrind for its counts to
// be the same within one percent in a second run: what two processes do differently before
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
