package bench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/statelab/statelab/bench/host"
)

// A column of the table shows one metric.
type column struct {
	head   string
	metric string
	show   func(float64) string
}

func mebibytes(v float64) string { return humanFloat(v / (1 << 20)) }
func lagMillis(us float64) string {
	if us < 1 {
		return "0" // less than a microsecond is no lag
	}
	return humanFloat(us / 1e3)
}
func thousands(v float64) string { return humanFloat(v / 1000) }
func percent(v float64) string   { return strconv.FormatFloat(100*v, 'f', 1, 64) + "%" }
func seconds(us float64) string  { return humanFloat(us / 1e6) }

// costColumns and the functions below it are the blocks of each workload. With a
// backend's name of up to 24 letters each fits 120 columns.
func costColumns() []column {
	return []column{
		{"events/s", "events_per_s", humanFloat},
		{"CPU us", "cpu_us_per_event", humanFloat},
		{"net", "cpu_net_us_per_event", humanFloat},
		{"w-amp eng", "write_amp_engine", humanFloat},
		{"w-amp fs", "write_amp_fs", humanFloat},
		{"space", "space_amp", humanFloat},
		{"hits", "cache_hit_ratio", percent},
	}
}

// recoveryColumns are the block of workload recovery.
func recoveryColumns() []column {
	return []column{
		{"open s", "recovery_s", humanFloat},
		{"MiB/s", "recovery_bytes_per_s", mebibytes},
		{"read MiB", "recovery_read_bytes", mebibytes},
		{"disk MiB/s", "disk_read_bytes_per_s", mebibytes},
		{"lost", "recovery_lost_records", humanFloat},
	}
}

// memoryColumns say what state costs in memory, and what the collector does.
func memoryColumns() []column {
	return []column{
		{"memory", "memory_amp", humanFloat},
		{"B/rec", "memory_bytes_per_record", humanFloat},
		{"RSS MiB", "rss_bytes", mebibytes},
		{"RSS B/rec", "rss_bytes_per_record", humanFloat},
		{"disk B/rec", "disk_bytes_per_record", humanFloat},
		{"limit MiB", "memory_limit_bytes", mebibytes},
		{"k objs", "heap_objects", thousands},
		{"GCs", "gc_count", humanFloat},
		{"pause us", "gc_pause_max_us", humanFloat},
		{"GC CPU", "gc_cpu_ratio", percent},
	}
}

// countColumns are the block of a pass that counts.
func countColumns() []column {
	return []column{
		{"instr/ev", "cachegrind_instructions_per_event", humanFloat},
		{"I1 miss/ev", "cachegrind_i1_misses_per_event", humanFloat},
		{"D1 miss/ev", "cachegrind_d1_misses_per_event", humanFloat},
		{"LL miss/ev", "cachegrind_ll_misses_per_event", humanFloat},
		{"mispred/ev", "cachegrind_mispredicted_per_event", humanFloat},
	}
}

func latencyColumns() []column {
	var columns []column
	for _, op := range []opKind{opGet, opProbe, opApply} {
		name := opNames[op]
		columns = append(columns,
			column{name + " p50", name + "_p50_us", humanFloat},
			column{"p99", name + "_p99_us", humanFloat},
			column{"p99.9", name + "_p999_us", humanFloat})
	}
	return append(columns, column{"sync max s", "sync_max_us", seconds})
}

// eventColumns are what the users of a stream see: the time from an event's
// arrival until it was handled, and until the samples that it made due were out.
func eventColumns() []column {
	return []column{
		{"event p50", "event_p50_us", humanFloat},
		{"p99", "event_p99_us", humanFloat},
		{"p99.9", "event_p999_us", humanFloat},
		{"p99.99", "event_p9999_us", humanFloat},
		{"max", "event_max_us", humanFloat},
		{"sample p50", "sample_p50_us", humanFloat},
		{"p99", "sample_p99_us", humanFloat},
		{"p99.9", "sample_p999_us", humanFloat},
	}
}

