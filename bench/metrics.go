package bench

// A Direction says which way a metric gets better.
type Direction int8

const (
	Neither Direction = iota // it describes; it does not judge
	Higher
	Lower
)

func (d Direction) String() string {
	return [...]string{"neither", "higher", "lower"}[d]
}

// A MetricDoc says what a metric means. Names are stable: results of years ago
// must still mean what they say.
type MetricDoc struct {
	Name   string
	Unit   string
	Better Direction
	Doc    string
}

// A Metric is a measured value.
type Metric struct {
	Value float64 `json:"value"`
	Unit  string  `json:"unit"`
}

// Metrics are values by name. What could not be measured is not there.
type Metrics map[string]Metric

// set adds a metric with the unit its documentation states.
func (m Metrics) set(name string, value float64) {
	doc, _ := FindMetric(name)
	m[name] = Metric{Value: value, Unit: doc.Unit}
}

// setRatio adds a ratio if there is something to divide by.
func (m Metrics) setRatio(name string, part, whole float64) {
	if whole > 0 {
		m.set(name, part/whole)
	}
}

// FindMetric returns the documentation of a metric.
func FindMetric(name string) (MetricDoc, bool) {
	for _, doc := range MetricDocs() {
		if doc.Name == name {
			return doc, true
		}
	}
	return MetricDoc{}, false
}

// MetricDocs returns the documentation of every metric, in the order in which
// reports show them. "Measured phase" is what follows the warm-up.
func MetricDocs() []MetricDoc {
	docs := append([]MetricDoc(nil), mainMetrics...)
	docs = append(docs, recoveryMetrics...)
	docs = append(docs, memoryMetrics...)
	docs = append(docs, neighbourMetrics...)
	docs = append(docs, counterMetrics...)
	docs = append(docs, cachegrindMetrics...)
	docs = append(docs, residencyMetrics...)
	docs = append(docs, blockMetrics()...)
	docs = append(docs, missRatioMetrics...)
	docs = append(docs, latencyMetrics()...)
	docs = append(docs, rateMetrics...)
	docs = append(docs, deviceMetrics...)
	return docs
}

var mainMetrics = []MetricDoc{
	{"events_per_s", "events/s", Higher, "Events handled per second of wall time, checkpoints included. There is one caller, so other load on the machine shows; in the open loop it can be no more than rate_per_s."},
	{"cpu_us_per_event", "us", Lower, "User and system time of the process over the measured phase, all threads, divided by events. Includes background work, the collector and the harness (harness_us_per_event). Absent in the open loop, where the harness spins while it waits for events."},
	{"harness_us_per_event", "us", Neither, "cpu_us_per_event of the same run over a store that keeps nothing: generator, driver, digest, clock and, for a join, the operator's own work on arriving events."},
	{"cpu_net_us_per_event", "us", Lower, "cpu_us_per_event less harness_us_per_event: what the store costs. Absent if either is, and with automatic sampling, under which the two do not read the clock equally often."},
	{"write_amp_engine", "ratio", Lower, "Bytes the engine wrote to files (Stats.Written, all purposes) divided by logical_bytes, over the measured phase."},
	{"write_amp_fs", "ratio", Lower, "Bytes the file system was given to write (/proc/self/io, write_bytes less cancelled_write_bytes, after the last Sync) divided by logical_bytes. Whole pages are counted when they become dirty, and where the page cache keeps a file in large folios, as ext4 does on Linux 6.16 and later, whole folios, so that small writes scattered over it count for many times what the device is sent. Absent where the system does not tell."},
	{"space_amp", "ratio", Lower, "disk_bytes divided by live_bytes."},
	{"memory_amp", "ratio", Lower, "memory_bytes divided by live_bytes."},
	{"cache_hit_ratio", "ratio", Higher, "Share of look-ups of blocks or pages, of all kinds, that found them in the engine's own cache. Absent where an engine has none."},
	{"filter_negative_ratio", "ratio", Neither, "Share of filter probes that spared a look-up. Absent where an engine has no filters."},
	{"logical_bytes", "bytes", Neither, "Bytes of keys and values of the events of the measured phase that bring state, each counted once; timers and what an operator rewrites are not."},
	{"written_log_bytes", "bytes", Lower, "Bytes written to the append-only log."},
	{"written_flush_bytes", "bytes", Lower, "Bytes written when write buffers became sorted tables."},
	{"written_compaction_bytes", "bytes", Lower, "Bytes written when sorted tables were merged."},
	{"written_page_bytes", "bytes", Lower, "Bytes written as pages of a tree."},
	{"written_images_bytes", "bytes", Lower, "Bytes written as images of pages of a tree that were about to be overwritten."},
	{"written_snapshot_bytes", "bytes", Lower, "Bytes written as images of a memory-resident store."},
	{"written_checkpoint_bytes", "bytes", Lower, "Bytes written by Store.Checkpoint's copies, which no workload here asks for."},
	{"written_meta_bytes", "bytes", Lower, "Bytes written as manifests, roots and other descriptions of the store."},
	{"read_bytes", "bytes", Lower, "Bytes the engine read from files."},
	{"file_syncs", "calls", Lower, "File syncs the engine asked for."},
	{"stall_count", "stalls", Lower, "Times a writer had to wait for maintenance."},
	{"stall_us", "us", Lower, "Time writers waited for maintenance, in all."},
	{"stall_longest_us", "us", Lower, "Longest time that a writer waited for maintenance, warm-up included. Absent where none did, or the store does not tell."},
	{"slow_us", "us", Lower, "Time that writers were slowed down for, so that they need not wait. Absent where they were not, or the store does not tell."},
	{"advance_longest_us", "us", Lower, "Longest single Advance that the store reports, warm-up included: what giving back dead state costs at worst. Absent where it reports none."},
	{"disk_bytes", "bytes", Lower, "Size of the store's files at the end, after the last Sync."},
	{"disk_peak_bytes", "bytes", Lower, "Greatest size of the store's files, looked at sixteen times in each checkpoint interval, warm-up included (for reads: at the end)."},
	{"memory_bytes", "bytes", Lower, "What the store says it holds in caches, buffers and memory-resident state at the end, which is after a Sync. Absent where it tells of none."},
	{"memory_peak_bytes", "bytes", Lower, "Greatest memory_bytes, looked at sixteen times in each checkpoint interval, warm-up included (for reads: at the end)."},
	{"live_bytes", "bytes", Neither, "Bytes of keys and values that are still needed at the end, as the oracle counts them."},
	{"live_records", "records", Neither, "Records that are still needed at the end, as the oracle counts them."},
	{"events", "events", Neither, "Events of the measured phase."},
	{"elapsed_s", "s", Lower, "Wall time of the measured phase."},
	{"clock_ns", "ns", Neither, "Time of one clock reading, which every latency includes."},
	{"output_checksum", "xxh64/53", Neither, "The upper 53 bits of the XXH64 hash of the workload's whole output, warm-up included: what came out, field by field, in order. It equals the oracle's, or else there is no result."},
}
