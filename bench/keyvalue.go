package bench

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
		keyValueWorkload("ycsb-f", "YCSB F: half Gets, half read-modify-writes (a Get, then a Put of a new value), of keys by Zipf's law.",
			keyValueMix{load: true, updates: 50, readsFirst: true}, ycsbKnobs()),
		keyValueWorkload("fillrandom", "db_bench's fillrandom: Puts of keys drawn uniformly, into a store that is empty at first; some come more than once.",
			keyValueMix{updates: 100}, dbBenchKnobs()),
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
	load       bool // all records are there before
	updates    uint64
	readsFirst bool // an update reads what it replaces
	missing    bool // keys are of records that are not there
	seeks      bool // reads are seeks
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

// A keyValueOp is one operation on the record with a number.
type keyValueOp struct {
	kind   keyValueKind
	number uint64
	stamp  uint64 // of the value that an update writes
}

type keyValueKind uint8

const (
	readOp keyValueKind = iota
	seekOp
	updateOp
	readUpdateOp
)

// keyValueSource draws operations.
type keyValueSource struct {
	mix     keyValueMix
	random  *random
	law     *zipfLaw // nil: uniform
	records uint64
	stamp   uint64
}

func newKeyValueSource(mix keyValueMix, seed uint64, k Knobs) *keyValueSource {
	s := &keyValueSource{mix: mix, random: newRandom(seed, keyValueStream), records: uint64(k["records"])}
	if k["skew"] > 0 {
		s.law = newZipfLaw(int(k["records"]), k["skew"])
	}
	s.stamp = s.records // those below are of the records that were loaded
	return s
}

func (s *keyValueSource) next() keyValueOp {
	op := keyValueOp{kind: readOp}
	if s.law != nil {
		op.number = s.law.draw(s.random)
	} else {
		op.number = s.random.below(s.records)
	}
	switch {
	case s.random.below(100) < s.mix.updates:
		op.kind = updateOp
		if s.mix.readsFirst {
			op.kind = readUpdateOp
		}
		op.stamp = s.stamp
		s.stamp++
	case s.mix.seeks:
		op.kind = seekOp
	case s.mix.missing:
		op.number += s.records
	}
	return op
}
