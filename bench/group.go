package bench

import "slices"

// A Group is the repetitions of one workload on one backend, in one pass.
type Group struct {
	Workload string // followed by the pass, unless it is the one that is timed
	Backend  string
	Results  []Result // at least one
}

// GroupResults sorts results into groups: workloads and, within each, backends
// in the order in which results first name them.
func GroupResults(results []Result) []Group {
	workloads := distinct(results, (*Result).title)
	backends := distinct(results, func(r *Result) string { return r.Backend })
	var groups []Group
	for _, w := range workloads {
		for _, b := range backends {
			g := Group{Workload: w, Backend: b}
			for _, r := range results {
				if r.title() == w && r.Backend == b {
					g.Results = append(g.Results, r)
				}
			}
			if len(g.Results) > 0 {
				groups = append(groups, g)
			}
		}
	}
	return groups
}

// title names the workload and the pass it was run in.
func (r *Result) title() string { return titleOf(r.Workload, r.Pass) }

func titleOf(workload, pass string) string {
	if pass == "" {
		return workload
	}
	return workload + " under " + pass
}

// distinct returns the different values of a field in order of appearance.
func distinct(results []Result, field func(*Result) string) []string {
	var values []string
	for i := range results {
		if v := field(&results[i]); !slices.Contains(values, v) {
			values = append(values, v)
		}
	}
	return values
}

// Values returns a metric's values in all repetitions that have it, ascending.
func (g *Group) Values(metric string) []float64 {
	var values []float64
	for i := range g.Results {
		if m, ok := g.Results[i].Metrics[metric]; ok {
			values = append(values, m.Value)
		}
	}
	slices.Sort(values)
	return values
}

// Median returns the middle of a metric's values; false if there are none.
func (g *Group) Median(metric string) (float64, bool) {
	return medianOf(g.Values(metric))
}

// medianOf returns the middle of values in ascending order.
func medianOf(values []float64) (float64, bool) {
	n := len(values)
	switch {
	case n == 0:
		return 0, false
	case n%2 == 1:
		return values[n/2], true
	}
	return (values[n/2-1] + values[n/2]) / 2, true
}
