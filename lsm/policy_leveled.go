package lsm

const (
	// levelBase is how many memtables level 1 takes, and levelRatio how many
	// times what a level takes the next one does.
	levelBase  = 4
	levelRatio = 10

	// staleShare is how many eighths of a table have to be dead for it to be
	// rewritten on its own: three bytes are won for each that is written.
	staleShare = 6
)

// leveled drops dead tables, else keeps one run a level, each levelRatio times
// as large as the one above. What is flushed gathers in level 0 and is merged,
// fanIn runs or more at a time, into level 1, which takes base bytes. Of a
// level that holds too much one table goes into the next, with the tables that
// it overlaps there: the one that overlaps least for its size, or, if it
// overlaps none, without being rewritten.
//
// Levels merge what is old with what is older, and an element may wait long for
// the merge that finds it dead; so a table that is mostly dead is rewritten on
// its own.
//
// An element is rewritten up to levelRatio times in each level, for one place
// to look into a level: LevelDB's compaction, in RocksDB's choice of the table.
func leveled(v *version, base int64) choice {
	if dead := deadTables(v); len(dead) > 0 {
		return choice{drop: dead}
	}
	levels := effectiveLevels(v.runs)
	for _, rule := range []func() choice{
		func() choice { return mergeEqualLevels(v, levels) },
		func() choice { return mergeFlushed(v, levels) },
		func() choice { return pushDown(v, levels, base) },
		func() choice { return rewriteStale(v) },
		func() choice { return mergeAll(v, 0) },
	} {
		if c := rule(); !c.nothing() {
			return c
		}
	}
	return choice{}
}

// effectiveLevels returns the levels of runs, newest first, such that none is
// less than that of a newer run: another policy may have counted otherwise.
func effectiveLevels(runs []*run) []int {
	levels := make([]int, len(runs))
	most := 0
	for i, r := range runs {
		most = max(most, r.level)
		levels[i] = most
	}
	return levels
}

// mergeEqualLevels merges the runs of a level that has more than one, as another
// policy may have left it.
func mergeEqualLevels(v *version, levels []int) choice {
	for begin := range levels {
		end := begin + 1
		for end < len(levels) && levels[end] == levels[begin] {
			end++
		}
		if levels[begin] > 0 && end > begin+1 {
			return choice{begin: begin, end: end, level: levels[begin]}
		}
	}
	return choice{}
}

// mergeFlushed merges the runs of level 0, if there are enough, into level 1.
func mergeFlushed(v *version, levels []int) choice {
	n := 0
	for n < len(levels) && levels[n] == 0 {
		n++
	}
	if n < fanIn {
		return choice{}
	}
	var tables []*table
	for _, r := range v.runs[:n] {
		tables = append(tables, r.tables...)
	}
	return into(v, levels, 0, n, tables)
}

// into chooses to merge tables, which are of the runs [begin, end), with those
// that they overlap in the level below the last of these runs.
func into(v *version, levels []int, begin, end int, tables []*table) choice {
	c := choice{begin: begin, end: end, only: tables, level: levels[end-1] + 1}
	if end == len(levels) || levels[end] != c.level {
		return c
	}
	for _, u := range v.runs[end].tables {
		if overlapsOne(u, tables) {
			c.only = append(c.only, u)
		}
	}
	c.end++
	return c
}

// overlapsOne says whether t has keys in common with one of the tables, by
// their bounds.
func overlapsOne(t *table, tables []*table) bool {
	for _, u := range tables {
		if string(t.first) <= string(u.last) && string(u.first) <= string(t.last) {
			return true
		}
	}
	return false
}

// pushDown takes a table from the level that exceeds its size by most.
func pushDown(v *version, levels []int, base int64) choice {
	fullest, most := -1, 1.0
	for i, r := range v.runs {
		if levels[i] == 0 || levels[i] == maxLevel {
			continue
		}
		full := float64(r.size)
		for range levels[i] - 1 {
			full /= levelRatio
		}
		if full /= float64(base); full > most {
			fullest, most = i, full
		}
	}
	if fullest < 0 {
		return choice{}
	}
	best, bestCost := choice{}, 0.0
	for _, t := range v.runs[fullest].tables {
		c := into(v, levels, fullest, fullest+1, []*table{t})
		below := int64(0)
		for _, u := range c.only[1:] {
			below += u.size
		}
		if cost := float64(below) / float64(t.size); best.nothing() || cost < bestCost {
			best, bestCost = c, cost
		}
	}
	return best
}

// rewriteStale takes a table of which most is dead, that with the most bytes.
func rewriteStale(v *version) choice {
	best, most := choice{}, int64(0)
	for i, r := range v.runs {
		for _, t := range r.tables {
			if dead := t.deadBytes(v.watermark); dead > most && dead >= t.size/8*staleShare {
				best, most = choice{begin: i, end: i + 1, only: []*table{t}, level: r.level}, dead
			}
		}
	}
	return best
}
