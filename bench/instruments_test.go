package bench

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/perf"
)

// Where the processor has no counters the run says so, and is a run all the same.
func TestCountersAreThereOrTheRunSaysWhyNot(t *testing.T) {
	job, _ := smallJob(t, "reads")
	job.Watch = []string{"counters"}
	m, err := Execute(context.Background(), job, openMem)
	if err != nil {
		t.Fatal(err)
	}
	noted := slices.ContainsFunc(m.Notes, func(n string) bool { return strings.HasPrefix(n, "CPU counters: ") })
	if _, ok := m.Metrics["instructions_per_event"]; !ok && !noted {
		t.Errorf("no counters and no word of it: %v", m.Notes)
	}
}

func TestCountersBecomeMetricsPerEvent(t *testing.T) {
	counted := map[string]float64{}
	for i, e := range perf.Hardware() {
		counted[e.Name] = float64(100 * (i + 1))
	}
	m := Measurement{Metrics: Metrics{}, Events: 50}
	m.emitCounters(counted)
	if len(m.Metrics) != len(counterMetrics) || len(m.Notes) != 0 {
		t.Errorf("metrics %v, notes %v", m.Metrics, m.Notes)
	}
	if v := m.Metrics["cycles_per_event"]; v.Value != 4 || v.Unit != "cycles" {
		t.Errorf("200 cycles in 50 events are %v an event", v)
	}
	delete(counted, perf.LLMisses)
	m = Measurement{Metrics: Metrics{}, Events: 50}
	m.emitCounters(counted)
	if _, ok := m.Metrics["ll_misses_per_event"]; ok || len(m.Notes) != 1 || !strings.Contains(m.Notes[0], perf.LLMisses) {
		t.Errorf("metrics %v, notes %v", m.Metrics, m.Notes)
	}
}

func TestThePageCacheHoldsWhatTheStoreHasJustWritten(t *testing.T) {
	job, _ := smallJob(t, "reads")
	job.Watch = []string{"pagecache"}
	const size = 1 << 20
	m, err := Execute(context.Background(), job, func(_, dir string, _ *statelab.Options) (statelab.Store, error) {
		return newMemStore(), os.WriteFile(filepath.Join(dir, "file"), make([]byte, size), 0o600)
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Notes) > 0 {
		t.Skipf("not tried here: %v", m.Notes)
	}
	if v := m.Metrics["page_cache_bytes"].Value; v != size {
		t.Errorf("%v bytes of a file of %d that was just written", v, size)
	}
	if v := m.Metrics["page_cache_ratio"].Value; v <= 0 || v > 1 {
		t.Errorf("ratio %v", v)
	}
}

func TestAStoreWithoutFilesHasNoPageCache(t *testing.T) {
	job, _ := smallJob(t, "reads")
	job.Watch = []string{"pagecache"}
	m, err := Execute(context.Background(), job, openMem)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Metrics["page_cache_bytes"]; ok || len(m.Notes) != 1 {
		t.Errorf("metrics %v, notes %v", m.Metrics["page_cache_bytes"], m.Notes)
	}
}
