package bench

import "github.com/statelab/statelab/internal/draw"

// KeyValueWorkloads returns the workloads by which key-value stores are commonly
// compared, so that results can be held against everybody else's. They run only
// where they are named. Records never expire, and no Sync is asked for while they
// are measured.
//
// The YCSB mixes are those of Cooper and others, "Benchmarking cloud serving
// systems with YCSB" (SoCC 2010), with its records of 1000 bytes and its Zipf law;
// a record is one value, not ten fields. The others have the meanings of db_bench,
// which LevelDB and RocksDB bring along, with its records of 16 and 100 bytes.
func KeyValueWorkloads() []Workload {
	return []Workload{
		keyValueWorkload("ycsb-a", "YCSB A: half Gets, half Puts of a new value, of keys by Zipf's law.",
			keyValueMix{load: true, updates: 50}, ycsbKnobs()),
		keyValueWorkload("ycsb-b", "YCSB B: 95 % Gets, 5 % Puts of a new value, of keys by Zipf's law.",
			keyValueMix{load: true, updates: 5}, ycsbKnobs()),
		keyValueWorkload("ycsb-c", "YCSB C: Gets of keys by Zipf's law.",
			keyValueMix{load: true}, ycsbKnobs()),
		keyValueWorkload("ycsb-d", "YCSB D: 95 % Gets, of records that were inserted lately rather than long ago (by Zipf's law of their ages), 5 % Puts of new records.",
			keyValueMix{load: true, inserts: 5, latest: true}, ycsbKnobs()),
		keyValueWorkload("ycsb-e", "YCSB E: 95 % short scans, which begin at a key by Zipf's law and read up to scan_records, 5 % Puts of new records. A scan's time is that of a probe.",
			keyValueMix{load: true, inserts: 5, seeks: true}, append(withOperations(ycsbKnobs(), 10_000, 50_000),
				Knob{"scan_records", 100, 1, 1e6, true, "records that a scan reads at most; how many is drawn uniformly"})),
		keyValueWorkload("ycsb-f", "YCSB F: half Gets, half read-modify-writes (a Get, then a Put of a new value), of keys by Zipf's law.",
			keyValueMix{load: true, updates: 50, readsFirst: true}, ycsbKnobs()),
		keyValueWorkload("fillseq", "db_bench's fillseq: Puts of keys in ascending order, into a store that is empty at first.",
			keyValueMix{updates: 100, sequential: true}, dbBenchKnobs()),
		keyValueWorkload("fillrandom", "db_bench's fillrandom: Puts of keys drawn uniformly, into a store that is empty at first; some come more than once.",
			keyValueMix{updates: 100}, dbBenchKnobs()),
		keyValueWorkload("overwrite", "db_bench's overwrite: Puts of keys drawn uniformly from those that are there.",
			keyValueMix{load: true, updates: 100}, dbBenchKnobs()),
		keyValueWorkload("readrandom", "db_bench's readrandom: Gets of keys drawn uniformly from those that are there.",
			keyValueMix{load: true}, dbBenchKnobs()),
		keyValueWorkload("readmissing", "db_bench's readmissing: Gets of keys that are not there.",
			keyValueMix{load: true, missing: true}, dbBenchKnobs()),
		keyValueWorkload("seekrandom", "db_bench's seekrandom: an iterator is opened at a key drawn uniformly and moved nexts times. Its time is that of a probe.",
			keyValueMix{load: true, seeks: true}, append(dbBenchKnobs(),
				Knob{"nexts", 0, 0, 1e6, true, "records that a seek goes on to, beside the first"})),
	}
}

// keyValueMix is what the operations of a workload are.
type keyValueMix struct {
	load       bool   // all records are there before
	updates    uint64 // per cent
	readsFirst bool   // an update reads what it replaces
	inserts    uint64 // per cent that put a record of a new key
	latest     bool   // keys are of records that were inserted lately
	sequential bool   // keys are in the order of numbers, each the next
	missing    bool   // keys are of records that are not there
	seeks      bool   // reads are seeks
	readsOnly  bool   // it is that of reads: nothing is written, so that nothing is read back in the end
}

// readsMix is that of workload reads, whose knobs have names of their own.
var readsMix = keyValueMix{load: true, readsOnly: true}

// source returns what draws the operations of a run.
func (mix keyValueMix) source(seed uint64, k Knobs) keyValueSource {
	if mix.readsOnly {
		return newLookups(seed, k)
	}
	return newMixSource(mix, seed, k)
}

