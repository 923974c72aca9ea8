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
// benchfmt specifies it and benchstat reads it: configuration, then units,
// then a line for each result,
//
//	BenchmarkJ1s/backend=btree-2 250000 12.5 cpu_us_per_event 76000 events_per_s ...
//
// in which the number after the name is the count of measured events. The
// checksum stays out: it is no quantity. Only the order in which
// results came is kept; they should share machine and settings.
func GoBench(results []Result) []byte {
	var b bytes.Buffer
	if len(results) == 0 {
		return nil
	}
	writeConfig(&b, results)
	for _, doc := range MetricDocs() {
		if doc.Better != Neither {
			fmt.Fprintf(&b, "Unit %s better=%s\n", doc.Name, doc.Better)
		}
	}
	for i := range results {
		writeBenchLine(&b, &results[i])
	}
	return b.Bytes()
}

func writeConfig(b *bytes.Buffer, results []Result) {
	r := &results[0]
	config := func(key, value string) {
		if value != "" {
			fmt.Fprintf(b, "%s: %s\n", key, value)
		}
	}
	config("goos", r.Machine.OS)
	config("goarch", r.Machine.Arch)
	config("pkg", "github.com/statelab/statelab/bench")
	config("cpu", r.Machine.CPU)
	config("cores", strconv.Itoa(r.Machine.Cores))
	config("memory-bytes", strconv.FormatInt(r.Machine.Memory, 10))
	config("kernel", r.Machine.Kernel)
	config("fs", r.Machine.FS)
	config("go", r.Machine.Go)
	config("commit", r.Machine.Commit)
	config("seed", strconv.FormatUint(r.Seed, 10))
	described := map[string]bool{}
	once := func(key, value string) {
		if !described[key] {
			described[key] = true
			config(key, value)
		}
	}
	for i := range results {
		r := &results[i]
		once(strings.ToLower(r.Workload)+"-knobs", r.Settings.Knobs.String())
		once(strings.ToLower(benchName(r.Backend))+"-settings", r.Settings.store())
	}
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
	fmt.Fprintf(b, "Benchmark%s/backend=%s-%d %s", benchTitle(r.Workload), benchName(r.Backend), r.Machine.Cores,
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
