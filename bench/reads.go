package bench

import "github.com/statelab/statelab/internal/draw"

// lookups draws the keys of Gets: uniformly from the records that were loaded,
// or from as many that never were.
type lookups struct {
	random  *draw.Random
	records uint64
	hit     draw.Share
}

func newLookups(seed uint64, k Knobs) *lookups {
	return &lookups{
		random:  draw.New(seed, lookupStream),
		records: uint64(k["records"]),
		hit:     draw.ShareOf(k["hit_share"]),
	}
}

// next draws a Get. Records whose numbers are not below that of records do not exist.
func (l *lookups) next() keyValueOp {
	number := l.random.Below(l.records)
	if !l.random.Hits(l.hit) {
		number += l.records
	}
	return keyValueOp{kind: readOp, number: number}
}
