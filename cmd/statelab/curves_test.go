package main

import (
	"context"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/bench"
)

// runWithCurves runs a small J1s of one backend, inline.
func runWithCurves(t *testing.T, backend string) bench.Measurement {
	t.Helper()
	job := inlineJob(t, backend)
	job.Watch = []string{"curves"}
	m, err := bench.Execute(context.Background(), job, openBackend)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// blockCounts are the metrics of blocks, which two inline runs have in common to
// the last digit.
func blockCounts(m bench.Measurement) bench.Metrics {
	same := bench.Metrics{}
	for name, metric := range m.Metrics {
		for _, part := range []string{"block", "cache_", "read_bytes", "lru_90", "curve_error"} {
			if strings.HasPrefix(name, part) {
				same[name] = metric
			}
		}
	}
	return same
}

func missRatios(m bench.Measurement) []bench.Curve {
	return slices.DeleteFunc(slices.Clone(m.Curves), func(c bench.Curve) bool { return !strings.HasPrefix(c.Name, "miss_ratio_") })
}

// Two inline runs read the same blocks and have the same curves, and the curve
// of the engine's own policy says what its cache did.
func TestInlineRunsHaveTheSameBlocksAndCurves(t *testing.T) {
	for _, backend := range []string{"lsm", "lsm?cache=clock", "btree"} {
		a, b := runWithCurves(t, backend), runWithCurves(t, backend)
		ca, cb := blockCounts(a), blockCounts(b)
		if !reflect.DeepEqual(ca, cb) {
			t.Errorf("%s: counts differ:\n%v\n%v", backend, ca, cb)
		}
		if curves := missRatios(a); len(curves) != 4 || // three policies, and what was measured
			!reflect.DeepEqual(curves, missRatios(b)) {
			t.Errorf("%s: %d curves, or a second run has others", backend, len(curves))
		}
		for _, name := range []string{"blocks_read", "block_accesses_per_event", "block_footprint_bytes", "read_bytes_per_lookup"} {
			if ca[name].Value <= 0 {
				t.Errorf("%s: %s is %v", backend, name, ca[name])
			}
		}
		if got := ca["curve_error_pp"]; got.Unit != "pp" || math.Abs(got.Value) > 2 {
			t.Errorf("%s: curve_error_pp is %v", backend, got)
		}
		t.Logf("%s: hit ratio %.4f, curve off by %.4f pp", backend, ca["cache_hit_ratio"].Value, ca["curve_error_pp"].Value)
	}
}

func TestMemoryResidentBackendsHaveNoCurves(t *testing.T) {
	m := runWithCurves(t, "skiplist?memory=64MiB")
	if curves := missRatios(m); len(curves) > 0 {
		t.Errorf("curves %v", curves)
	}
	if !strings.Contains(strings.Join(m.Notes, "\n"), "memory-resident") {
		t.Errorf("notes %q", m.Notes)
	}
}
