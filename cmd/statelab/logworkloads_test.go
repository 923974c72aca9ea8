package main

import (
	"path/filepath"
	"testing"

	"github.com/statelab/statelab/bench"
)

// The engines keep what each durability promises when they are killed, and
// several callers can write at once.
func TestBenchPutsAndRecoversUnderEveryDurability(t *testing.T) {
	const tail = 50
	for durability, most := range map[string]float64{"checkpoint": tail, "interval": tail, "always": 0} {
		dir := filepath.Join(t.TempDir(), "results")
		code, stdout, stderr := runs("bench", "-backends", "lsm,btree,skiplist", "-workload", "puts,recovery", "-durability", durability, "-reps", "1",
			"-watch", "none", "-set", "writers=4", "-set", "warm_records=10", "-set", "records=200", "-set", "bytes=100000", "-set", "tail_records=50", "-set", "kill=1", "-o", dir)
		if code != exitDone {
			t.Fatalf("durability %s: exit code %d\n%s%s", durability, code, stdout, stderr)
		}
		results, err := bench.LoadResults(dir)
		if err != nil || len(results) != 6 {
			t.Fatalf("durability %s: %d results, error %v", durability, len(results), err)
		}
		for _, r := range results {
			lost, opened := r.Metrics["recovery_lost_records"].Value, r.Metrics["recovery_s"].Value
			if r.Workload != "recovery" {
				continue
			}
			if lost > most || durability == "checkpoint" && lost != tail || opened <= 0 {
				t.Errorf("%s with durability %s: %v records lost, opened in %v s", r.Backend, durability, lost, opened)
			}
		}
	}
}
