package bench

import (
	"slices"
	"strings"
)

// purposes are the metrics of what an engine wrote, by purpose, with their
// heads in the table.
var purposes = []struct{ head, metric string }{
	{"log", "written_log_bytes"},
	{"flush", "written_flush_bytes"},
	{"compaction", "written_compaction_bytes"},
	{"page", "written_page_bytes"},
	{"images", "written_images_bytes"},
	{"snapshot", "written_snapshot_bytes"},
	{"checkpoint", "written_checkpoint_bytes"},
	{"meta", "written_meta_bytes"},
}

const layersHelp = "bytes for each logical byte: written by the engine, by purpose and together; fs: sent down by the file system, measured; " +
	"sent: to a simulated flash device; total: programmed in it. device is total / sent"

// layersBlock renders write amplification layer by layer; empty if nothing is
// known of any layer below the engine.
func layersBlock(groups []Group) string {
	var columns []layerColumn
	for _, c := range layerColumns() {
		if c.shown(groups) {
			columns = append(columns, c)
		}
	}
	if !slices.ContainsFunc(groups, func(g Group) bool { return len(g.Values("write_amp_fs"))+len(g.Values("write_amp_total")) > 0 }) {
		return ""
	}
	rows := [][]string{{"  backend"}}
	for i := range groups {
		rows = append(rows, []string{"  " + groups[i].Backend})
	}
	for _, c := range columns {
		rows[0] = append(rows[0], c.head)
		for i := range groups {
			cell := "-"
			if v, ok := c.value(&groups[i]); ok {
				cell = c.show(v)
			}
			rows[i+1] = append(rows[i+1], cell)
		}
	}
	return grid(rows) + wrap("  ", 118, layersHelp) + "\n" + deviceText(groups)
}

// A layerColumn is a column of the block.
type layerColumn struct {
	head  string
	value func(*Group) (float64, bool)
	show  func(float64) string
	zeros bool // it is worth showing if all that it holds is zero
}

func layerColumns() []layerColumn {
	metric := func(name string) func(*Group) (float64, bool) {
		return func(g *Group) (float64, bool) { return g.Median(name) }
	}
	columns := []layerColumn{{"logical MiB", metric("logical_bytes"), mebibytes, true}}
	for _, p := range purposes {
		columns = append(columns, layerColumn{p.head, perLogical(p.metric), amplification, false})
	}
	for _, c := range []struct{ head, metric string }{
		{"engine", "write_amp_engine"},
		{"fs", "write_amp_fs"},
		{"sent", "write_amp_sent"},
		{"device", "write_amp_device"},
		{"total", "write_amp_total"},
	} {
		columns = append(columns, layerColumn{c.head, metric(c.metric), amplification, true})
	}
	return columns
}

// perLogical returns the median over repetitions of a metric divided by logical_bytes.
func perLogical(metric string) func(*Group) (float64, bool) {
	return func(g *Group) (float64, bool) {
		var ratios []float64
		for i := range g.Results {
			m := g.Results[i].Metrics
			part, ok := m[metric]
			if logical := m["logical_bytes"].Value; ok && logical > 0 {
				ratios = append(ratios, part.Value/logical)
			}
		}
		slices.Sort(ratios)
		return medianOf(ratios)
	}
}

// shown says whether the column has a value, or one that is not zero.
func (c *layerColumn) shown(groups []Group) bool {
	return slices.ContainsFunc(groups, func(g Group) bool {
		v, ok := c.value(&g)
		return ok && (v != 0 || c.zeros)
	})
}

// deviceText says which device was simulated.
func deviceText(groups []Group) string {
	var texts []string
	for i := range groups {
		device := groups[i].Results[0].Settings.Device
		if device != "" && !slices.Contains(texts, device) {
			texts = append(texts, device)
		}
	}
	var b strings.Builder
	for _, device := range texts {
		b.WriteString(wrap("  ", 118, "device "+strings.ReplaceAll(device, ",", " ")) + "\n")
	}
	return b.String()
}

// amplification shows a ratio without more digits than it deserves.
func amplification(v float64) string {
	if v > 0 && v < 0.001 {
		return "<0.001"
	}
	return humanFloat(v)
}
