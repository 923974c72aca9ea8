package bench

import (
	"math"
	rtmetrics "runtime/metrics"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/host"
)

// A reading is what the counters of process, runtime and store say at a
// moment. Metrics are made of the difference of two.
type reading struct {
	at    time.Time
	usage host.Usage
	io    host.IO
	ioOK  bool
	gc    gcReading
	store statelab.Stats
}

func takeReading(s statelab.Store) reading {
	r := reading{store: s.Stats(), gc: readGC()}
	r.io, r.ioOK = host.ReadIO()
	r.usage = host.ReadUsage()
	r.at = time.Now()
	return r
}

// since adds the metrics of the phase from before to r, in which events were
// handled that brought logical bytes of state.
func (r *reading) since(before *reading, events, logical int64, m Metrics) {
	elapsed := r.at.Sub(before.at).Seconds()
	cpu := (r.usage.CPU - before.usage.CPU).Seconds()
	m.set("events", float64(events))
	m.set("elapsed_s", elapsed)
	m.set("logical_bytes", float64(logical))
	m.setRatio("events_per_s", float64(events), elapsed)
	m.setRatio("cpu_us_per_event", cpu*1e6, float64(events))
	r.emitWrites(before, logical, m)
	r.emitReads(before, m)
	r.emitBlocks(before, events, m)
	r.gc.since(&before.gc, cpu, m)
	m.setRatio("allocs_per_event", float64(r.gc.allocs-before.gc.allocs), float64(events))
}

// leastUntold is more than the harness itself writes in a measured phase, in bytes.
const leastUntold = 1 << 20

func (r *reading) emitWrites(before *reading, logical int64, m Metrics) {
	m.set("file_syncs", float64(r.store.Syncs-before.store.Syncs))
	m.set("stall_count", float64(r.store.Stalls-before.store.Stalls))
	m.set("stall_us", float64((r.store.StallTime - before.store.StallTime).Microseconds()))
	for name, took := range map[string]time.Duration{
		"stall_longest_us":   r.store.LongestStall,
		"slow_us":            r.store.SlowTime - before.store.SlowTime,
		"advance_longest_us": r.store.LongestAdvance,
	} {
		if took > 0 {
			m.set(name, float64(took.Nanoseconds())/1e3)
		}
	}
	now, then := r.store.Written, before.store.Written
	engine := now.Total() - then.Total()
	below, known := r.io.SentDown()-before.io.SentDown(), r.ioOK && before.ioOK
	if known && (below > 0 || engine == 0) { // a file system in memory reports nothing
		m.setRatio("write_amp_fs", float64(max(0, below)), float64(logical))
	}
	if known && engine == 0 && below >= leastUntold {
		return // the store does not tell what it writes
	}
	m.setRatio("write_amp_engine", float64(engine), float64(logical))
	m.set("written_log_bytes", float64(now.Log-then.Log))
	m.set("written_flush_bytes", float64(now.Flush-then.Flush))
	m.set("written_compaction_bytes", float64(now.Compaction-then.Compaction))
	m.set("written_page_bytes", float64(now.Page-then.Page))
	m.set("written_images_bytes", float64(now.Images-then.Images))
	m.set("written_snapshot_bytes", float64(now.Snapshot-then.Snapshot))
	m.set("written_checkpoint_bytes", float64(now.Checkpoint-then.Checkpoint))
	m.set("written_meta_bytes", float64(now.Meta-then.Meta))
}

func (r *reading) emitReads(before *reading, m Metrics) {
	m.set("read_bytes", float64(r.store.ReadBytes-before.store.ReadBytes))
	m.setRatio("filter_negative_ratio",
		float64(r.store.Filter.Negatives-before.store.Filter.Negatives),
		float64(r.store.Filter.Probes-before.store.Filter.Probes))
}

// A gcReading is what the Go runtime says of its collector. The runtime
// brings its estimates of processor time up to date at the end of each collection.
type gcReading struct {
	cycles uint64
	cpu    float64 // seconds, without idle marking
	pauses *rtmetrics.Float64Histogram
	allocs uint64 // objects so far
}

func readGC() gcReading {
	samples := []rtmetrics.Sample{
		{Name: "/gc/cycles/total:gc-cycles"},
		{Name: "/cpu/classes/gc/total:cpu-seconds"},
		{Name: "/cpu/classes/gc/mark/idle:cpu-seconds"},
		{Name: "/sched/pauses/total/gc:seconds"},
		{Name: "/gc/heap/allocs:objects"},
		{Name: "/gc/heap/tiny/allocs:objects"}, // which the one before leaves out
	}
	rtmetrics.Read(samples)
	return gcReading{
		cycles: samples[0].Value.Uint64(),
		cpu:    samples[1].Value.Float64() - samples[2].Value.Float64(),
		pauses: samples[3].Value.Float64Histogram(),
		allocs: samples[4].Value.Uint64() + samples[5].Value.Uint64(),
	}
}

func (g *gcReading) since(before *gcReading, cpuSeconds float64, m Metrics) {
	m.set("gc_count", float64(g.cycles-before.cycles))
	m.setRatio("gc_cpu_ratio", max(0, g.cpu-before.cpu), cpuSeconds)
	for i := len(g.pauses.Counts) - 1; i >= 0; i-- {
		if g.pauses.Counts[i] > before.pauses.Counts[i] {
			bound := g.pauses.Buckets[i+1]
			if math.IsInf(bound, 1) {
				bound = g.pauses.Buckets[i]
			}
			m.set("gc_pause_max_us", bound*1e6)
			return
		}
	}
}
