package bench

import (
	"fmt"
	"slices"
)

// CompareOptions say how results are compared.
type CompareOptions struct {
	// Force compares what was measured on different machines, with different
	// settings or seeds, or with different outputs.
	Force bool
	// Threshold is the worsening, in percent, past which a metric of Judged
	// is a regression if the test says that it is more than chance; negative for none.
	Threshold float64
	// Judged are the metrics that Threshold applies to; nil for DefaultJudged.
	Judged []string
	// Thresholds are those of single metrics, which are then judged by them.
	Thresholds map[string]float64
}

// DefaultJudged returns the metrics that a threshold applies to unless others are named.
func DefaultJudged() []string {
	return []string{"cpu_us_per_event", "events_per_s", "write_amp_engine"}
}

// headline are the metrics that a comparison shows, with those judged.
var headline = []string{
	"events_per_s", "sustainable_events_per_s", "cpu_us_per_event", "cpu_net_us_per_event", "write_amp_engine", "write_amp_fs",
	"write_amp_device", "write_amp_total", "space_amp", "memory_amp",
	"cache_hit_ratio", "get_p50_us", "get_p99_us", "get_p999_us", "probe_p50_us", "probe_p99_us", "probe_p999_us",
	"apply_p50_us", "apply_p99_us", "apply_p999_us", "event_p50_us", "event_p99_us", "event_p999_us",
	"sample_p99_us", "sample_p999_us", "rss_bytes", "rss_bytes_per_record", "rss_amp", "heap_objects", "gc_cpu_ratio",
	"cachegrind_instructions_per_event", "cachegrind_d1_misses_per_event", "cachegrind_ll_misses_per_event",
}

// threshold returns that of a metric; false if the metric is not judged.
func (o *CompareOptions) threshold(metric string) (percent float64, judged bool) {
	if t, ok := o.Thresholds[metric]; ok {
		return t, true
	}
	list := o.Judged
	if list == nil {
		list = DefaultJudged()
	}
	return o.Threshold, o.Threshold >= 0 && slices.Contains(list, metric)
}

// shows says whether a comparison has a line for a metric.
func (o *CompareOptions) shows(doc MetricDoc) bool {
	_, given := o.Thresholds[doc.Name]
	return doc.Better != Neither && (given || slices.Contains(o.Judged, doc.Name) || slices.Contains(headline, doc.Name))
}

