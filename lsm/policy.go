package lsm

import "bytes"

// policy chooses what a compaction should do next to a version. It is a pure
// function, so that the same history leads to the same files. Nothing is ever
// done but what a policy chose.
type policy func(v *version) choice

// choice is what to do: to drop tables, or else to merge runs, or nothing.
type choice struct {
	drop       []*table // wholly dead ones that hide nothing
	begin, end int      // merge the runs [begin, end) of the version, if end > begin
}

func (c choice) nothing() bool { return len(c.drop) == 0 && c.begin == c.end }

func policyOf(c Compaction) policy {
	switch c {
	case CompactionTiered:
		return tiered
	}
	panic("lsm: policy of an unknown compaction") // options are validated
}

const (
	// fanIn is how many runs of about a size are merged at a time. With n runs'
	// worth of data an element is rewritten about log(n)/log(fanIn) times, and
	// there are up to fanIn-1 runs of each size to look into.
	fanIn = 4

	// tombstoneShare is the share of the records of older runs, one in so many,
	// that tombstones have to reach for a merge that does away with both.
	tombstoneShare = 2
)

// tiered drops dead tables, else merges neighbouring runs of similar size:
// fanIn or more of which none is larger than the others together. Of all such
// neighbourhoods it takes the one that gets rid of a run for the fewest bytes;
// the newest of them in a tie. So small runs are merged among themselves, and
// a large one only once enough has gathered beside it.
//
// If there is none but there are so many tombstones that a good part of what
// is below them must be gone, it merges everything.
//
// Size-tiered compaction is Bigtable's and Cassandra's; that only neighbours
// in age may be merged is what keeps recency the order of runs.
func tiered(v *version) choice {
	if dead := deadTables(v); len(dead) > 0 {
		return choice{drop: dead}
	}
	best, bestCost := choice{}, 0.0
	for begin := range v.runs {
		total, largest := int64(0), int64(0)
		for end := begin; end < len(v.runs); {
			total += v.runs[end].size
			largest = max(largest, v.runs[end].size)
			end++
			if end-begin < fanIn || largest > total-largest {
				continue
			}
			if cost := float64(total) / float64(end-begin-1); best.nothing() || cost < bestCost {
				best, bestCost = choice{begin: begin, end: end}, cost
			}
		}
	}
	if best.nothing() && tombstonesAbound(v) {
		return choice{begin: 0, end: len(v.runs)}
	}
	return best
}

// tombstonesAbound says whether there is a run whose records, and those of
// older ones, are to a good part hidden by tombstones of newer runs.
func tombstonesAbound(v *version) bool {
	older := int64(0)
	for _, r := range v.runs {
		older += r.records
	}
	tombstones := int64(0)
	for _, r := range v.runs {
		if tombstones > 0 && tombstones*tombstoneShare >= older {
			return true
		}
		tombstones += r.tombstones
		older -= r.records
	}
	return false
}

// deadTables returns the tables that hold no live element and hide nothing: no
// Put or Delete of theirs can have anything older beneath it.
func deadTables(v *version) []*table {
	var dead []*table
	gone := map[*table]bool{}
	for i := len(v.runs) - 1; i >= 0; i-- {
		for _, t := range v.runs[i].tables {
			if t.dead(v.watermark) && (t.bases == 0 || !overlapsAny(v.runs[i+1:], t, gone)) {
				gone[t] = true
				dead = append(dead, t)
			}
		}
	}
	return dead
}

// overlapsAny says whether a table of the runs, other than those gone, may
// hold a key of t.
func overlapsAny(runs []*run, t *table, gone map[*table]bool) bool {
	for _, r := range runs {
		for i := r.search(t.first); i < len(r.tables) && bytes.Compare(r.tables[i].first, t.last) <= 0; i++ {
			if !gone[r.tables[i]] {
				return true
			}
		}
	}
	return false
}
