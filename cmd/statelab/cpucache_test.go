//go:build !race

package main

import (
	"context"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/cachegrind"
)

// Two runs must count the same within one percent, and the two simulators within two, but for a tenth
// of a miss, which is what the runtime's own threads may do differently. The phase is as long
// as it is because a process that starts has some 300,000 instructions more or less, by where
// Go's heap happens to lie, whatever it measures. (The race detector's shadow
// memory is too large for valgrind.)
func TestCountsRepeat(t *testing.T) {
	if testing.Short() {
		t.Skip("to count is slow")
	}
	if _, err := cachegrind.Find(context.Background()); err != nil {
		t.Skipf("not tried here: %v", err)
	}
	a := agree(t, countReads(t, bench.Cachegrind), countReads(t, bench.Cachegrind), 0.01)
	if n, harness := a["cachegrind_instructions_per_event"].Value, a["harness_instructions_per_event"].Value; harness <= 0 || harness > n {
		t.Errorf("%v instructions, of which the harness has %v", n, harness)
	}
	if _, err := cachegrind.ParseSimulator(bench.Callgrind); err != nil {
		t.Skipf("not tried here: %v", err)
	}
	b := agree(t, countReads(t, bench.Callgrind), countReads(t, bench.Callgrind), 0.01)
	agree(t, a, b, 0.02)
}

// countReads returns what a pass counts of 100,000 Gets.
func countReads(t *testing.T, pass string) bench.Metrics {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "results")
	code, stdout, stderr := runs("bench", "-backends", "skiplist", "-workload", "reads", "-reps", "0", "-cpu-cache", pass,
		"-cpu-cache-scale", "10", "-set", "records=50000", "-set", "warm_lookups=100000", "-set", "lookups=1000000", "-o", dir)
	if code != exitDone || !strings.Contains(stdout, "reads under "+pass+": 100,000 events") {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	results, err := bench.LoadResults(dir)
	if err != nil || len(results) != 1 || results[0].Pass != pass || string(results[0].Settings.CPUCache.Simulator) != pass {
		t.Fatalf("error %v, results %+v", err, results)
	}
	return results[0].Metrics
}

// agree holds counts against each other, and returns the first.
func agree(t *testing.T, a, b bench.Metrics, tolerance float64) bench.Metrics {
	t.Helper()
	for _, name := range []string{"cachegrind_instructions_per_event", "cachegrind_d1_misses_per_event", "cachegrind_ll_misses_per_event"} {
		va, vb := a[name].Value, b[name].Value
		if va < 0 || math.Abs(va-vb) > tolerance*va+0.1 || va == 0 && name != "cachegrind_ll_misses_per_event" {
			t.Errorf("%s is %v and %v", name, va, vb)
		}
	}
	return a
}
