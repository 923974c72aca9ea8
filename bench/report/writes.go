package report

import (
	"slices"
	"strings"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/report/chart"
)

// A layer is a place through which written bytes go down.
type layer struct {
	name, metric string
	look         int
	lacking      string // why it may be absent
}

// layers are those below the engine, from above.
func layers() []layer {
	return []layer{
		{"file system", "write_amp_fs", 7, "No bytes at the file system: the machine does not tell (/proc/self/io), or the stores lay on a file system in memory."},
		{"sent to flash", "write_amp_sent", 11, ""},
		{"flash", "write_amp_total", 12, "No bytes at the device: they come from a simulated flash translation layer, which needs a run that the instrument device watches, and a store whose file operations can be traced."},
	}
}

func (e *experiment) writes() topic {
	t := topic{Title: "Write amplification", Intro: "Bytes written at each layer for one logical byte, a byte of key or value that the workload brought. " +
		"The engine's bytes are split by purpose."}
	for _, device := range e.devices() {
		t.Intro += " Flash is a simulated device: " + strings.ReplaceAll(device, ",", ", ") + "."
	}
	t.add(e.layerBars())
	t.addBars(e, "write_amp_device", "file_syncs", "stall_us")
	t.lack(e.has("write_amp_engine"), "No bytes by purpose: the workload writes nothing while it is measured, or the stores do not tell.")
	if e.has("write_amp_engine") {
		for _, l := range layers() {
			t.lack(e.has(l.metric) || l.lacking == "", "%s", l.lacking)
		}
	}
	return t
}

// devices returns how the flash devices were set that were simulated.
func (e *experiment) devices() []string {
	var all []string
	for _, r := range e.results() {
		if d := r.Settings.Device; d != "" && !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all
}

// purposes returns the metrics of bytes written by purpose, as documented.
func purposes() []string {
	var names []string
	for _, doc := range bench.MetricDocs() {
		if strings.HasPrefix(doc.Name, "written_") && strings.HasSuffix(doc.Name, "_bytes") {
			names = append(names, doc.Name)
		}
	}
	return names
}

// layerBars draws, for each contender, a bar for each layer.
func (e *experiment) layerBars() (figure, bool) {
	if !e.has("write_amp_engine") && !e.has("write_amp_fs") {
		return figure{}, false
	}
	c := &chart.Bars{Unit: "bytes for each logical byte", Format: formatUnit("ratio"), Ref: 1, RefDoc: "1: logical bytes"}
	var used []string
	for i, name := range purposes() {
		if e.most(name) > 0 {
			used = append(used, name)
			c.Parts = append(c.Parts, chart.Part{Name: purposeName(name), Look: i})
		}
	}
	if len(used) == 0 { // the engines told a sum alone, or wrote nothing
		c.Parts = append(c.Parts, chart.Part{Name: "engine"})
	}
	var below []layer
	for _, l := range layers() {
		if e.has(l.metric) {
			below = append(below, l)
			c.Parts = append(c.Parts, chart.Part{Name: l.name, Look: l.look})
		}
	}
	for i := range e.contenders {
		c.Rows = append(c.Rows, layerRows(&e.contenders[i], used, below, len(c.Parts))...)
	}
	return figure{slug: "write-amplification", Title: "Write amplification by layer (lower is better)",
		Note: "Purposes are those of the repetition in the middle.", chart: c}, true
}

func purposeName(metric string) string {
	return strings.TrimSuffix(strings.TrimPrefix(metric, "written_"), "_bytes")
}

// layerRows returns a contender's bars: the engine, stacked, and what is below
// it, each in a part of its own.
func layerRows(c *contender, used []string, below []layer, parts int) []chart.Row {
	const engine = "write_amp_engine"
	top := chart.Row{Group: c.name, Label: "engine"}
	if median, ok := c.Median(engine); ok {
		top.Values, top.Text = purposeValues(c, used), formatUnit("ratio")(median)
		top.Lo, top.Hi, _ = interval(&c.Group, engine)
	}
	rows := []chart.Row{top}
	for i, l := range below {
		row := chart.Row{Label: l.name}
		if v, ok := c.Median(l.metric); ok {
			row.Values = make([]float64, parts)
			row.Values[parts-len(below)+i] = v
			row.Lo, row.Hi, _ = interval(&c.Group, l.metric)
		}
		rows = append(rows, row)
	}
	return rows
}

// purposeValues splits the engine's write amplification of the repetition in the
// middle by purpose.
func purposeValues(c *contender, used []string) []float64 {
	r := middle(c.Results, "write_amp_engine")
	logical := r.Metrics["logical_bytes"].Value
	if len(used) == 0 || !(logical > 0) {
		return []float64{r.Metrics["write_amp_engine"].Value}
	}
	var values []float64
	for _, name := range used {
		values = append(values, r.Metrics[name].Value/logical)
	}
	return values
}

// middle returns the repetition whose value of a metric is the median, or the
// lower of the two in the middle. One must have it.
func middle(results []bench.Result, metric string) *bench.Result {
	var with []*bench.Result
	for i := range results {
		if _, ok := results[i].Metrics[metric]; ok {
			with = append(with, &results[i])
		}
	}
	slices.SortStableFunc(with, func(a, b *bench.Result) int {
		switch x, y := a.Metrics[metric].Value, b.Metrics[metric].Value; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
	return with[(len(with)-1)/2]
}