// operations returns how many there are before measuring begins, and from then on.
func (mix keyValueMix) operations(k Knobs) (warm, measured int64) {
	if mix.readsOnly {
		return int64(k["warm_lookups"]), int64(k["lookups"])
	}
	return int64(k["warm_ops"]), int64(k["ops"])
}

func (mix keyValueMix) records(seed uint64, k Knobs) *storedRecords {
	records := newStoredRecords(seed, k)
	records.ordered = mix.sequential
	return records
}

func keyValueWorkload(name, doc string, mix keyValueMix, knobs []Knob) Workload {
	doc += " One event is one operation"
	if mix.load {
		doc += "; loading the records, a Sync and the first operations are the warm-up"
	}
	return Workload{
		Name: name, Doc: doc + ".", Knobs: knobs,
		driver: mix.newDriver,
		truth:  mix.truth,
	}
}

// The default state is four times the default memory of a run, 32 MiB.
func ycsbKnobs() []Knob {
	return []Knob{
		{"records", 132_000, 1, 1e8, true, "records"},
		{"value_bytes", 1000, stampSize, 1 << 20, true, "size of a record's value"},
		{"skew", 0.99, 0, 10, false, "exponent of Zipf's law for keys; at 0 all are drawn alike"},
		{"warm_ops", 50_000, 0, 1e10, true, "operations before measuring begins"},
		{"ops", 200_000, 1, 1e10, true, "operations measured"},
	}
}

func dbBenchKnobs() []Knob {
	return []Knob{
		{"records", 1_150_000, 1, 1e8, true, "records, or how many keys there are to draw"},
		{"value_bytes", 100, stampSize, 1 << 20, true, "size of a record's value"},
		{"warm_ops", 100_000, 0, 1e10, true, "operations before measuring begins"},
		{"ops", 500_000, 1, 1e10, true, "operations measured"},
	}
}

// withOperations returns the knobs with other numbers of operations.
func withOperations(knobs []Knob, warm, measured float64) []Knob {
	for i := range knobs {
		switch knobs[i].Name {
		case "warm_ops":
			knobs[i].Default = warm
		case "ops":
			knobs[i].Default = measured
		}
	}
	return knobs
}

// A keyValueOp is one operation on the record with a number.
type keyValueOp struct {
	kind   keyValueKind
	number uint64
	nexts  int    // records that a seek goes on to
	stamp  uint64 // of the value that an update writes
}

type keyValueKind uint8

const (
	readOp keyValueKind = iota
	seekOp
	updateOp
	readUpdateOp
)

// A keyValueSource draws operations.
type keyValueSource interface{ next() keyValueOp }

// mixSource draws those of a keyValueMix.
type mixSource struct {
	mix     keyValueMix
	random  *draw.Random
	law     *zipfLaw // nil: uniform
	initial uint64   // records there are at first, or keys to draw
	records uint64   // initial, and those inserted since
	stamp   uint64
	drawn   uint64
	nexts   int
	scan    uint64 // records that a scan reads at most; 0: nexts, always
}

func newMixSource(mix keyValueMix, seed uint64, k Knobs) *mixSource {
	n := uint64(k["records"])
	s := &mixSource{
		mix: mix, random: draw.New(seed, keyValueStream), initial: n, records: n,
		stamp: n, // those below are of the records that were loaded
		nexts: int(k["nexts"]), scan: uint64(k["scan_records"]),
	}
	if k["skew"] > 0 {
		s.law = newZipfLaw(int(n), k["skew"])
	}
	return s
}

func (s *mixSource) next() keyValueOp {
	op := keyValueOp{kind: readOp, number: s.number()}
	what := s.random.Below(100)
	switch {
	case what < s.mix.inserts:
		op.kind, op.number = updateOp, s.records
		s.records++
	case what < s.mix.inserts+s.mix.updates:
		op.kind = updateOp
		if s.mix.readsFirst {
			op.kind = readUpdateOp
		}
	case s.mix.seeks:
		op.kind, op.nexts = seekOp, s.nexts
		if s.scan > 0 {
			op.nexts = int(s.random.Below(s.scan))
		}
	case s.mix.missing:
		op.number += s.initial
	}
	if op.kind == updateOp || op.kind == readUpdateOp {
		op.stamp = s.stamp
		s.stamp++
	}
	return op
}

// number draws the number of a record.
func (s *mixSource) number() uint64 {
	switch {
	case s.mix.sequential:
		s.drawn++
		return (s.drawn - 1) % s.initial
	case s.law == nil:
		return s.random.Below(s.initial)
	case s.mix.latest:
		return s.records - 1 - s.law.draw(s.random)
	}
	return s.law.draw(s.random)
}
