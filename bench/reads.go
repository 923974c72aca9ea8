package bench

// lookups draws the keys of Gets: uniformly from the records that were loaded,
// or from as many that never were.
type lookups struct {
	random  *random
	records uint64
	hit     share
}

func newLookups(seed uint64, k Knobs) *lookups {
	return &lookups{
		random:  newRandom(seed, lookupStream),
		records: uint64(k["records"]),
		hit:     shareOf(k["hit_share"]),
	}
}

// next draws a Get. Records whose numbers are not below that of records do not exist.
func (l *lookups) next() keyValueOp {
	number := l.random.below(l.records)
	if !l.random.hits(l.hit) {
		number += l.records
	}
	return keyValueOp{kind: readOp, number: number}
}
