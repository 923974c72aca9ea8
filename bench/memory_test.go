package bench

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/statelab/statelab"
)

func TestTheCostOfARecordIsNetOfTheHarness(t *testing.T) {
	m := Metrics{}
	m.set("live_bytes", 5160)
	m.set("memory_peak_bytes", 2000)
	m.set("disk_bytes", 9000)
	m.set("rss_peak_bytes", 30_000)
	m.set("harness_rss_bytes", 20_000)
	m.emitPerRecord(10)
	for name, want := range map[string]float64{
		"live_bytes_per_record": 516, "memory_bytes_per_record": 200, "disk_bytes_per_record": 900, "rss_bytes_per_record": 1000,
	} {
		if m[name].Value != want || m[name].Unit != "bytes" {
			t.Errorf("%s is %+v, not %v", name, m[name], want)
		}
	}
	if got := m["rss_amp"].Value; got != 10_000.0/5160 {
		t.Errorf("rss_amp is %v", got)
	}
	delete(m, "rss_bytes_per_record")
	delete(m, "rss_amp")
	m.set("harness_rss_bytes", 30_000)
	m.emitPerRecord(10)
	for _, name := range []string{"rss_bytes_per_record", "rss_amp"} {
		if v, ok := m[name]; ok {
			t.Errorf("of a process that has not grown %s is %v", name, v)
		}
	}
}

func TestAGroupsMemoryIsAmongTheMetrics(t *testing.T) {
	m := Metrics{}
	if err := emitGroup(m, ""); err != nil || len(m) != 0 {
		t.Fatalf("without a group: error %v, metrics %v", err, m)
	}
	dir := t.TempDir()
	if err := emitGroup(m, dir); err == nil {
		t.Error("a group without files has memory")
	}
	for name, text := range map[string]string{"memory.max": "4096\n", "memory.stat": "anon 1\nfile 1024\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := emitGroup(m, dir); err != nil {
		t.Fatal(err)
	}
	_, peak := m["cgroup_peak_bytes"] // this kernel has no memory.peak
	if m["memory_limit_bytes"].Value != 4096 || m["cgroup_page_cache_bytes"].Value != 1024 || peak {
		t.Errorf("metrics %v", m)
	}
}

// A store that tells of no memory is not one that needs none.
func TestMemoryThatIsNotToldIsAbsent(t *testing.T) {
	for told, want := range map[int64]bool{0: false, 1 << 20: true} {
		w := smallSuite(t, "a")
		w.Workloads, w.Reps = []string{"J10"}, 1
		w.Run = func(ctx context.Context, job Job) (Measurement, error) {
			return Execute(ctx, job, func(spec, dir string, o *statelab.Options) (statelab.Store, error) {
				s, err := openMem(spec, dir, o)
				return toldMemory{s, told}, err
			})
		}
		out, err := w.RunAll(context.Background())
		if err != nil || len(out.Results) != 1 {
			t.Fatalf("error %v, outcome %+v", err, out)
		}
		for _, name := range []string{"memory_bytes", "memory_peak_bytes", "memory_amp", "memory_bytes_per_record"} {
			if _, ok := out.Results[0].Metrics[name]; ok != want {
				t.Errorf("of a store that tells of %d bytes there is %s: %v", told, name, ok)
			}
		}
	}
}

// toldMemory says what memory it holds.
type toldMemory struct {
	statelab.Store
	bytes int64
}

func (s toldMemory) Stats() statelab.Stats {
	st := s.Store.Stats()
	st.Memory = s.bytes
	return st
}