// Compare compares the groups that both sets have, the first being what the second is
// held against. What differs between them beside the program is a
// *MismatchError, or a warning with Force.
func Compare(a, b []Result, o CompareOptions) (*Comparison, error) {
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
		where := ga.Workload + " on " + ga.Backend
		if err := c.admit(where, &ga, &gb, difference, o.Force); err != nil {
			return nil, err
		}
		c.warnDisturbed(where+" in the first result", &ga)
		c.warnDisturbed(where+" in the second result", &gb)
		c.addChanges(&ga, &gb, "", &o)
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

// CompareBackends compares backends with one of them, workload by workload. What
// differs between them beside the backend is a *MismatchError, or a warning with
// Force; budgets may differ, which is a warning.
func CompareBackends(results []Result, baseline string, o CompareOptions) (*Comparison, error) {
	if err := checkRepeats(results); err != nil {
		return nil, err
	}
	c := &Comparison{Baseline: baseline}
	groups := GroupResults(results)
	found := false
	for from := 0; from < len(groups); {
		to := from
		for to < len(groups) && groups[to].Workload == groups[from].Workload {
			to++
		}
		workload := groups[from:to]
		from = to
		i := slices.IndexFunc(workload, func(g Group) bool { return g.Backend == baseline })
		if i < 0 {
			c.warn("%s was not run on %s", workload[0].Workload, baseline)
			continue
		}
		found = true
		if err := c.compareWith(&workload[i], workload, &o); err != nil {
			return nil, err
		}
	}
	if !found {
		return nil, &MismatchError{Reason: "no result is of the baseline " + baseline}
	}
	return c, nil
}

// compareWith compares the groups of one workload with one of them.
func (c *Comparison) compareWith(base *Group, groups []Group, o *CompareOptions) error {
	c.warnDisturbed(base.Workload+" on "+base.Backend, base)
	for i := range groups {
		g := &groups[i]
		if g.Backend == base.Backend {
			continue
		}
		where := fmt.Sprintf("%s on %s and on %s", base.Workload, base.Backend, g.Backend)
		if err := c.admit(where, base, g, backendDifference, o.Force); err != nil {
			return err
		}
		a, b := &base.Results[0], &g.Results[0]
		if a.Settings.Memory != b.Settings.Memory {
			c.warn("%s: the budgets differ: %s and %s", where, a.Settings.budget(), b.Settings.budget())
		}
		if a.Machine.Commit != b.Machine.Commit {
			c.warn("%s: measured by programs of different commits", where)
		}
		c.warnDisturbed(base.Workload+" on "+g.Backend, g)
		c.addChanges(base, g, base.Backend, o)
	}
	return nil
}

// checkRepeats refuses results in which one run stands twice, as it would if a
// file were named twice: it would pass for two repetitions.
func checkRepeats(results []Result) error {
	type run struct {
		workload, backend          string
		rep                        int
		elapsed, cpu, instructions float64
	}
	seen := map[run]bool{}
	for i := range results {
		r := &results[i]
		key := run{r.title(), r.Backend, r.Rep, r.Metrics["elapsed_s"].Value, r.Metrics["cpu_us_per_event"].Value,
			r.Metrics["cachegrind_instructions_per_event"].Value}
		if seen[key] {
			return &MismatchError{Reason: fmt.Sprintf("%s on %s, repetition %d, is given twice", r.Workload, r.Backend, r.Rep)}
		}
		seen[key] = true
	}
	return nil
}

// admit refuses groups whose difference would not be the program's or the
// backend's, or warns of it if forced. Where names them.
func (c *Comparison) admit(where string, a, b *Group, differ func(a, b *Result) string, force bool) error {
	for _, g := range []*Group{a, b} {
		for i := range g.Results[1:] {
			if why := difference(&g.Results[0], &g.Results[i+1]); why != "" {
				return &MismatchError{Reason: fmt.Sprintf("repetitions of %s on %s in one result differ: %s", g.Workload, g.Backend, why)}
			}
		}
	}
	why := differ(&a.Results[0], &b.Results[0])
	if ba, bb := a.bounded(), b.bounded(); why == "" && ba != bb {
		why = fmt.Sprintf("a control group bounded the memory of %s of the first's runs and of %s of the second's", ba, bb)
		if c.Baseline != "" { // a backend without a budget is never bounded
			c.warn("%s: %s", where, why)
			return nil
		}
	}
	if why == "" {
		return nil
	}
	why = where + ": " + why
	if !force {
		return &MismatchError{Reason: why, Forceable: true}
	}
	c.warn("%s", why)
	return nil
}

func (c *Comparison) warnDisturbed(where string, g *Group) {
	if n := g.Disturbed(); n > 0 {
		c.warn("%s: neighbours disturbed %d of %d repetitions", where, n, len(g.Results))
	}
}

// addChanges adds a line for each metric that both groups have.
func (c *Comparison) addChanges(a, b *Group, baseline string, o *CompareOptions) {
	inline := a.Results[0].Settings.Maintenance == "inline" && b.Results[0].Settings.Maintenance == "inline"
	for _, doc := range MetricDocs() {
		if !o.shows(doc) {
			continue
		}
		sideA, okA := newSide(a.Values(doc.Name))
		sideB, okB := newSide(b.Values(doc.Name))
		if !okA || !okB {
			if okA != okB && baseline == "" {
				c.warn("%s on %s: only one result has %s", a.Workload, a.Backend, doc.Name)
			}
			continue
		}
		ch := Change{Workload: b.Workload, Backend: b.Backend, Baseline: baseline, Metric: doc, A: sideA, B: sideB}
		ch.Test = testSides(&sideA, &sideB, timed(doc), inline && deterministic(doc))
		ch.Worse = percentWorse(doc.Better, sideA.Median, sideB.Median)
		ch.Threshold, ch.Judged = o.threshold(doc.Name)
		c.Changes = append(c.Changes, ch)
	}
}
