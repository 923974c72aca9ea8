package report

import (
	"bytes"
	"encoding/csv"
	"maps"
	"slices"
	"strconv"

	"github.com/statelab/statelab/bench"
)

// Names of the files that CSVs makes.
const (
	MetricsCSV  = "metrics.csv"
	CurvesCSV   = "curves.csv"
	TimelineCSV = "timeline.csv"
)

// CSVs returns results as tables for spreadsheets and notebooks, a value a line:
// the metrics, the points of curves, and the slots and marks of time lines. Each line
// begins with what the run was.
func CSVs(results []bench.Result) []File {
	return []File{
		{MetricsCSV, table(results, []string{"metric", "value", "unit"}, metricLines)},
		{CurvesCSV, table(results, []string{"curve", "x", "x_unit", "y", "y_unit"}, curveLines)},
		{TimelineCSV, table(results, []string{"what", "name", "at_s", "for_s", "value", "note"}, timelineLines)},
	}
}

var runColumns = []string{"workload", "backend", "rep", "seed", "knobs", "memory_bytes", "durability", "compression", "maintenance", "commit"}

func runCells(r *bench.Result) []string {
	s := &r.Settings
	return []string{r.Workload, r.Backend, strconv.Itoa(r.Rep), strconv.FormatUint(r.Seed, 10), s.Knobs.String(),
		strconv.FormatInt(s.Memory, 10), s.Durability, s.Compression, s.Maintenance, r.Machine.Commit}
}

// table writes the lines of all results. Writing to memory cannot fail.
func table(results []bench.Result, columns []string, lines func(*bench.Result) [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(slices.Concat(runColumns, columns))
	for i := range results {
		run := runCells(&results[i])
		for _, line := range lines(&results[i]) {
			_ = w.Write(slices.Concat(run, line))
		}
	}
	w.Flush()
	return b.Bytes()
}

func exact(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

func metricLines(r *bench.Result) [][]string {
	var lines [][]string
	for _, name := range slices.Sorted(maps.Keys(r.Metrics)) {
		m := r.Metrics[name]
		value := exact(m.Value)
		if m.Unit == "xxh64/53" {
			value = bench.FormatMetric(m.Unit, m.Value)
		}
		lines = append(lines, []string{name, value, m.Unit})
	}
	return lines
}

func curveLines(r *bench.Result) [][]string {
	var lines [][]string
	for _, c := range r.Curves {
		doc := findCurve(c.Name)
		for i := range min(len(c.X), len(c.Y)) {
			lines = append(lines, []string{c.Name, exact(c.X[i]), doc.XUnit, exact(c.Y[i]), doc.YUnit})
		}
	}
	return lines
}

func timelineLines(r *bench.Result) [][]string {
	if r.Timeline == nil {
		return nil
	}
	var lines [][]string
	slot := r.Timeline.Slot
	for _, s := range r.Timeline.Series {
		for i, v := range s.Values {
			lines = append(lines, []string{"slot", s.Name, exact(float64(i) * slot), exact(slot), exact(v), ""})
		}
	}
	for _, m := range r.Timeline.Marks {
		lines = append(lines, []string{"mark", m.Kind, exact(m.At), exact(m.For), "", m.Note})
	}
	return lines
}
