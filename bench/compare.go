package bench

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// CompareOptions say how two sets of results are compared.
type CompareOptions struct {
	// Force compares what was measured on different machines, with different
	// settings or seeds, or with different outputs.
	Force bool
	// Threshold is the worsening, in percent, past which a metric of Judged
	// is a regression; negative for none.
	Threshold float64
	// Judged are the metrics that the threshold applies to; nil for DefaultJudged.
	Judged []string
}

// DefaultJudged returns the metrics that a threshold applies to unless others are named.
func DefaultJudged() []string {
	return []string{"cpu_us_per_event", "events_per_s", "write_amp_engine"}
}

// headline are the metrics that a comparison shows, with those judged.
var headline = []string{
	"events_per_s", "cpu_us_per_event", "write_amp_engine", "write_amp_fs", "space_amp", "memory_amp",
	"cache_hit_ratio", "get_p50_us", "get_p99_us", "get_p999_us", "probe_p50_us", "probe_p99_us", "probe_p999_us",
	"apply_p50_us", "apply_p99_us", "apply_p999_us", "rss_bytes", "heap_objects", "gc_cpu_ratio",
}

// A Comparison is two sets of results, metric by metric.
type Comparison struct {
	Changes  []Change
	Warnings []string // whole lines
}

// A Change is what became of one metric on one backend.
type Change struct {
	Workload, Backend string
	Metric            MetricDoc
	A, B              float64 // medians
	RepsA, RepsB      int
	Apart             bool    // the ranges of the repetitions do not overlap
	Worse             float64 // by how much B is worse, in percent; negative if better
	Regression        bool    // past the threshold, in a judged metric
}

// enoughReps is how many repetitions each side needs before anything can be
// said: if all of four values are below all of four others, that is chance in
// 2 of the 70 ways to arrange them, under three in a hundred; with three it is one in ten.
const enoughReps = 4

// Regressed says whether any change is a regression.
func (c *Comparison) Regressed() bool {
	return slices.ContainsFunc(c.Changes, func(ch Change) bool { return ch.Regression })
}

// A MismatchError says why results cannot be compared.
type MismatchError struct {
	Reason    string
	Forceable bool // Force would compare them
}

func (e *MismatchError) Error() string { return e.Reason }

// Compare compares the groups that both sets have. What differs
// between them beside the program is a *MismatchError, or a warning with Force.
func Compare(a, b []Result, o CompareOptions) (*Comparison, error) {
	judged := o.Judged
	if judged == nil {
		judged = DefaultJudged()
	}
	c := &Comparison{}
	groupsB := GroupResults(b)
	compared := map[int]bool{}
	for _, ga := range GroupResults(a) {
		i := slices.IndexFunc(groupsB, func(g Group) bool { return g.Workload == ga.Workload && g.Backend == ga.Backend })
		if i < 0 {
			c.warn("%s on %s is only in the first result", ga.Workload, ga.Backend)
			continue
		}
		compared[i] = true
		gb := groupsB[i]
		if err := c.admit(&ga, &gb, o.Force); err != nil {
			return nil, err
		}
		c.compareGroups(&ga, &gb, judged, o.Threshold)
	}
	for i, g := range groupsB {
		if !compared[i] {
			c.warn("%s on %s is only in the second result", g.Workload, g.Backend)
		}
	}
	if len(compared) == 0 {
		return nil, &MismatchError{Reason: "the two results have no workload and backend in common"}
	}
	return c, nil
}

// warn adds a warning once.
func (c *Comparison) warn(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if !slices.Contains(c.Warnings, line) {
		c.Warnings = append(c.Warnings, line)
	}
}

// admit refuses groups whose difference would not be the program's, or
// warns of it if forced.
func (c *Comparison) admit(a, b *Group, force bool) error {
	for _, g := range []*Group{a, b} {
		for i := range g.Results[1:] {
			if why := difference(&g.Results[0], &g.Results[i+1]); why != "" {
				return &MismatchError{Reason: fmt.Sprintf("repetitions of %s on %s in one result differ: %s", a.Workload, a.Backend, why)}
			}
		}
	}
	why := difference(&a.Results[0], &b.Results[0])
	if why == "" {
		return nil
	}
	why = fmt.Sprintf("%s on %s: %s", a.Workload, a.Backend, why)
	if !force {
		return &MismatchError{Reason: why, Forceable: true}
	}
	c.warn("%s", why)
	return nil
}

// difference says what, beside the program, sets two results apart; empty if nothing.
func difference(a, b *Result) string {
	if field, same := a.Machine.SameAs(&b.Machine); !same {
		return "the machines differ in " + field
	}
	if a.Seed != b.Seed {
		return fmt.Sprintf("the seeds differ: %d and %d", a.Seed, b.Seed)
	}
	if why := settingsDifference(&a.Settings, &b.Settings); why != "" {
		return "the settings differ in " + why
	}
	if a.Metrics["output_checksum"] != b.Metrics["output_checksum"] {
		return fmt.Sprintf("the outputs differ: checksums %s and %s",
			checksumText(a.Metrics["output_checksum"].Value), checksumText(b.Metrics["output_checksum"].Value))
	}
	return ""
}

