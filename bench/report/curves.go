package report

import (
	"slices"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// findCurve returns the documentation of a curve, or, for one that a later
// version has added, what its name tells.
func findCurve(name string) bench.CurveDoc {
	for _, doc := range bench.CurveDocs() {
		if doc.Name == name {
			return doc
		}
	}
	doc := bench.CurveDoc{Name: name, Doc: "This version of the report does not know the curve."}
	switch {
	case strings.Contains(name, "latency"):
		doc.XUnit, doc.YUnit, doc.Better = "percentile", "us", bench.Lower
	case strings.HasPrefix(name, "miss_ratio"):
		doc.XUnit, doc.YUnit, doc.Better = "bytes", "ratio", bench.Lower
	}
	return doc
}

func isDocumented(curve string) bool {
	return slices.ContainsFunc(bench.CurveDocs(), func(d bench.CurveDoc) bool { return d.Name == curve })
}

// curveNames returns the names of the curves that any result has: those that
// are documented in the order of their documentation, then others by name.
func (e *experiment) curveNames() []string {
	var names, others []string
	for _, doc := range bench.CurveDocs() {
		names = append(names, doc.Name)
	}
	have := map[string]bool{}
	for _, r := range e.results() {
		for _, c := range r.Curves {
			have[c.Name] = true
			if !slices.Contains(names, c.Name) && !slices.Contains(others, c.Name) {
				others = append(others, c.Name)
			}
		}
	}
	slices.Sort(others)
	return slices.DeleteFunc(append(names, others...), func(n string) bool {
		base, isMeasured := strings.CutSuffix(n, measuredSuffix)
		return !have[n] || isMeasured && have[base]
	})
}

// measuredSuffix ends the name of a curve whose points were measured where those of the
// curve without it were computed; they are drawn into its chart.
const measuredSuffix = "_measured"

// curveLines draws one curve, a line for each contender; false if none has a point.
func (e *experiment) curveLines(name string) (figure, bool) {
	doc := findCurve(name)
	c := &chart.Lines{X: axisOf(xName(doc), doc.XUnit), Y: axisOf(plain(name), doc.YUnit), RingDoc: "measured, not computed"}
	for i := range e.contenders {
		s := curveSeries(&e.contenders[i], name)
		if c.X.Spacing == chart.Tail {
			addMaximum(&s, &e.contenders[i], name)
		}
		if len(s.X) > 0 {
			c.Series = append(c.Series, s)
		}
		measured := curveSeries(&e.contenders[i], name+measuredSuffix)
		for n := range measured.X {
			c.Rings = append(c.Rings, chart.Ring{Name: measured.Name, Look: measured.Look, X: measured.X[n], Y: measured.Y[n]})
		}
	}
	f := figure{slug: name, Title: plain(name) + betterWords(doc.Better), Note: brief(doc.Doc), chart: c}
	if isDocumented(name) {
		f.Curve = name
	}
	return f, len(c.Series) > 0
}

// addMaximum ends a curve of latency with the longest time, which is a metric.
func addMaximum(s *chart.Series, c *contender, curve string) {
	op, ok := strings.CutSuffix(curve, "_latency_us")
	longest, has := c.Median(op + "_max_us")
	if ok && has && len(s.X) > 0 && s.X[len(s.X)-1] < 100 {
		s.Insert(100, longest)
	}
}

func xName(doc bench.CurveDoc) string {
	switch doc.XUnit {
	case "bytes":
		return "size"
	case "":
		return "x"
	}
	return doc.XUnit
}

// curveSeries returns the medians over the repetitions whose curve has the same
// x as the first has.
func curveSeries(c *contender, name string) chart.Series {
	s := chart.Series{Name: c.name, Look: c.look}
	var ys [][]float64
	for i := range c.Results {
		for _, curve := range c.Results[i].Curves {
			n := min(len(curve.X), len(curve.Y))
			if curve.Name != name || n == 0 {
				continue
			}
			if s.X == nil {
				s.X = curve.X[:n]
			}
			if slices.Equal(s.X, curve.X[:n]) {
				ys = append(ys, curve.Y[:n])
			}
		}
	}
	for at := range s.X {
		var values []float64
		for _, y := range ys {
			values = append(values, y[at])
		}
		s.Y = append(s.Y, medianOf(values))
	}
	s.Points = len(s.X) == 1
	if !slices.IsSorted(s.X) {
		s.X, s.Y = sortByX(s.X, s.Y)
	}
	return s
}

func sortByX(x, y []float64) (sortedX, sortedY []float64) {
	var s chart.Series
	for i := range x {
		s.Insert(x[i], y[i])
	}
	return s.X, s.Y
}

// medianOf returns the middle of values, of which there is at least one.
func medianOf(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return values[(n-1)/2]/2 + values[n/2]/2
}

func (e *experiment) caches() topic {
	t := topic{Title: "Caches", Intro: "What the engine's own cache, the page cache and the processor's caches held of what was asked for."}
	t.addBars(e, "cache_hit_ratio", "filter_negative_ratio")
	drawn := 0
	for _, name := range e.curveNames() {
		if !isLatency(name) {
			f, ok := e.curveLines(name)
			t.add(f, ok)
			drawn++
		}
	}
	before := len(t.Figures)
	for _, doc := range bench.MetricDocs() {
		if strings.HasSuffix(doc.Name, "_per_event") && !strings.Contains(doc.Name, "_us_") && doc.Better != bench.Neither {
			t.addBars(e, doc.Name)
		}
	}
	t.lack(e.has("cache_hit_ratio"), "No hits: no engine here has a cache of its own.")
	t.lack(drawn > 0, "No miss-ratio curves: no run was watched for its block accesses, or no engine here reads blocks.")
	t.lack(len(t.Figures) > before, "No misses of the processor's caches: the machine has no hardware counters that a program may read. A pass under cachegrind (bench --cpu-cache cachegrind) is shown as an experiment of its own.")
	return t
}
