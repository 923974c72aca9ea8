package main

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/host"
)

// Where this machine permits it: a run that fits its memory limit has what its
// group held among its metrics, one that does not has no numbers and says why.
func TestARunIsHeldToItsMemoryLimit(t *testing.T) {
	probe, err := host.NewGroup("statelab-probe-"+strconv.Itoa(os.Getpid()), 1<<30)
	if err != nil {
		t.Skipf("memory cannot be limited here: %v", err)
	}
	if err := probe.Remove(); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	args := strings.Fields("bench -backends skiplist -workload J10 -watch none -set warm_checkpoints=1 -set window_s=10 -set checkpoint_s=13 -set delay_median_s=2")
	code, stdout, stderr := runs(append(args, "-set", "live=2000", "-memory-limit", "1GiB", "-o", "fits")...)
	if code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, stdout, stderr)
	}
	results, err := bench.LoadResults("fits")
	if err != nil {
		t.Fatal(err)
	}
	r := results[0]
	if limit, peak := r.Metrics["memory_limit_bytes"].Value, r.Metrics["cgroup_peak_bytes"].Value; limit != 1<<30 || peak <= 0 || peak > limit {
		t.Errorf("limit %v, peak %v, notes %q", limit, peak, r.Notes)
	}
	code, stdout, stderr = runs(append(args, "-set", "live=60000", "-memory-limit", "4MiB", "-o", "not")...)
	if code != exitFailed || !strings.Contains(stdout, "it needs more memory than the 4.00 MiB it may hold, page cache included") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
