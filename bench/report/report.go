// Package report makes a page with charts of results. It depends on the results
// alone: the same ones give the same bytes.
package report

import (
	"bytes"
	_ "embed"
	"fmt"
	"html/template"

	"github.com/statelab/statelab/bench"
)

// The page is one file: style and drawings are in it, and it loads nothing.
//
//go:embed report.html.tmpl
var pageTemplate string

// HTML renders results as one page that needs no network: for each workload bars
// of the main metrics, and a table of all.
func HTML(results []bench.Result) ([]byte, error) {
	t, err := template.New("report").Parse(pageTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the report's template: %w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, makePage(results)); err != nil {
		return nil, fmt.Errorf("render report: %w", err)
	}
	return b.Bytes(), nil
}

// A page is what the template shows.
type page struct {
	Origin    string
	Workloads []section
}

type section struct {
	Name, Doc       string
	Knobs, Settings string
	Reps            int
	Charts          []chart
	Backends        []string
	Rows            []metricRow
}

// A metricRow is a metric's medians, one cell for each backend.
type metricRow struct {
	Name, Unit, Better, Doc string
	Cells                   []string
}

func makePage(results []bench.Result) page {
	p := page{Origin: bench.Describe(results)}
	groups := bench.GroupResults(results)
	for from := 0; from < len(groups); {
		to := from
		for to < len(groups) && groups[to].Workload == groups[from].Workload {
			to++
		}
		p.Workloads = append(p.Workloads, makeSection(groups[from:to]))
		from = to
	}
	return p
}

func makeSection(groups []bench.Group) section {
	s := section{
		Name:     groups[0].Workload,
		Knobs:    groups[0].Results[0].Settings.Knobs.String(),
		Settings: bench.SettingsText(groups),
		Reps:     mostReps(groups),
	}
	if w, err := bench.FindWorkload(s.Name); err == nil { // results of a later version may name others
		s.Doc = w.Doc
	}
	for i := range groups {
		s.Backends = append(s.Backends, groups[i].Backend)
	}
	for _, doc := range bench.MetricDocs() {
		if row, ok := makeRow(doc, groups); ok {
			s.Rows = append(s.Rows, row)
		}
	}
	for _, name := range charted {
		if doc, ok := bench.FindMetric(name); ok {
			if c, ok := makeChart(doc, groups); ok {
				s.Charts = append(s.Charts, c)
			}
		}
	}
	return s
}

func makeRow(doc bench.MetricDoc, groups []bench.Group) (metricRow, bool) {
	row := metricRow{Name: doc.Name, Unit: doc.Unit, Better: doc.Better.String(), Doc: doc.Doc}
	any := false
	for i := range groups {
		cell := "–"
		if v, ok := groups[i].Median(doc.Name); ok {
			cell, any = bench.FormatMetric(doc.Unit, v), true
		}
		row.Cells = append(row.Cells, cell)
	}
	return row, any
}

// charted are the metrics that get bars.
var charted = []string{
	"cpu_us_per_event", "events_per_s", "write_amp_engine", "write_amp_fs", "space_amp", "memory_amp",
	"get_p50_us", "get_p99_us", "get_p999_us", "probe_p50_us", "probe_p99_us", "probe_p999_us",
	"rss_bytes", "heap_objects",
}

// Measures of a chart, in the drawing's units.
const (
	chartWidth  = 460
	labelWidth  = 130
	valueWidth  = 90
	barsWidth   = chartWidth - labelWidth - valueWidth
	barHeight   = 18
	barDistance = 26
)

// A chart is horizontal bars from zero, one a backend, with a line from the
// least to the greatest value where there are several repetitions.
type chart struct {
	Name, Unit, Better, Doc string
	Width, Height           int
	Bars                    []bar
}

type bar struct {
	Label, Value         string
	Y, TextY, LineY      int
	X, Width             string // of the bar
	From, To             string // of the line; empty if there is none
	LabelX, ValueX, High int
}

func makeChart(doc bench.MetricDoc, groups []bench.Group) (chart, bool) {
	c := chart{
		Name: doc.Name, Unit: doc.Unit, Better: doc.Better.String(), Doc: doc.Doc,
		Width: chartWidth, Height: barDistance * len(groups),
	}
	most, any := 0.0, false
	for i := range groups {
		if values := groups[i].Values(doc.Name); len(values) > 0 {
			most, any = max(most, values[len(values)-1]), true
		}
	}
	if !any {
		return c, false
	}
	for i := range groups {
		c.Bars = append(c.Bars, makeBar(doc, &groups[i], i, most))
	}
	return c, true
}

func makeBar(doc bench.MetricDoc, g *bench.Group, row int, most float64) bar {
	b := bar{
		Label: shorten(g.Backend, 18), Value: "–",
		Y: row * barDistance, TextY: row*barDistance + barHeight - 5, LineY: row*barDistance + barHeight/2,
		X: coordinate(labelWidth), Width: "0",
		LabelX: labelWidth - 8, ValueX: chartWidth - valueWidth + 8, High: barHeight,
	}
	values := g.Values(doc.Name)
	median, ok := g.Median(doc.Name)
	if !ok {
		return b
	}
	b.Value = bench.FormatMetric(doc.Unit, median)
	if most > 0 {
		b.Width = coordinate(barsWidth * median / most)
		if len(values) > 1 {
			b.From = coordinate(labelWidth + barsWidth*values[0]/most)
			b.To = coordinate(labelWidth + barsWidth*values[len(values)-1]/most)
		}
	}
	return b
}

func coordinate(v float64) string { return fmt.Sprintf("%.1f", v) }

// shorten cuts a label that would not fit.
func shorten(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most-1] + "…"
}

func mostReps(groups []bench.Group) int {
	n := 0
	for _, g := range groups {
		n = max(n, len(g.Results))
	}
	return n
}
