package lsm

import (
	"bytes"
	"fmt"
	"slices"
)

// policy chooses what a compaction should do next to a version. It is a pure
// function, so that the same history leads to the same files. Nothing is ever
// done but what a policy chose.
type policy func(v *version) choice

// choice is what to do: to drop tables, or else to merge runs, or nothing.
type choice struct {
	drop       []*table // wholly dead ones that hide nothing
	begin, end int      // merge the runs [begin, end) of the version, if end > begin,
	only       []*table // or these tables of them alone, if there are any,
	level      int      // into a run of this level
	refresh    bool     // for the sake of blob files that are worn: none of the tables moves
}

func (c choice) nothing() bool { return len(c.drop) == 0 && c.begin == c.end }

// takes says whether t, of one of the runs that are to be merged, is merged.
func (c choice) takes(t *table) bool { return len(c.only) == 0 || slices.Contains(c.only, t) }

// strategy is a policy, and how far it may fall behind.
type strategy struct {
	choose policy
	// pile counts the runs that are there until the policy has its way with
	// them, and most is how many there may be before writers have to wait.
	pile func(v *version) int
	most int
}

// maxRuns is how many runs there may be before compaction in the background has
// to catch up. Each is a place to look into; with fanIn 4 tiered leaves about
// three of each size, of which there are eight from a flush to 65,536 flushes.
const maxRuns = 24

func strategyOf(o *Options, b budget) strategy {
	s := strategy{most: maxRuns, pile: func(v *version) int { return len(v.runs) }}
	switch o.Compaction {
	case CompactionTiered:
		s.choose = tiered
	case CompactionLeveled:
		s.choose = func(v *version) choice { return leveled(v, levelBase*b.memtable) }
	case CompactionLazyLeveled:
		s.choose = lazyLeveled
	case CompactionWindow:
		pile := runsPerSegment * o.Segments
		s.choose = func(v *version) choice { return window(v, o.Segments, pile) }
		s.most = pile + maxRuns/2
		s.pile = func(v *version) int { return countLevel(v.runs, 0) }
	}
	decide := s.choose
	s.choose = func(v *version) choice {
		if c := decide(v); !c.nothing() {
			return c
		}
		return refreshBlobs(v)
	}
	return s
}

// fanIn is how many runs of about a size are merged at a time. With n runs'
// worth of data an element is rewritten about log(n)/log(fanIn) times, and
// there are up to fanIn-1 runs of each size to look into.
const fanIn = 4

const (
	// tombstoneShare is the share of the records of older runs, one in so many,
	// that tombstones have to reach for a merge that does away with both.
	tombstoneShare = 2

	// hiddenShare is the share of all records, one in so many, that these older
	// runs must have, so that not everything is merged for the sake of a few.
	hiddenShare = 4
)

// mergeAll merges everything if there are so many tombstones that a good part
// of what is below them, in the runs from the given one on, must be gone; else
// it chooses nothing.
func mergeAll(v *version, from int) choice {
	all, older, tombstones := int64(0), int64(0), int64(0)
	for _, r := range v.runs {
		all += r.records
	}
	older = all
	for i, r := range v.runs {
		if i >= from && tombstones > 0 && tombstones*tombstoneShare >= older && older*hiddenShare >= all {
			return choice{begin: 0, end: len(v.runs), level: levelAbove(v.runs)}
		}
		tombstones += r.tombstones
		older -= r.records
	}
	return choice{}
}

// levelAbove returns the level of the run that some runs are merged into: that
// of the highest if others come into it, and one more if they are all alike.
func levelAbove(runs []*run) int {
	least, most := runs[0].level, runs[0].level
	for _, r := range runs {
		least, most = min(least, r.level), max(most, r.level)
	}
	if least == most {
		return most + 1
	}
	return most
}

func countLevel(runs []*run, level int) int {
	n := 0
	for _, r := range runs {
		if r.level == level {
			n++
		}
	}
	return n
}

func totalSize(runs []*run) int64 {
	total := int64(0)
	for _, r := range runs {
		total += r.size
	}
	return total
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
		for _, u := range r.overlappingTable(t) {
			if !gone[u] {
				return true
			}
		}
	}
	return false
}

// overlappingTable returns the tables whose bounds have keys in common with t.
func (r *run) overlappingTable(t *table) []*table {
	begin := r.search(t.first)
	end := begin
	for end < len(r.tables) && bytes.Compare(r.tables[end].first, t.last) <= 0 {
		end++
	}
	return r.tables[begin:end]
}

// unsound says why a merge must not be done, or nothing. What is merged becomes
// as old as the oldest run that takes part, so it must not have anything in
// common with what stays behind of a run that it passes: then L1 would break.
func (c choice) unsound(v *version) string {
	if c.begin < 0 || c.begin > c.end || c.end > len(v.runs) {
		return fmt.Sprintf("there are no runs [%d, %d)", c.begin, c.end)
	}
	found := 0
	for i, r := range v.runs[c.begin:c.end] {
		for _, t := range r.tables {
			if !c.takes(t) {
				continue
			}
			found++
			for _, passed := range v.runs[c.begin+i+1 : c.end] {
				for _, u := range passed.overlappingTable(t) {
					if !c.takes(u) {
						return fmt.Sprintf("table %06d would pass table %06d, which is older", t.number, u.number)
					}
				}
			}
		}
	}
	if len(c.only) > 0 && found != len(c.only) {
		return "tables to merge are not in the runs to merge"
	}
	return ""
}
