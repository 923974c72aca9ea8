package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

func (e *experiment) time() topic {
	t := topic{Title: "Time line", Intro: "Each slot's throughput and longest latencies; below them when the store's maintenance and the collector were at work. " +
		"Of several repetitions the one with the longest latency is shown. Scales are the same for all backends."}
	var shown []shownTimeline
	for i := range e.contenders {
		if s, ok := worstTimeline(&e.contenders[i]); ok {
			shown = append(shown, s)
		}
	}
	most := map[string]float64{}
	for _, s := range shown {
		for unit, v := range s.most() {
			most[unit] = max(most[unit], v)
		}
	}
	for i := range shown {
		t.Figures = append(t.Figures, shown[i].figure(most))
	}
	if l, ok := stallList(shown); ok {
		t.Lists = append(t.Lists, l)
	}
	t.lack(len(shown) > 0, "These results hold no time line.")
	return t
}

// A shownTimeline is the time line of one repetition.
type shownTimeline struct {
	*bench.Timeline
	name      string // of the contender
	rep, reps int
}

// worstTimeline returns the time line of the repetition with the longest latency.
func worstTimeline(c *contender) (shownTimeline, bool) {
	best := shownTimeline{name: c.name, reps: len(c.Results)}
	worst := math.Inf(-1)
	for i := range c.Results {
		line := c.Results[i].Timeline
		if line == nil || !(line.Slot > 0) || len(line.Series) == 0 {
			continue
		}
		s := shownTimeline{line, c.name, c.Results[i].Rep, len(c.Results)}
		if w := s.most()["us"]; best.Timeline == nil || w > worst {
			best, worst = s, w
		}
	}
	return best, best.Timeline != nil
}

// seriesUnit returns the unit of a series: that of the metric of its name, or
// what the end of its name says.
func seriesUnit(name string) string {
	if doc, ok := bench.FindMetric(name); ok {
		return doc.Unit
	}
	for _, unit := range []string{"us", "bytes", "ratio", "s"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	return ""
}

// most returns the greatest value of each unit.
func (s *shownTimeline) most() map[string]float64 {
	most := map[string]float64{}
	for _, series := range s.Series {
		if len(series.Values) > 0 {
			unit := seriesUnit(series.Name)
			most[unit] = max(most[unit], slices.Max(series.Values))
		}
	}
	return most
}

func (s *shownTimeline) seconds() float64 {
	slots := 0
	for _, series := range s.Series {
		slots = max(slots, len(series.Values))
	}
	return float64(slots) * s.Slot
}

// figure draws the time line; most is what each unit's axis goes to.
func (s *shownTimeline) figure(most map[string]float64) figure {
	c := &chart.Timeline{Seconds: s.seconds(), Slot: s.Slot, Lanes: lanes(s.Marks)}
	var units []string
	for _, series := range s.Series {
		unit := seriesUnit(series.Name)
		at := slices.Index(units, unit)
		if at < 0 {
			at = len(units)
			units = append(units, unit)
			c.Panels = append(c.Panels, chart.Panel{Most: most[unit]})
		}
		p := &c.Panels[at]
		p.Series = append(p.Series, chart.SlotSeries{Name: plain(series.Name), Look: len(p.Series), Values: series.Values})
	}
	for i := range c.Panels {
		c.Panels[i].Axis = axisOf(panelName(c.Panels[i].Series, units[i]), units[i])
	}
	note := fmt.Sprintf("Slots of %s s.", bench.FormatMetric("", s.Slot))
	if s.reps > 1 {
		note += fmt.Sprintf(" Repetition %d of %d.", s.rep, s.reps)
	}
	return figure{slug: "timeline-" + s.name, Title: "Time line of " + s.name, Note: note, chart: c}
}

func panelName(series []chart.SlotSeries, unit string) string {
	switch {
	case len(series) == 1:
		return series[0].Name
	case unit == "us":
		return "longest latency in each slot"
	case unit == "":
		return "values"
	}
	return unit
}

// kinds is the order of lanes; other kinds follow by name.
var kinds = []string{"flush", "compaction", "checkpoint", "gc"}

// lanes returns a lane for each kind of mark.
func lanes(marks []bench.Mark) []chart.Lane {
	names := slices.Clone(kinds)
	spans := map[string][]chart.Span{}
	for _, m := range marks {
		if !slices.Contains(names, m.Kind) {
			names = append(names, m.Kind)
		}
		spans[m.Kind] = append(spans[m.Kind], chart.Span{From: m.At, To: m.At + max(0, m.For), Note: m.Note})
	}
	slices.Sort(names[len(kinds):])
	var all []chart.Lane
	for i, name := range names {
		if len(spans[name]) > 0 {
			all = append(all, chart.Lane{Name: name, Look: i + 1, Spans: spans[name]})
		}
	}
	return all
}

// A stall is a slot's longest latency.
type stall struct {
	from, to float64 // the slot, in seconds
	what     string
	micros   float64
}

// listedStalls is how many of each contender are listed.
const listedStalls = 3

// stallList names the longest latencies of each time line and what was going on
// when they ended.
func stallList(shown []shownTimeline) (list, bool) {
	l := list{Title: "The longest latencies, and what was going on", Rows: [][]string{{"backend", "seconds", "what", "took", "meanwhile"}}}
	for i := range shown {
		s := &shown[i]
		for _, st := range s.stalls() {
			l.Rows = append(l.Rows, []string{
				s.name, fmt.Sprintf("%s to %s", bench.FormatMetric("", st.from), bench.FormatMetric("", st.to)),
				st.what, formatMicros(st.micros), s.meanwhile(st),
			})
		}
	}
	return l, len(l.Rows) > 1
}

// stalls returns the slots with the longest latencies, the longest first, each with what took longest in it.
func (s *shownTimeline) stalls() []stall {
	bySlot := map[int]stall{}
	for _, series := range s.Series {
		what, ok := strings.CutSuffix(series.Name, "_max_us")
		if !ok {
			continue
		}
		for i, v := range series.Values {
			if v > bySlot[i].micros {
				bySlot[i] = stall{float64(i) * s.Slot, float64(i+1) * s.Slot, plain(what), v}
			}
		}
	}
	var all []stall
	for _, st := range bySlot {
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b stall) int {
		return cmp.Or(cmp.Compare(b.micros, a.micros), cmp.Compare(a.from, b.from))
	})
	return all[:min(listedStalls, len(all))]
}

// meanwhile names the kinds of marks that overlap the time in which the call
// can have run: it ended in its slot.
func (s *shownTimeline) meanwhile(st stall) string {
	var names []string
	for _, m := range s.Marks {
		text := m.Kind
		if m.For > 0 {
			text += " of " + formatMicros(m.For*1e6)
		}
		if m.At <= st.to && m.At+max(0, m.For) >= st.from-st.micros/1e6 && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	const most = 4
	if n := len(names); n > most {
		names = append(names[:most], fmt.Sprintf("%d more", n-most))
	}
	if len(names) == 0 {
		return "nothing that the store or the runtime told of"
	}
	return joinNames(names)
}
