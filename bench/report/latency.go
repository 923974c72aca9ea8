package report

import (
	"math"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// percentiles are the endings of metrics that make one row of dots.
var percentiles = []struct{ suffix, name string }{
	{"_p50_us", "p50"}, {"_p90_us", "p90"}, {"_p99_us", "p99"}, {"_p999_us", "p99.9"}, {"_p9999_us", "p99.99"}, {"_max_us", "max"},
}

func (e *experiment) latency() topic {
	t := topic{Title: "Latency", Intro: "Medians of the repetitions. A percentile is the time that so many calls in a hundred did not exceed; axes are logarithmic."}
	for _, name := range e.curveNames() {
		if isLatency(name) {
			t.add(e.curveLines(name))
		}
	}
	curves := len(t.Figures)
	for _, doc := range bench.MetricDocs() {
		if op, ok := strings.CutSuffix(doc.Name, percentiles[0].suffix); ok {
			t.add(e.percentileDots(op))
		}
	}
	t.lack(len(t.Figures) > 0, "These results hold no latencies.")
	t.lack(curves > 0 || len(t.Figures) == 0, "No curves of latency by percentile: these results hold single percentiles only.")
	return t
}

// isLatency says whether a curve is one of latency, by what its x is.
func isLatency(curve string) bool {
	return spacingOf(findCurve(curve).XUnit) == chart.Tail
}

// percentileDots draws the percentiles of one kind of call, a row for each contender.
func (e *experiment) percentileDots(op string) (figure, bool) {
	c := &chart.Dots{Axis: axisOf("time of a call", "us")}
	if !e.has(op + percentiles[0].suffix) {
		return figure{}, false
	}
	var metrics []string
	for _, p := range percentiles {
		if e.has(op + p.suffix) {
			metrics, c.Names = append(metrics, op+p.suffix), append(c.Names, p.name)
		}
	}
	for i := range e.contenders {
		row := chart.DotRow{Label: e.contenders[i].name}
		for _, m := range metrics {
			v, ok := e.contenders[i].Median(m)
			if !ok {
				v = math.NaN()
			}
			row.Values = append(row.Values, v)
		}
		c.Rows = append(c.Rows, row)
	}
	return figure{slug: op + "-latency", Title: plain(op) + ": latency (lower is better)", Metric: op + percentiles[0].suffix, chart: c}, true
}
