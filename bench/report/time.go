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
	reach := map[string][]float64{}
	for i := range shown {
		shown[i].extend(reach)
	}
	for i := range shown {
		t.Figures = append(t.Figures, shown[i].figure(reach))
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
		if w := s.longest(); best.Timeline == nil || w > worst {
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

// longest returns the longest latency in microseconds, 0 if there is none.
func (s *shownTimeline) longest() float64 {
	longest := 0.0
	for _, series := range s.Series {
		if seriesUnit(series.Name) == "us" && len(series.Values) > 0 {
			longest = max(longest, slices.Max(series.Values))
		}
	}
	return longest
}

// panelOf names the panel that a series is drawn in. Latencies from the arrival of an event
// would hide those of calls in one panel.
func panelOf(series string) string {
	unit := seriesUnit(series)
	switch {
	case unit != "us":
		return unit
	case strings.HasPrefix(series, "event_") || strings.HasPrefix(series, "sample_"):
		return "longest from arrival, in each slot"
	}
	return "longest call in each slot"
}

// extend adds the extremes of each panel to what its axis must reach.
func (s *shownTimeline) extend(reach map[string][]float64) {
	for _, series := range s.Series {
		if len(series.Values) == 0 {
			continue
		}
		panel := panelOf(series.Name)
		reach[panel] = append(reach[panel], slices.Max(series.Values))
		least := math.Inf(1)
		for _, v := range series.Values {
			if v > 0 {
				least = min(least, v)
			}
		}
		reach[panel] = append(reach[panel], least)
	}
}

func (s *shownTimeline) seconds() float64 {
	slots := 0
	for _, series := range s.Series {
		slots = max(slots, len(series.Values))
	}
	return float64(slots) * s.Slot
}

// figure draws the time line; reach is what the axis of each panel must reach.
func (s *shownTimeline) figure(reach map[string][]float64) figure {
	c := &chart.Timeline{Seconds: s.seconds(), Slot: s.Slot, Lanes: lanes(s.Marks)}
	var panels []string
	for look, series := range s.Series {
		unit, panel := seriesUnit(series.Name), panelOf(series.Name)
		at := slices.Index(panels, panel)
		if at < 0 {
			at = len(panels)
			panels = append(panels, panel)
			c.Panels = append(c.Panels, chart.Panel{Axis: axisOf(cmp.Or(panel, "values"), unit), Reach: reach[panel], IsMean: unit != "us"})
		}
		p := &c.Panels[at]
		p.Series = append(p.Series, chart.SlotSeries{Name: plain(series.Name), Look: look, Values: series.Values})
	}
	for i := range c.Panels {
		if p := &c.Panels[i]; len(p.Series) == 1 {
			p.Axis.Label = strings.Replace(p.Axis.Label, cmp.Or(panels[i], "values"), p.Series[0].Name, 1)
		}
	}
	note := fmt.Sprintf("Slots of %s s.", bench.FormatMetric("", s.Slot))
	if s.reps > 1 {
		note += fmt.Sprintf(" Repetition %d of %d.", s.rep, s.reps)
	}
	return figure{slug: "timeline-" + s.name, Title: "Time line of " + s.name, Note: note, chart: c}
}

// kinds is the order of lanes; other kinds follow by name.
var kinds = []string{"flush", "compaction", "commit", "snapshot", "checkpoint", "gc", slowest}

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
			all = append(all, chart.Lane{Name: name, Look: i + 1, Spans: spans[name], IsQuiet: name == slowest})
		}
	}
	return all
}

// A stall is one of the longest latencies of a time line.
type stall struct {
	from, to  float64 // in seconds: the call, or the slot it ended in
	what      string
	micros    float64
	meanwhile string
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
				st.what, formatMicros(st.micros), st.meanwhile,
			})
		}
	}
	return l, len(l.Rows) > 1
}

// slowest is the kind of mark that names a slow call. Its note says which it was
// and, after a semicolon, what went on meanwhile.
const slowest = "slowest"

// stalls returns the longest latencies, the longest first: those that are marked, or, if
// none is, those of slots.
func (s *shownTimeline) stalls() []stall {
	var all []stall
	for _, m := range s.Marks {
		if m.Kind == slowest {
			what, meanwhile, _ := strings.Cut(m.Note, "; ")
			all = append(all, stall{m.At, m.At + m.For, plain(what), m.For * 1e6, strings.TrimPrefix(meanwhile, "meanwhile ")})
		}
	}
	if len(all) == 0 {
		all = s.slotStalls()
	}
	slices.SortFunc(all, func(a, b stall) int {
		return cmp.Or(cmp.Compare(b.micros, a.micros), cmp.Compare(a.from, b.from))
	})
	return all[:min(listedStalls, len(all))]
}

// slotStalls returns for each slot what took longest in it.
func (s *shownTimeline) slotStalls() []stall {
	bySlot := map[int]stall{}
	for _, series := range s.Series {
		what, ok := strings.CutSuffix(series.Name, "_max_us")
		if !ok {
			continue
		}
		for i, v := range series.Values {
			if v > bySlot[i].micros {
				bySlot[i] = stall{float64(i) * s.Slot, float64(i+1) * s.Slot, plain(what), v, ""}
			}
		}
	}
	var all []stall
	for _, st := range bySlot {
		st.meanwhile = s.during(st.from-st.micros/1e6, st.to)
		all = append(all, st)
	}
	return all
}

// during names the marks that overlap a time.
func (s *shownTimeline) during(from, to float64) string {
	var names []string
	for _, m := range s.Marks {
		text := m.Kind
		if m.For > 0 {
			text += " of " + formatMicros(m.For*1e6)
		}
		if m.At <= to && m.At+max(0, m.For) >= from && !slices.Contains(names, text) {
			names = append(names, text)
		}
	}
	const most = 4
	if n := len(names); n > most {
		names = append(names[:most], fmt.Sprintf("%d more", n-most))
	}
	if len(names) == 0 {
		return "nothing that is marked"
	}
	return joinNames(names)
}
