package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchmath"

	"github.com/statelab/statelab/bench"
)

// interval returns the interval of a metric's median over repetitions: at 95 %,
// or, where there are too few for that, from the least to the greatest. ok is false
// if no repetition has the metric.
func interval(g *bench.Group, metric string) (lo, hi float64, ok bool) {
	values := g.Values(metric)
	if len(values) == 0 {
		return 0, 0, false
	}
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), 0.95)
	return max(s.Lo, values[0]), min(s.Hi, values[len(values)-1]), true
}

// enoughReps is how many repetitions two contenders need before a difference
// can be more than chance: that all of four values are below all of four others
// is chance in 2 of 70 cases; with three it is in 2 of 20.
const enoughReps = 4

// clearLead is the ratio below which a lead is none, however sure.
const clearLead = 1.02

// A standing is a contender's place in one criterion.
type standing struct {
	name          string
	value, lo, hi float64
	reps          int
	noted         bool // its runs carry notes that not all others do
}

// A verdict says who is best in one metric.
type verdict struct {
	doc     bench.MetricDoc
	ranking []standing // best first
	leaders int        // how many of them cannot be told from the best
	silent  []string   // those that wrote nothing, and so are no competition in what is written
}

// judge ranks the contenders of an experiment; false if fewer than two have the metric.
func judge(e *experiment, metric string) (verdict, bool) {
	doc, ok := bench.FindMetric(metric)
	if !ok || doc.Better == bench.Neither {
		return verdict{}, false
	}
	v := verdict{doc: doc}
	common := commonNotes(e.results())
	for i := range e.contenders {
		c := &e.contenders[i]
		median, ok := c.Median(metric)
		if !ok {
			continue
		}
		if median == 0 && strings.HasPrefix(metric, "write_amp_") {
			v.silent = append(v.silent, c.name)
			continue
		}
		s := standing{name: c.name, value: median, reps: len(c.Values(metric)), noted: len(ownNotes(c.Results, common)) > 0}
		s.lo, s.hi, _ = interval(&c.Group, metric)
		v.ranking = append(v.ranking, s)
	}
	slices.SortStableFunc(v.ranking, func(a, b standing) int {
		if v.isBetter(a.value, b.value) {
			return -1
		}
		if v.isBetter(b.value, a.value) {
			return 1
		}
		return 0
	})
	for v.leaders < len(v.ranking) && v.ties(&v.ranking[v.leaders]) {
		v.leaders++
	}
	return v, len(v.ranking) > 1
}

func (v *verdict) isBetter(a, b float64) bool {
	if v.doc.Better == bench.Higher {
		return a > b
	}
	return a < b
}

// ties says whether a contender cannot be told from the best.
func (v *verdict) ties(s *standing) bool {
	best := &v.ranking[0]
	return s.lo <= best.hi && best.lo <= s.hi || v.ratio(s) < clearLead
}

// ratio says how many times worse than the best a contender is, from 1.
func (v *verdict) ratio(s *standing) float64 {
	best, other := v.ranking[0].value, s.value
	if v.doc.Better == bench.Higher {
		best, other = other, best
	}
	switch {
	case best == other:
		return 1
	case best <= 0:
		return math.Inf(1)
	}
	return other / best
}

// isClear says whether there is one best.
func (v *verdict) isClear() bool { return v.leaders == 1 }

// isSure says whether there were enough repetitions for the lead to be more than chance.
func (v *verdict) isSure() bool {
	least := math.MaxInt
	for _, s := range v.ranking[:min(v.leaders+1, len(v.ranking))] {
		least = min(least, s.reps)
	}
	return least >= enoughReps
}

// mark returns the name with a dagger if notes set the contender apart.
func (s *standing) mark() string {
	if s.noted {
		return s.name + " †"
	}
	return s.name
}

// format writes a value so that no line ends before its unit.
func (v *verdict) format(x float64) string {
	return strings.ReplaceAll(formatUnit(v.doc.Unit)(x), " ", "\u00a0")
}

// leaderNames joins the names of those that cannot be told from the best.
func (v *verdict) leaderNames() string {
	var names []string
	for _, s := range v.ranking[:v.leaders] {
		names = append(names, s.mark())
	}
	return joinNames(names)
}

func joinNames(names []string) string {
	if n := len(names); n > 1 {
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return strings.Join(names, "")
}

// times renders a ratio, as in "2.1 times".
func times(ratio float64) string {
	switch {
	case math.IsInf(ratio, 1):
		return "infinitely many times"
	case ratio < 10:
		return fmt.Sprintf("%.2f times", ratio)
	}
	return fmt.Sprintf("%.0f times", ratio)
}
