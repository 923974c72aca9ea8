package bench

import (
	"runtime"
	rtmetrics "runtime/metrics"

	"github.com/statelab/statelab/bench/host"
)

var memoryMetrics = []MetricDoc{
	{"rss_bytes", "bytes", Lower, "Resident memory of the process at the end (VmRSS), harness included, and pages of mapped files too. Absent where /proc does not tell."},
	{"rss_peak_bytes", "bytes", Lower, "Greatest resident memory of the process, warm-up included (VmHWM). Absent where /proc does not tell."},
	{"rss_mapped_bytes", "bytes", Neither, "Of rss_bytes: pages of mapped files (RssFile), the program's own included. A store that maps its files holds its cache here."},
	{"harness_rss_bytes", "bytes", Neither, "rss_peak_bytes of the same run over a store that keeps nothing."},
	{"live_bytes_per_record", "bytes", Neither, "live_bytes divided by live_records: what a record is, key and value, before any store has added to it."},
	{"memory_bytes_per_record", "bytes", Lower, "memory_peak_bytes divided by live_records: what the store says it takes in memory for each. A store with a budget keeps the rest on disk."},
	{"rss_bytes_per_record", "bytes", Lower, "rss_peak_bytes less harness_rss_bytes, divided by live_records: what the process has grown by for each, as the system counts it. Absent where it has not grown."},
	{"rss_amp", "ratio", Lower, "rss_bytes_per_record divided by live_bytes_per_record: what the process has grown by for each byte of state, allocator and collector included. Absent where it has not grown."},
	{"disk_bytes_per_record", "bytes", Lower, "disk_bytes divided by live_records."},
	{"heap_objects", "objects", Lower, "Objects on the Go heap at the end, after a collection, harness included."},
	{"heap_bytes", "bytes", Lower, "Bytes of those objects."},
	{"allocs_per_event", "objects", Lower, "Objects allocated on the Go heap per event, harness included. The runtime counts them in batches, so that some hundred of the whole phase may be missing or too many."},
	{"harness_allocs_per_event", "objects", Neither, "allocs_per_event of the same run over a store that keeps nothing. Beside buffers that grow, the drivers allocate nothing."},
	{"gc_count", "cycles", Lower, "Garbage collections in the measured phase."},
	{"gc_cpu_ratio", "ratio", Lower, "Processor time of garbage collection (without what ran on idle processors) divided by that of the process, as the Go runtime estimates it at its last collection."},
	{"gc_pause_max_us", "us", Lower, "Longest pause of the world for a collection, as the upper bound of its histogram's bucket. Absent without a pause."},
	{"memory_limit_bytes", "bytes", Neither, "What the control group let the process hold, page cache included. Absent if nothing bounded it."},
	{"cgroup_peak_bytes", "bytes", Neither, "The most that the control group held, warm-up and page cache included. Absent without a group, and before Linux 5.19 with version 2."},
	{"cgroup_page_cache_bytes", "bytes", Neither, "Page cache that the control group held at the end. Absent without a group."},
}

// emitMemory adds what the process holds now. Resident memory is read
// before the collection that precedes the heap's figures.
func emitMemory(m Metrics) {
	if mem, ok := host.ReadMemory(); ok {
		m.set("rss_bytes", float64(mem.Resident))
		m.set("rss_peak_bytes", float64(mem.Peak))
		m.set("rss_mapped_bytes", float64(mem.Mapped))
	}
	runtime.GC()
	samples := []rtmetrics.Sample{
		{Name: "/gc/heap/objects:objects"},
		{Name: "/memory/classes/heap/objects:bytes"},
	}
	rtmetrics.Read(samples)
	m.set("heap_objects", float64(samples[0].Value.Uint64()))
	m.set("heap_bytes", float64(samples[1].Value.Uint64()))
}

// emitGroup adds what the control group in dir holds; nothing if dir is empty.
func emitGroup(m Metrics, dir string) error {
	if dir == "" {
		return nil
	}
	mem, err := (&host.Group{Dir: dir}).Memory()
	if err != nil {
		return err
	}
	m.set("memory_limit_bytes", float64(mem.Limit))
	if mem.Peak > 0 {
		m.set("cgroup_peak_bytes", float64(mem.Peak))
	}
	m.set("cgroup_page_cache_bytes", float64(mem.PageCache))
	return nil
}

// emitPerRecord adds what each of the records that are still needed costs.
func (m Metrics) emitPerRecord(records int64) {
	for of, name := range map[string]string{
		"live_bytes": "live_bytes_per_record", "memory_peak_bytes": "memory_bytes_per_record", "disk_bytes": "disk_bytes_per_record",
	} {
		if all, ok := m[of]; ok {
			m.setRatio(name, all.Value, float64(records))
		}
	}
	rss, ok1 := m["rss_peak_bytes"]
	harness, ok2 := m["harness_rss_bytes"]
	if grown := rss.Value - harness.Value; ok1 && ok2 && grown > 0 {
		m.setRatio("rss_bytes_per_record", grown, float64(records))
		m.setRatio("rss_amp", grown, m["live_bytes"].Value)
	}
}