// rateColumns are what the open loop has run at.
func rateColumns() []column {
	return []column{
		{"rate/s", "rate_per_s", humanFloat},
		{"of rate/s", referenceMetric, humanFloat},
		{"max rate/s", "sustainable_events_per_s", humanFloat},
		{"lag ms", "lag_end_us", lagMillis},
	}
}

// Table renders an outcome for a terminal: for each workload a block of costs,
// one of write amplification by layer, one of memory and two of latencies in microseconds, medians where there are several
// repetitions.
func Table(out Outcome) string {
	var b strings.Builder
	groups := GroupResults(out.Results)
	for from := 0; from < len(groups); {
		to := from
		for to < len(groups) && groups[to].Workload == groups[from].Workload {
			to++
		}
		writeBlock(&b, groups[from:to])
		from = to
	}
	for _, f := range out.Failures {
		fmt.Fprintf(&b, "NO NUMBERS for %s on %s, repetition %d: %v\n", f.Workload, f.Backend, f.Rep, f.Err)
	}
	return b.String()
}

func writeBlock(b *strings.Builder, groups []Group) {
	first := &groups[0].Results[0]
	fmt.Fprintf(b, "%s: %s events measured", groups[0].Workload, humanFloat(first.Metrics["events"].Value))
	if n := mostReps(groups); n > 1 {
		fmt.Fprintf(b, ", medians of %d repetitions", n)
	}
	fmt.Fprintf(b, "\n%s\n", wrap("  ", 118, first.Settings.Knobs.String()))
	if counts(first.Pass) {
		writeCounts(b, groups)
	} else {
		writeCosts(b, groups)
	}
	fmt.Fprintf(b, "  output checksum %s\n%s\n", checksums(groups), indent(wrapLines(SettingsText(groups)+NotesText(groups))))
}

// writeCounts writes what a pass has counted.
func writeCounts(b *strings.Builder, groups []Group) {
	b.WriteString(grid(cells(groups, countColumns())))
	fmt.Fprintf(b, "  %v\n", groups[0].Results[0].Settings.CPUCache)
	if n, ok := groups[0].Median("harness_instructions_per_event"); ok {
		d1, _ := groups[0].Median("harness_d1_misses_per_event")
		ll, _ := groups[0].Median("harness_ll_misses_per_event")
		fmt.Fprintf(b, "  harness alone (store that keeps nothing): %s instr/ev, %s D1 miss/ev, %s LL miss/ev\n",
			humanFloat(n), humanFloat(d1), humanFloat(ll))
	}
}

// writeCosts writes what the runs that were timed have cost.
func writeCosts(b *strings.Builder, groups []Group) {
	first := &groups[0].Results[0]
	for _, text := range []string{
		columnBlock(groups, costColumns()), columnBlock(groups, recoveryColumns()), layersBlock(groups), columnBlock(groups, memoryColumns()),
		columnBlock(groups, latencyColumns()), columnBlock(groups, eventColumns()), columnBlock(groups, rateColumns()),
	} {
		if text != "" {
			b.WriteString(text + "\n")
		}
	}
	b.WriteString("  latencies in us, each with one clock reading of ")
	clock, _ := groups[0].Median("clock_ns")
	fmt.Fprintf(b, "%s ns", humanFloat(clock))
	if every := first.Settings.SampleEvery; every > 1 {
		fmt.Fprintf(b, "; one call in %d was timed", every)
	}
	fmt.Fprintf(b, "; %s\n", first.Settings.loop())
	if harness, ok := groups[0].Median("harness_us_per_event"); ok {
		fmt.Fprintf(b, "  harness alone (store that keeps nothing): %s CPU us an event", humanFloat(harness))
		if allocs, ok := groups[0].Median("harness_allocs_per_event"); ok {
			fmt.Fprintf(b, " and %s allocations", humanFloat(allocs))
		}
		if first.Settings.closed() {
			b.WriteString("; CPU us holds it and net does not")
		}
		b.WriteByte('\n')
	}
	if live, ok := groups[0].Median("live_bytes_per_record"); ok {
		fmt.Fprintf(b, "  B/rec: bytes for each live record, which is %s of key and value; RSS net of the harness\n", humanBytes(live))
	}
}

