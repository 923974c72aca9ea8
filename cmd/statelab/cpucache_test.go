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

// Two runs must count the same within one percent; a tenth of a miss is
// what the runtime's own threads may do differently. The phase is as long as it
// is because a process that starts has some 300,000 instructions more or less, by where
// Go's heap happens to lie, whatever it measures. (The race detector's shadow
// memory is too large for valgrind.)
func TestCountsUnderCachegrindRepeat(t *testing.T) {
	if testing.Short() {
		t.Skip("cachegrind is slow")
	}
	if _, err := cachegrind.Find(context.Background()); err != nil {
		t.Skipf("not tried here: %v", err)
	}
	var both [2][]bench.Result
	for i := range both {
		dir := filepath.Join(t.TempDir(), "results")
		code, stdout, stderr := runs("bench", "-backends", "skiplist", "-workload", "reads", "-reps", "0", "-cpu-cache", "cachegrind",
			"-cpu-cache-scale", "10", "-set", "records=50000", "-set", "warm_lookups=1000", "-set", "lookups=1000000", "-o", dir)
		if code != exitDone || !strings.Contains(stdout, "reads under cachegrind: 100,000 events") {
			t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
		}
		results, err := bench.LoadResults(dir)
		if err != nil || len(results) != 1 {
			t.Fatalf("error %v, %d results", err, len(results))
		}
		both[i] = results
	}
	a, b := both[0][0].Metrics, both[1][0].Metrics
	for _, name := range []string{"cachegrind_instructions_per_event", "cachegrind_d1_misses_per_event"} {
		va, vb := a[name].Value, b[name].Value
		if va <= 0 || math.Abs(va-vb) > 0.01*va+0.1 {
			t.Errorf("%s is %v and %v", name, va, vb)
		}
	}
	if n, harness := a["cachegrind_instructions_per_event"].Value, a["harness_instructions_per_event"].Value; harness <= 0 || harness > n {
		t.Errorf("%v instructions, of which the harness has %v", n, harness)
	}
}
