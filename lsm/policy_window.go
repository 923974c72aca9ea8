package lsm

import (
	"cmp"
	"slices"

	"github.com/statelab/statelab"
)

// window is the policy for state that lives for a window of event time and then
// dies: what dies together lies together, so that tables go as a whole.
//
//	watermark                                              latest
//	    ├──────┬──────┬──────┬──────┬──────┬──────┬──────┬──────┤
//	  dying  ▆▆▆▆▆▆ ▆▆▆▆▆▆ ▆▆▆▆▆▆ ▆▆▆▆▆▆ ▆▆▆▆▆▆ ▆▆▆▆▆▆ ▆▆▆▆▆▆ current
//	oldest run                                         newest runs
//
// Runs follow one another in time of writing, hence in about that of dying. The
// time from the watermark to the latest expiry, which is the length of the
// window, is cut into segments; a run belongs to that in which seven eighths of
// it are dead, or, if that is an older one than the run before it in time
// belongs to, to the same as that. So what is written late counts to the
// current segment, neighbours in age are neighbours in expiry, and a few
// elements that live for longer, or for ever, do not spoil the order.
//
// The policy drops dead tables. Else, if there are more runs of a level than may
// pile up, it merges those of one segment, which makes a run of the next level.
// So up to that many flushes a window are never rewritten, some times as many
// once, and what is merged dies at most a segment too late, which costs space of
// one part in segments of what lives.
//
// What is left of segments that are over, such as records that never expire,
// is merged as by tiered; tombstones count only if it is that they hide, since
// all else goes by itself. And if much that is dead is stuck, under a newer
// table that lives for longer or in one that hides what is older, then that is
// rewritten.
func window(v *version, segments, pile int) choice {
	if dead := deadTables(v); len(dead) > 0 {
		return choice{drop: dead}
	}
	s := cutWindow(v, segments, pile)
	for _, rule := range []func() choice{
		func() choice { return similar(v, s.over, len(v.runs)) },
		func() choice { return s.rewriteStuck(v) },
		func() choice { return s.mergeSegment(v) },
		func() choice { return mergeAll(v, s.over) },
	} {
		if c := rule(); !c.nothing() {
			return c
		}
	}
	return choice{}
}

// runsPerSegment is how many runs of a level there may be for each segment before
// some are merged. To look into one more costs a probe next to nothing, since extents
// say of many tables at once where there is nothing; to rewrite a record costs more than a
// microsecond, and its bytes once more. With six a state of some six times
// Options.Memory is never rewritten.
const runsPerSegment = 6

// cut is a window cut into segments.
type cut struct {
	pile   int     // runs of a level that there may be
	ends   []int64 // of each run: when most of it, and of the older ones, is dead
	length uint64  // of a segment, in event time
	over   int     // the runs from here on belong to segments that are over
}

func cutWindow(v *version, segments, pile int) cut {
	s := cut{pile: pile, ends: make([]int64, len(v.runs)), over: len(v.runs)}
	latest := int64(statelab.MinWatermark)
	for i := len(v.runs) - 1; i >= 0; i-- {
		if end := v.runs[i].mostlyDead(); end != statelab.NoExpiry {
			latest = max(latest, end)
		}
		s.ends[i] = latest
		if statelab.Expired(latest, v.watermark) {
			s.over = i
		}
	}
	from := v.watermark
	if from == statelab.MinWatermark && len(v.runs) > 0 {
		from = s.ends[len(v.runs)-1] // nothing has told the time yet
	}
	if from < latest {
		s.length = (uint64(latest) - uint64(from)) / uint64(segments)
	}
	return s
}

// mostlyDead returns the least expiry by which seven eighths of the bytes in
// the run's tables are dead; MinWatermark if there are no elements in it.
func (r *run) mostlyDead() int64 {
	type part struct{ at, bytes int64 }
	var parts []part
	total := int64(0)
	for _, t := range r.tables {
		if t.elements == 0 {
			continue
		}
		for _, at := range t.octiles {
			parts = append(parts, part{at, t.size})
		}
		parts = append(parts, part{t.maxExpiry, t.size})
		total += 8 * t.size
	}
	slices.SortFunc(parts, func(a, b part) int { return cmp.Compare(a.at, b.at) })
	dead := int64(0)
	for _, p := range parts {
		if dead += p.bytes; dead >= total/8*7 {
			return p.at
		}
	}
	return statelab.MinWatermark
}

// sameSegment says whether run i may be merged with the older run j.
func (s *cut) sameSegment(i, j int) bool {
	return uint64(s.ends[i])-uint64(s.ends[j]) <= s.length
}

// mergeSegment merges the runs of a segment, if there are too many of a level:
// those that get rid of most places to look into, for longest, for the fewest
// bytes, but of the current segment only if it is the only one.
func (s *cut) mergeSegment(v *version) choice {
	for level := maxLevel; level >= 0; level-- {
		if countLevel(v.runs[:s.over], level) <= s.pile {
			continue
		}
		best, bestGain := choice{}, 0.0
		for end := s.over; end > 0; {
			begin := s.groupBefore(v, end, level)
			if end-begin >= 2 && (begin > 0 || best.nothing()) {
				rest := float64(s.ends[begin]) - float64(v.watermark)
				gain := float64(end-begin-1) * rest / float64(totalSize(v.runs[begin:end]))
				if best.nothing() || gain > bestGain {
					best, bestGain = choice{begin: begin, end: end, level: level + 1}, gain
				}
			}
			end = min(begin, end-1)
		}
		if !best.nothing() {
			return best
		}
	}
	return choice{}
}

// groupBefore returns where the runs begin that end before end and are all of
// the level and of one segment; end itself if there are none.
func (s *cut) groupBefore(v *version, end, level int) int {
	begin := end
	for begin > 0 && v.runs[begin-1].level == level && s.sameSegment(begin-1, end-1) {
		begin--
	}
	return begin
}

// rewriteStuck merges neighbouring runs that hold dead elements for more than a
// segment longer, if these make up a quarter of everything.
func (s *cut) rewriteStuck(v *version) choice {
	limit := max(1, totalSize(v.runs)/4)
	for begin := 0; begin < len(v.runs); begin++ {
		end, total := begin, int64(0)
		for end < len(v.runs) {
			stuck := s.stuckBytes(v, v.runs[end])
			if stuck*2 < v.runs[end].size {
				break
			}
			total += stuck
			end++
		}
		if end > begin && total >= limit {
			return choice{begin: begin, end: end, level: levelOver(v.runs[begin:end])}
		}
		begin = max(begin, end-1)
	}
	return choice{}
}

// stuckBytes estimates the dead bytes in a run that would go by themselves
// only after more than a segment: or never, where a dead table hides something.
func (s *cut) stuckBytes(v *version, r *run) int64 {
	total := int64(0)
	for _, t := range r.tables {
		if t.dead(v.watermark) || uint64(t.maxExpiry)-uint64(v.watermark) > s.length {
			total += t.deadBytes(v.watermark)
		}
	}
	return total
}

// levelOver returns the highest level among runs.
func levelOver(runs []*run) int {
	most := 0
	for _, r := range runs {
		most = max(most, r.level)
	}
	return most
}
