package bench

import (
	"fmt"
	"math"
)

// timelineOps are the latencies whose greatest of each slot is a series.
var timelineOps = []opKind{opGet, opProbe, opApply, opEvent, opSample}

// timeline returns the measured phase slot by slot, with what is marked on it.
// In a slot without such a call the longest took no time.
func (r *recorder) timeline(rate float64) *Timeline {
	used := r.slots.used()
	t := &Timeline{Slot: float64(r.slots.length) / 1e9}
	t.add("events_per_s", used, func(i int) float64 {
		return float64(used[i].events) / r.slotSeconds(i)
	})
	for _, op := range timelineOps {
		if r.histogram(op).TotalCount() == 0 {
			continue
		}
		t.add(opNames[op]+"_max_us", used, func(i int) float64 {
			d := used[i].longest[op]
			if op == opGet {
				d = max(used[i].longest[opGetHit], used[i].longest[opGetMiss])
			}
			return micros(d)
		})
	}
	if rate > 0 {
		t.add("lag_us", used, func(i int) float64 { return micros(used[i].lag) })
	}
	if r.slots.preemptions(r.slots.from, r.ended) > 0 { // else the system may not tell
		t.add("preemptions", used, func(i int) float64 { return float64(used[i].preempted) })
	}
	t.add("heap_bytes", used, func(i int) float64 { return float64(used[i].heap) })
	t.Marks = r.timelineMarks()
	return t
}

// slotSeconds returns how much of a slot was before the phase ended.
func (r *recorder) slotSeconds(i int) float64 {
	begin := r.slots.from + int64(i)*r.slots.length
	length := min(r.slots.length, r.ended-begin)
	return float64(max(length, 1)) / 1e9
}

func (t *Timeline) add(name string, used []slot, value func(i int) float64) {
	s := Series{Name: name}
	for i := range used {
		s.Values = append(s.Values, threeDigits(value(i)))
	}
	t.Series = append(t.Series, s)
}

// timelineMarks returns the marks of the measured phase in order, and after
// them the slowest calls, each with the marks that it overlaps.
func (r *recorder) timelineMarks() []Mark {
	from, to := r.slots.from, r.ended
	all := r.marks.within(from, to)
	var out []Mark
	for i := range all {
		k := &all[i]
		m := r.place(k.kind, k.start, k.duration)
		if k.bytes > 0 {
			m.Note = humanBytes(float64(k.bytes))
		}
		out = append(out, m)
	}
	for i := range r.slowest.n {
		c := &r.slowest.calls[i]
		m := r.place(markSlowest, c.start, c.duration)
		m.Note = c.during(all, r.slots.preemptions(c.start, c.start+c.duration))
		out = append(out, m)
	}
	return out
}

// place returns a mark of the time line, as far as it is within.
func (r *recorder) place(kind string, start, duration int64) Mark {
	end := min(start+duration, r.ended)
	start = max(start, r.slots.from)
	return Mark{Kind: kind, At: tenMicros(start - r.slots.from), For: tenMicros(end - start)}
}

// noteDropped says what the time line lacks.
func (r *recorder) noteDropped(m *Measurement) {
	if n := r.marks.lacking(); n > 0 {
		m.Notes = append(m.Notes, fmt.Sprintf("the time line lacks the %s shortest marks", humanFloat(float64(n))))
	}
}

// tenMicros converts nanoseconds to seconds; a finer time would only make results longer.
func tenMicros(nanos int64) float64 { return math.Round(float64(nanos)/1e4) / 1e5 }

// threeDigits rounds a value of a series, of which nobody reads more.
func threeDigits(v float64) float64 {
	if v == 0 {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-2)
	if unit >= 1 {
		return math.Round(v/unit) * unit
	}
	return math.Round(v/unit) / math.Round(1/unit)
}
