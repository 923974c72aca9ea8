package report

import (
	"maps"
	"slices"

	"github.com/statelab/statelab/bench"
)

// A metricRow is a metric's medians, one cell for each contender.
type metricRow struct {
	Name, Unit, Better string
	Known              bool // it is documented
	Cells              []metricCell
}

// A metricCell is a median and, over several repetitions, its interval.
type metricCell struct{ Value, Interval string }

// metricRows returns a row for each metric that any contender has: those that
// are documented in the order of their documentation, then others by name.
func (e *experiment) metricRows() []metricRow {
	var rows []metricRow
	known := map[string]bool{}
	for _, doc := range bench.MetricDocs() {
		known[doc.Name] = true
		if e.has(doc.Name) {
			rows = append(rows, e.metricRow(doc, true))
		}
	}
	others := map[string]string{}
	for _, r := range e.results() {
		for name, m := range r.Metrics {
			if !known[name] {
				others[name] = m.Unit
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(others)) {
		rows = append(rows, e.metricRow(bench.MetricDoc{Name: name, Unit: others[name]}, false))
	}
	return rows
}

func (e *experiment) metricRow(doc bench.MetricDoc, known bool) metricRow {
	row := metricRow{Name: doc.Name, Unit: unitWords(doc.Unit), Better: doc.Better.String(), Known: known}
	for i := range e.contenders {
		c := &e.contenders[i]
		cell := metricCell{Value: "–"}
		if v, ok := c.Median(doc.Name); ok {
			cell.Value = bench.FormatMetric(doc.Unit, v)
			if lo, hi, _ := interval(&c.Group, doc.Name); lo < hi {
				cell.Interval = bench.FormatMetric(doc.Unit, lo) + " to " + bench.FormatMetric(doc.Unit, hi)
			}
		}
		row.Cells = append(row.Cells, cell)
	}
	return row
}

// A contenderRow says how a contender was set.
type contenderRow struct {
	Name, Spec                                   string
	On                                           []string // the experiments, if others of that name were set otherwise
	Durability, Memory, Compression, Maintenance string
	Runs                                         int
	Notes                                        []string
}

// sameSettings says whether two rows can be one.
func (r *contenderRow) sameSettings(o *contenderRow) bool {
	return r.Name == o.Name && r.Spec == o.Spec && r.Durability == o.Durability && r.Memory == o.Memory &&
		r.Compression == o.Compression && r.Maintenance == o.Maintenance
}

func contenderRows(experiments []experiment, common []string) []contenderRow {
	var rows []contenderRow
	var results [][]bench.Result // of each row
	for i := range experiments {
		for n := range experiments[i].contenders {
			c := &experiments[i].contenders[n]
			row := makeContenderRow(c)
			at := slices.IndexFunc(rows, func(o contenderRow) bool { return row.sameSettings(&o) })
			if at < 0 {
				at = len(rows)
				rows, results = append(rows, row), append(results, nil)
			}
			rows[at].On = append(rows[at].On, experiments[i].name)
			results[at] = append(results[at], c.Results...)
		}
	}
	names := map[string]int{}
	for i := range rows {
		names[rows[i].Name]++
		rows[i].Runs, rows[i].Notes = len(results[i]), ownNotes(results[i], common)
	}
	for i := range rows {
		if names[rows[i].Name] == 1 {
			rows[i].On = nil
		}
	}
	return rows
}

func makeContenderRow(c *contender) contenderRow {
	s := &c.Results[0].Settings
	row := contenderRow{Name: c.name, Spec: c.Backend, Durability: s.Durability, Compression: s.Compression, Maintenance: s.Maintenance,
		Memory: "the engine's default"}
	if s.Memory > 0 {
		row.Memory = bench.FormatMetric("bytes", float64(s.Memory))
	}
	return row
}