// wrapLines breaks lines that would be too wide for a terminal once indented.
func wrapLines(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.Replace(wrap("  ", 116, line), "  ", "", 1) + "\n")
	}
	return b.String()
}

// columnBlock renders the columns that have values; empty if none has.
func columnBlock(groups []Group, columns []column) string {
	rows := cells(groups, columns)
	if len(rows[0]) == 1 {
		return ""
	}
	return grid(rows)
}

// checksums says what came out. The oracle has agreed with every result, so
// backends differ only if results of different suites were put together.
func checksums(groups []Group) string {
	var texts []string
	for i := range groups {
		v, _ := groups[i].Median("output_checksum")
		if text := checksumText(v); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	if len(texts) == 1 {
		return texts[0] + ", on every backend as the oracle has it"
	}
	return strings.Join(texts, ", ") + ": THE BACKENDS DIFFER"
}

// SettingsText says how each backend was set, in as few lines as that takes.
func SettingsText(groups []Group) string {
	var texts, whose []string
	for i := range groups {
		text := groups[i].Results[0].Settings.store()
		if n := len(texts); n > 0 && texts[n-1] == text {
			whose[n-1] += ", " + groups[i].Backend
			continue
		}
		texts, whose = append(texts, text), append(whose, groups[i].Backend)
	}
	var b strings.Builder
	for i, text := range texts {
		fmt.Fprintf(&b, "%s: %s\n", whose[i], text)
	}
	return b.String()
}

// store renders the settings that a store takes.
func (s *Settings) store() string {
	return fmt.Sprintf("memory %s, durability %s, compression %s, maintenance %s", s.budget(), s.Durability, s.Compression, s.Maintenance)
}

// budget renders Settings.Memory.
func (s *Settings) budget() string {
	if s.Memory > 0 {
		return humanBytes(float64(s.Memory))
	}
	return "the engine's default"
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n  ") + "\n"
}

func mostReps(groups []Group) int {
	n := 0
	for _, g := range groups {
		n = max(n, len(g.Results))
	}
	return n
}

// cells returns a header and a row for each group, without columns that are
// empty for all.
func cells(groups []Group, columns []column) [][]string {
	rows := make([][]string, 1+len(groups))
	rows[0] = []string{"  backend"}
	for i, g := range groups {
		rows[i+1] = []string{"  " + g.Backend}
	}
	for _, c := range columns {
		any := false
		cell := make([]string, len(groups))
		for i := range groups {
			cell[i] = "-"
			if v, ok := groups[i].Median(c.metric); ok {
				cell[i], any = c.show(v), true
			}
		}
		if !any {
			continue
		}
		rows[0] = append(rows[0], c.head)
		for i := range groups {
			rows[i+1] = append(rows[i+1], cell[i])
		}
	}
	return rows
}

// Describe renders where results come from: machine, commit and seed, once for
// each that there is.
func Describe(results []Result) string {
	var texts []string
	for i := range results {
		m := &results[i].Machine
		text := fmt.Sprintf("%s, %d cores, %s%s; %s %s on %s; %s\ncommit %s; seed %d\n",
			orUnknown(m.CPU), m.Cores, humanBytes(float64(m.Memory)), conditions(m), m.OS, orUnknown(m.Kernel), orUnknown(m.FS), m.Go,
			orUnknown(m.Commit), results[i].Seed)
		if !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "")
}

// conditions renders what else bears on a machine's speed, as far as it is known.
func conditions(m *host.Machine) string {
	text := ""
	if m.Virtual != "" {
		text += ", virtual (" + m.Virtual + ")"
	}
	if m.Governor != "" {
		text += ", governor " + m.Governor
	}
	return text
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// wrap breaks text at blanks into lines of at most width, each indented.
func wrap(indent string, width int, text string) string {
	var lines []string
	line := indent
	for _, word := range strings.Fields(text) {
		if len(line) > len(indent) && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = indent
		}
		if len(line) > len(indent) {
			line += " "
		}
		line += word
	}
	return strings.Join(append(lines, line), "\n")
}
