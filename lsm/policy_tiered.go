package lsm

// tiered drops dead tables, else merges neighbouring runs of similar size:
// fanIn or more of which none is larger than the others together. Of all such
// neighbourhoods it takes the one that gets rid of a run for the fewest bytes;
// the newest of them in a tie. So small runs are merged among themselves, and
// a large one only once enough has gathered beside it.
//
// If there is none but tombstones abound, it merges everything.
//
// Size-tiered compaction is Bigtable's and Cassandra's; that only neighbours
// in age may be merged is what keeps recency the order of runs.
func tiered(v *version) choice {
	if dead := deadTables(v); len(dead) > 0 {
		return choice{drop: dead}
	}
	if c := similar(v, 0, len(v.runs)); !c.nothing() {
		return c
	}
	return mergeAll(v, 0)
}

// similar chooses as tiered does among the runs [from, to).
func similar(v *version, from, to int) choice {
	best, bestCost := choice{}, 0.0
	for begin := from; begin < to; begin++ {
		total, largest := int64(0), int64(0)
		for end := begin; end < to; {
			total += v.runs[end].size
			largest = max(largest, v.runs[end].size)
			end++
			if end-begin < fanIn || largest > total-largest {
				continue
			}
			if cost := float64(total) / float64(end-begin-1); best.nothing() || cost < bestCost {
				best, bestCost = choice{begin: begin, end: end, level: levelAbove(v.runs[begin:end])}, cost
			}
		}
	}
	return best
}