func settingsDifference(a, b *Settings) string {
	pairs := []struct {
		name string
		a, b any
	}{
		{"memory_bytes", a.Memory, b.Memory},
		{"durability", a.Durability, b.Durability},
		{"compression", a.Compression, b.Compression},
		{"maintenance", a.Maintenance, b.Maintenance},
		{"sample_every", a.SampleEvery, b.SampleEvery},
		{"memory_limit_bytes", limitText(a.MemoryLimit), limitText(b.MemoryLimit)},
		{"rate_per_s", a.Rate, b.Rate},
		{"rate_max", a.RateMax, b.RateMax},
		{"arrival", a.Arrival, b.Arrival},
		{"watch", strings.Join(a.Watch, ","), strings.Join(b.Watch, ",")},
	}
	for _, p := range pairs {
		if p.a != p.b {
			return fmt.Sprintf("%s: %v and %v", p.name, p.a, p.b)
		}
	}
	names := slices.Sorted(maps.Keys(a.Knobs))
	for _, name := range slices.Sorted(maps.Keys(b.Knobs)) {
		if _, ok := a.Knobs[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		va, inA := a.Knobs[name]
		vb, inB := b.Knobs[name]
		switch {
		case !inA || !inB:
			return fmt.Sprintf("knob %s, which only one has", name)
		case va != vb:
			return fmt.Sprintf("knob %s: %s and %s", name, number(va), number(vb))
		}
	}
	return ""
}

func (c *Comparison) compareGroups(a, b *Group, judged []string, threshold float64) {
	for _, doc := range MetricDocs() {
		isJudged := slices.Contains(judged, doc.Name)
		if doc.Better == Neither || !isJudged && !slices.Contains(headline, doc.Name) {
			continue
		}
		va, vb := a.Values(doc.Name), b.Values(doc.Name)
		ma, okA := medianOf(va)
		mb, okB := medianOf(vb)
		if !okA || !okB {
			if okA != okB {
				c.warn("%s on %s: only one result has %s", a.Workload, a.Backend, doc.Name)
			}
			continue
		}
		worse := worsening(doc.Better, ma, mb)
		c.Changes = append(c.Changes, Change{
			Workload: a.Workload, Backend: a.Backend, Metric: doc,
			A: ma, B: mb, RepsA: len(va), RepsB: len(vb),
			Apart:      va[len(va)-1] < vb[0] || vb[len(vb)-1] < va[0],
			Worse:      worse,
			Regression: isJudged && threshold >= 0 && worse > threshold,
		})
	}
}

// worsening says by how many percent b is worse than a: 25 if it costs a
// quarter more, or if it takes a quarter more time where more is better.
func worsening(better Direction, a, b float64) float64 {
	if better == Higher {
		a, b = b, a
	}
	switch {
	case a == b:
		return 0
	case a == 0:
		return math.Inf(1)
	}
	return 100 * (b/a - 1)
}

// verdict puts a change in words.
func (ch *Change) verdict() string {
	switch {
	case ch.Regression:
		return "REGRESSION"
	case ch.Worse == 0:
		return "same"
	case ch.RepsA < enoughReps || ch.RepsB < enoughReps:
		return direction(ch.Worse) + "?"
	case !ch.Apart:
		return "within noise"
	}
	return direction(ch.Worse)
}

func direction(worse float64) string {
	if worse > 0 {
		return "worse"
	}
	return "better"
}

// Text renders the comparison for a terminal.
func (c *Comparison) Text() string {
	var b strings.Builder
	for _, w := range c.Warnings {
		fmt.Fprintf(&b, "warning: %s\n", w)
	}
	few := false
	for from := 0; from < len(c.Changes); {
		first := &c.Changes[from]
		rows := [][]string{{"  metric", "better", "A", "B", "B/A", ""}}
		to := from
		for ; to < len(c.Changes) && c.Changes[to].Workload == first.Workload && c.Changes[to].Backend == first.Backend; to++ {
			rows = append(rows, c.Changes[to].row())
		}
		few = few || first.RepsA < enoughReps || first.RepsB < enoughReps
		fmt.Fprintf(&b, "%s on %s (medians of %d and %d)\n%s\n", first.Workload, first.Backend, first.RepsA, first.RepsB, grid(rows))
		from = to
	}
	if few {
		fmt.Fprintf(&b, "Fewer than %d repetitions on a side cannot tell a difference from noise; such verdicts end in a question mark.\n", enoughReps)
	}
	return b.String()
}

func (ch *Change) row() []string {
	ratio := "-"
	if ch.A != 0 {
		ratio = fmt.Sprintf("%.3f", ch.B/ch.A)
	}
	return []string{"  " + ch.Metric.Name, ch.Metric.Better.String(),
		FormatMetric(ch.Metric.Unit, ch.A), FormatMetric(ch.Metric.Unit, ch.B), ratio, ch.verdict()}
}
