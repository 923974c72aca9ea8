package bench

import (
	"fmt"
	"slices"
	"strings"
)

// A Comparison is two sets of results, or many backends and one of them, metric by
// metric.
type Comparison struct {
	Baseline string // the backend that the others are compared with; empty for two sets
	Changes  []Change
	Warnings []string // whole lines
}

// A Change is what became of one metric on one backend, or what sets a backend apart
// from the baseline. B is held against A.
type Change struct {
	Workload, Backend, Baseline string
	Metric                      MetricDoc
	A, B                        Side
	Test                        Test
	Worse                       float64 // by how much B is worse, in percent; negative if better
	Threshold                   float64 // in percent, if Judged
	Judged                      bool
}

// PastThreshold says whether a judged metric has become worse by more than its
// threshold, be it by chance.
func (ch *Change) PastThreshold() bool { return ch.Judged && ch.Worse > ch.Threshold }

// Regression says whether that is more than chance.
func (ch *Change) Regression() bool { return ch.PastThreshold() && ch.Test.Significant() }

// Ratio returns B's median divided by A's; false if A's is zero.
func (ch *Change) Ratio() (float64, bool) { return ch.B.Median / ch.A.Median, ch.A.Median != 0 }

// Regressed says whether any change is a regression.
func (c *Comparison) Regressed() bool {
	return slices.ContainsFunc(c.Changes, func(ch Change) bool { return ch.Regression() })
}

// warn adds a warning once.
func (c *Comparison) warn(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !slices.Contains(c.Warnings, line) {
		c.Warnings = append(c.Warnings, line)
	}
}

// Verdict puts a change in words.
func (ch *Change) Verdict() string {
	verdict := "better"
	if ch.Worse > 0 {
		verdict = "worse"
	}
	switch {
	case ch.Regression():
		return "REGRESSION"
	case ch.Worse == 0:
		return "same"
	case !ch.Test.Enough:
		verdict += "?"
	case !ch.Test.Significant():
		verdict = "within noise"
	}
	if ch.PastThreshold() {
		verdict += fmt.Sprintf(", past %s%%", humanFloat(ch.Threshold))
	}
	return verdict
}

// ratioText renders the ratio of the medians and, if there is one, its interval.
func (ch *Change) ratioText() (ratio, interval string) {
	r, ok := ch.Ratio()
	if !ok {
		return "-", ""
	}
	if low, high, ok := ratioInterval(&ch.A, &ch.B); ok {
		interval = fmt.Sprintf("[%.3f, %.3f]", low, high)
	}
	return fmt.Sprintf("%.3f", r), interval
}

func (ch *Change) testText() string {
	if ch.Test.Exact {
		return "exact"
	}
	return fmt.Sprintf("%.3f", ch.Test.P)
}

func (ch *Change) countText() string { return fmt.Sprintf("%d+%d", len(ch.A.Values), len(ch.B.Values)) }

// Text renders the comparison for a terminal.
func (c *Comparison) Text() string {
	var b strings.Builder
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	if c.Baseline == "" {
		c.writeSets(&b)
	} else {
		c.writeBackends(&b)
	}
	b.WriteString(c.footer())
	return b.String()
}

// writeSets writes a block for each workload and backend.
func (c *Comparison) writeSets(b *strings.Builder) {
	for from := 0; from < len(c.Changes); {
		first := &c.Changes[from]
		rows := [][]string{{"  metric", "better", "A", "", "B", "", "B/A", "", "p", "n", ""}}
		to := from
		for ; to < len(c.Changes) && c.Changes[to].Workload == first.Workload && c.Changes[to].Backend == first.Backend; to++ {
			ch := &c.Changes[to]
			ratio, interval := ch.ratioText()
			rows = append(rows, []string{"  " + ch.Metric.Name, ch.Metric.Better.String(),
				FormatMetric(ch.Metric.Unit, ch.A.Median), ch.A.spread(), FormatMetric(ch.Metric.Unit, ch.B.Median), ch.B.spread(),
				ratio, interval, ch.testText(), ch.countText(), ch.Verdict()})
		}
		fmt.Fprintf(b, "%s on %s\n%s\n", first.Workload, first.Backend, grid(rows))
		from = to
	}
}

// writeBackends writes a block for each workload and metric, with a line for
// each backend and one for the baseline before them.
func (c *Comparison) writeBackends(b *strings.Builder) {
	for _, w := range c.distinct(func(ch *Change) string { return ch.Workload }) {
		for _, metric := range c.distinct(func(ch *Change) string { return ch.Metric.Name }) {
			rows := [][]string{{"  backend", "median", "", "ratio", "", "p", "n", ""}}
			for i := range c.Changes {
				ch := &c.Changes[i]
				if ch.Workload != w || ch.Metric.Name != metric {
					continue
				}
				if len(rows) == 1 {
					rows = append(rows, []string{"  " + ch.Baseline, FormatMetric(ch.Metric.Unit, ch.A.Median), ch.A.spread(), "1", "", "", "", "baseline"})
				}
				ratio, interval := ch.ratioText()
				rows = append(rows, []string{"  " + ch.Backend, FormatMetric(ch.Metric.Unit, ch.B.Median), ch.B.spread(),
					ratio, interval, ch.testText(), ch.countText(), ch.Verdict()})
			}
			if doc, ok := FindMetric(metric); ok && len(rows) > 1 {
				fmt.Fprintf(b, "%s: %s, in %s; %s is better\n%s\n", w, metric, doc.Unit, doc.Better, grid(rows))
			}
		}
	}
}

// distinct returns the different values of a field of the changes, in order of
// appearance.
func (c *Comparison) distinct(field func(*Change) string) []string {
	var values []string
	for i := range c.Changes {
		if v := field(&c.Changes[i]); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

// footer says what the columns are and what could not be told.
func (c *Comparison) footer() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Medians ± interval (%.0f%% confidence or more); their ratio [%.0f%% interval]; p: Mann-Whitney U test; n: repetitions.\n",
		100*leastConfidence, 100*(1-alpha))
	few, open := 0, 0
	for i := range c.Changes {
		ch := &c.Changes[i]
		if !ch.Test.Enough && ch.Worse != 0 {
			few++
			if ch.PastThreshold() {
				open++
			}
		}
	}
	if few > 0 {
		b.WriteString("A question mark: so few repetitions cannot tell a difference from chance; it takes at least 4 on each side.\n")
	}
	if open > 0 {
		fmt.Fprintf(&b, "%d metrics are past their threshold and yet no regression, for that reason alone.\n", open)
	}
	return b.String()
}
