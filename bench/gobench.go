package bench

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// GoBench renders results in Go benchmark format, as golang.org/x/perf's
// benchfmt specifies it and benchstat reads it: configuration, units, and a line
// for each result,
//
//	BenchmarkJ1s/backend=btree-2 250000 12.5 cpu_us_per_event 76000 events_per_s ...
//
// in which the number after the name is the count of measured events. The
// checksum stays out: it is no quantity. Results keep their order.
//
// Benchstat compares lines whose configuration is equal. So seed, knobs and
// settings are configuration, given anew wherever they change; Go version and
// commit, which are what one compares, stand in comments.
func GoBench(results []Result) []byte {
	if len(results) == 0 {
		return nil
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "# commit %s, built with %s\n", orUnknown(results[0].Machine.Commit), orUnknown(results[0].Machine.Go))
	b.WriteString("# benchstat A/results.txt B/results.txt\n")
	b.WriteString("# benchstat -col /backend -ignore memory results.txt\n")
	for _, doc := range MetricDocs() {
		if doc.Better != Neither && emitted(results, doc.Name) {
			fmt.Fprintf(&b, "Unit %s better=%s\n", doc.Name, doc.Better)
		}
	}
	given := map[string]string{}
	for i := range results {
		writeConfig(&b, &results[i], given)
		writeBenchLine(&b, &results[i])
	}
	return b.Bytes()
}

// emitted says whether a result has a metric of that name.
func emitted(results []Result, name string) bool {
	return slices.ContainsFunc(results, func(r Result) bool { _, ok := r.Metrics[name]; return ok })
}

// writeConfig writes the configuration of a result as far as it is not given
// already.
func writeConfig(b *bytes.Buffer, r *Result, given map[string]string) {
	memory := "default"
	if r.Settings.Memory > 0 {
		memory = strconv.FormatInt(r.Settings.Memory, 10)
	}
	for _, c := range [][2]string{
		{"goos", r.Machine.OS},
		{"goarch", r.Machine.Arch},
		{"pkg", "github.com/statelab/statelab/bench"},
		{"cpu", r.Machine.CPU},
		{"kernel", r.Machine.Kernel},
		{"fs", r.Machine.FS},
		{"seed", strconv.FormatUint(r.Seed, 10)},
		{"knobs", r.Settings.Knobs.String()},
		{"memory", memory},
		{"durability", r.Settings.Durability},
		{"compression", r.Settings.Compression},
		{"maintenance", r.Settings.Maintenance},
		{"memory-limit", limitText(r.Settings.MemoryLimit)},
		{"watch", strings.Join(r.Settings.Watch, ",")},
		{"loop", openLoop(&r.Settings)},
		{"pass", r.Pass}, // an empty value takes back what was given
	} {
		if key, value := c[0], c[1]; given[key] != value {
			fmt.Fprintf(b, "%s: %s\n", key, value)
			given[key] = value
		}
	}
}

// openLoop says how events arrive in the open loop; the closed one is what goes
// without saying.
func openLoop(s *Settings) string {
	if s.closed() {
		return ""
	}
	return s.loop()
}

// String lists knobs by name: "live=60000 window_s=600".
func (k Knobs) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(k)) {
		parts = append(parts, name+"="+number(k[name]))
	}
	return strings.Join(parts, " ")
}

func writeBenchLine(b *bytes.Buffer, r *Result) {
	fmt.Fprintf(b, "Benchmark%s/backend=%s-%d %s", benchTitle(benchName(r.Workload)), benchName(r.Backend), r.Machine.Cores,
		number(r.Metrics["events"].Value))
	for _, doc := range MetricDocs() {
		m, ok := r.Metrics[doc.Name]
		if !ok || doc.Name == "output_checksum" || doc.Name == "events" {
			continue
		}
		fmt.Fprintf(b, " %s %s", number(m.Value), doc.Name)
	}
	b.WriteByte('\n')
}

// benchTitle is a workload's name with a capital, without which it would be no
// benchmark's name.
func benchTitle(workload string) string {
	if workload == "" {
		return ""
	}
	return strings.ToUpper(workload[:1]) + workload[1:]
}

// benchName replaces what would divide a benchmark's name.
func benchName(spec string) string {
	return strings.NewReplacer("/", "%2F", " ", "%20").Replace(spec)
}

// number prints a value with as many digits as it has, and no exponent.
func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
