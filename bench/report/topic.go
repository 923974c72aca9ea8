package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// A topic is a group of figures.
type topic struct {
	Title   string
	Intro   string
	Figures []figure
	Lists   []list
	Lacking []string // what results do not hold, and how to have it; whole sentences
}

// A list is a small table with a heading over it.
type list struct {
	Title string
	Rows  [][]string // the first is the head
}

// A figure is a chart with the words around it.
type figure struct {
	slug   string // for the names of files
	Title  string
	Note   string // what is shown, in whole sentences
	Metric string // whose documentation says more; may be empty
	Curve  string // the same
	chart  chart.Chart
}

func (t *topic) add(f figure, ok bool) {
	if ok {
		t.Figures = append(t.Figures, f)
	}
}

func (t *topic) lack(ok bool, format string, args ...any) {
	if !ok {
		t.Lacking = append(t.Lacking, fmt.Sprintf(format, args...))
	}
}

// topics returns those of an experiment. In a pass that was made to count
// something else what is lacking is lacking on purpose.
func (e *experiment) topics() []topic {
	topics := []topic{e.cost(), e.writes(), e.space(), e.latency(), e.time(), e.caches(), e.memory()}
	if e.first().Pass == "" {
		return topics
	}
	topics = slices.DeleteFunc(topics, func(t topic) bool { return len(t.Figures) == 0 })
	for i := range topics {
		topics[i].Lacking = nil
	}
	return topics
}

// bars draws a metric's median for each contender, with its interval; false if
// no contender has it.
func (e *experiment) bars(metric string) (figure, bool) {
	doc, ok := bench.FindMetric(metric)
	if !ok || !e.has(metric) {
		return figure{}, false
	}
	c := &chart.Bars{Unit: unitWords(doc.Unit), Format: formatUnit(doc.Unit), Parts: []chart.Part{{Name: plain(metric)}}}
	for i := range e.contenders {
		c.Rows = append(c.Rows, barOf(&e.contenders[i], metric))
	}
	return figure{slug: metric, Title: plain(metric) + betterWords(doc.Better), Note: brief(doc.Doc), Metric: metric, chart: c}, true
}

func barOf(c *contender, metric string) chart.Row {
	row := chart.Row{Label: c.name}
	if median, ok := c.Median(metric); ok {
		row.Values = []float64{median}
		row.Lo, row.Hi, _ = interval(&c.Group, metric)
	}
	return row
}

// brief returns the first sentence of a documentation, if it is short.
func brief(doc string) string {
	first, _, _ := strings.Cut(doc, ". ")
	if len(first) > 160 {
		return ""
	}
	return strings.TrimSuffix(first, ".") + "."
}

func betterWords(d bench.Direction) string {
	if d == bench.Neither {
		return ""
	}
	return fmt.Sprintf(" (%s is better)", d)
}

// has says whether any result has a metric.
func (e *experiment) has(metric string) bool {
	for i := range e.contenders {
		if _, ok := e.contenders[i].Median(metric); ok {
			return true
		}
	}
	return false
}

// addBars adds bars for those of the metrics that there are and that are not zero everywhere.
func (t *topic) addBars(e *experiment, metrics ...string) {
	for _, m := range metrics {
		if e.most(m) > 0 {
			t.add(e.bars(m))
		}
	}
}

// most returns the greatest median of a metric, 0 if there is none.
func (e *experiment) most(metric string) float64 {
	most := 0.0
	for i := range e.contenders {
		if v, ok := e.contenders[i].Median(metric); ok {
			most = math.Max(most, v)
		}
	}
	return most
}

// Looks of what is no purpose of writing.
const (
	storeLook   = 0
	harnessLook = 4
)

func (e *experiment) cost() topic {
	t := topic{Title: "Cost", Intro: "Processor time is the figure that other load on the machine changes least. " +
		"Gross is the whole process; net leaves out what the same run takes over a store that keeps nothing: generator, driver, digest and clock."}
	t.add(e.cpuBars())
	t.addBars(e, "events_per_s", "sustainable_events_per_s", "lag_max_us")
	return t
}

// cpuBars draws processor time for each event, the harness's share apart.
func (e *experiment) cpuBars() (figure, bool) {
	const gross, harness = "cpu_us_per_event", "harness_us_per_event"
	if !e.has(gross) {
		return figure{}, false
	}
	c := &chart.Bars{Unit: "µs of processor time for each event, gross", Format: formatMicros,
		Parts: []chart.Part{{Name: "harness", Look: harnessLook}, {Name: "store (net)", Look: storeLook}}}
	for i := range e.contenders {
		row := barOf(&e.contenders[i], gross)
		if row.Values != nil {
			all := row.Values[0]
			part, ok := e.contenders[i].Median(harness)
			part = math.Min(part, all)
			row.Values = []float64{part, all - part}
			if ok {
				row.Text = fmt.Sprintf("%s (net %s)", formatMicros(all), formatMicros(all-part))
			}
		}
		c.Rows = append(c.Rows, row)
	}
	return figure{slug: "cpu", Title: "Processor time for each event (lower is better)",
		Note: "User and system time of all threads, background work and collector included.", Metric: gross, chart: c}, true
}

func (e *experiment) space() topic {
	t := topic{Title: "Space", Intro: "What the store keeps for each byte that is still needed, on disk and in memory."}
	t.addBars(e, "space_amp", "memory_amp", "disk_peak_bytes")
	t.lack(len(t.Figures) > 0, "These results hold no sizes.")
	return t
}

func (e *experiment) memory() topic {
	t := topic{Title: "Memory and garbage collection", Intro: "Resident memory is that of the whole process at the end; the Go heap is counted after a collection."}
	t.addBars(e, "rss_bytes", "rss_bytes_per_record", "rss_amp", "memory_bytes_per_record", "page_cache_bytes", "cgroup_peak_bytes",
		"heap_objects", "gc_cpu_ratio", "gc_count", "gc_pause_max_us")
	t.lack(len(t.Figures) > 0, "These results hold nothing of memory.")
	return t
}
