package lsm

// gap is a range of keys in which a table holds nothing, as a scan found out. Who
// scans on from where the last scan ended, as a join does that asks for timers which
// are due, comes to the same gap many times, and passes by the table without opening
// it. With a record of each moment in some tables out of many that is most of them.
//
//	table    ...k──l─────────────────────────m──n...
//	scans           [....)[....)[....)[....)
//	                 finds  passed by
//	                   m
//
// Keys are told apart by their heads (lookout.go), so a gap ends a little early.
type gap struct {
	after, before uint64 // no key of the table has a head in between
}

// noteGap notes that the table holds no key from sought to found, itself left out.
func (t *table) noteGap(sought, found []byte) {
	after, before := headOf(sought), headOf(found)
	if known := t.gap.Load(); known == nil || known.before != before || after < known.after {
		t.gap.Store(&gap{after, before})
	}
}

// inGap says whether it is known that the table holds no key whose head is from one
// to the other, both included.
func (t *table) inGap(from, to uint64) bool {
	known := t.gap.Load()
	return known != nil && known.after < from && to < known.before
}
