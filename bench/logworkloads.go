package bench

import "context"

// LogWorkloads returns the workloads that show what durability costs and
// buys. They run only where they are named: in the one several callers may write at
// once, in the other the store ends and is opened again, so that neither can be
// recorded as a trace or be counted from outside.
func LogWorkloads() []Workload {
	return []Workload{{
		Name: "puts",
		Doc: "Writing and nothing else: callers put records of their own as fast as they can, each waiting for its Apply before it makes the next. " +
			"No Sync is asked for while it is measured, so that what is made durable meanwhile is what the durability makes so by itself. " +
			"When the counters have been read, everything is read back. One event is one record; an event takes as long as the Apply of its batch.",
		Knobs: []Knob{
			{"writers", 1, 1, 4096, true, "callers that write at once; with one the run is deterministic"},
			{"value_bytes", 500, stampSize, 1 << 20, true, "size of a record's value"},
			{"batch", 1, 1, 1e6, true, "records in one Apply"},
			{"warm_records", 20_000, 0, 1e9, true, "records put before measuring begins, all writers together"},
			{"records", 100_000, 1, 1e9, true, "records put while measuring, all writers together"},
		},
		driver:  newPutsDriver,
		truth:   putsTruth,
		special: true,
	}, {
		Name: "recovery",
		Doc: "Opening a store again: put records, Sync, put a few more, end the store, and measure from Open to its first answer, which is a Get of the last record before the Sync. " +
			"Then everything is read back and held against what was acknowledged. One event is one record that the Sync covered.",
		Knobs: []Knob{
			{"bytes", 64 << 20, 1, 1e12, true, "keys and values put before the Sync"},
			{"value_bytes", 500, stampSize, 1 << 20, true, "size of a record's value"},
			{"batch", 1, 1, 1e6, true, "records in one Apply"},
			{"tail_records", 1000, 0, 1e9, true, "records put after the Sync"},
			{"kill", 0, 0, 1, true, "1: the store ends as by kill -9, and what it has not given to the file system is lost; 0: it is closed"},
			{"cold", 1, 0, 1, true, "1: its files are dropped from the page cache before it is opened, and how fast they can be read is measured"},
		},
		driver:  newRecoveryDriver,
		truth:   recoveryTruth,
		special: true,
		ends:    true,
	}}
}

// An auditor is a driver whose output is what the store holds in the end. It is
// read when the counters have been, so that this costs the measured phase nothing.
type auditor interface {
	audit(context.Context, Metrics) error
}

// putsTruth makes all records again.
func putsTruth(seed uint64, k Knobs) Truth {
	count := uint64(k["warm_records"] + k["records"])
	t := storedTruth(newStoredRecords(seed, k), count)
	t.Events = int64(k["records"])
	return t
}

// recoveryTruth makes those records again that a Sync has covered.
func recoveryTruth(seed uint64, k Knobs) Truth {
	count := syncedRecords(k)
	t := storedTruth(newStoredRecords(seed, k), count)
	t.Events = int64(count)
	return t
}

func storedTruth(records *storedRecords, count uint64) Truth {
	var (
		output unordered
		key    id
		value  = make([]byte, records.size)
	)
	for number := range count {
		records.fill(&key, value, number)
		output.add(key[:], value)
	}
	return Truth{Checksum: output.sum(), LiveRecords: int64(count), LiveBytes: int64(count) * records.bytes()}
}

const recoveryNote = " Only of workload recovery."

var recoveryMetrics = []MetricDoc{
	{"recovery_s", "s", Lower, "Wall time from the Open of a store that has ended to its first answer." + recoveryNote},
	{"recovery_bytes_per_s", "bytes/s", Higher, "recovery_read_bytes divided by recovery_s." + recoveryNote},
	{"recovery_read_bytes", "bytes", Neither, "Bytes that the engine read from its files until its first answer. What memory-mapped files bring in is not counted." + recoveryNote},
	{"disk_read_bytes_per_s", "bytes/s", Neither, "How fast the same files are read from the disk, one after the other, 1 MiB at a time, when the page cache has forgotten them: what recovery_bytes_per_s could be if reading were all. Absent with cold=0." + recoveryNote},
	{"recovery_lost_records", "records", Lower, "Records that were acknowledged after the last Sync and did not come back. More than the durability may lose is no result." + recoveryNote},
}
