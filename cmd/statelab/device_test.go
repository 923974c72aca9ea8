package main

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/bench"
)

// inlineJob is a small J1s with inline maintenance, watched by the simulated device.
func inlineJob(t *testing.T, backend string) bench.Job {
	t.Helper()
	w, err := bench.FindWorkload("J1s")
	if err != nil {
		t.Fatal(err)
	}
	knobs := w.Defaults()
	for name, value := range map[string]float64{"live": 1500, "window_s": 10, "checkpoint_s": 13, "delay_median_s": 2} {
		knobs[name] = value
	}
	return bench.Job{
		Backend: backend, Workload: w.Name, Rep: 1, Seed: 1, Dir: filepath.Join(t.TempDir(), "store"),
		Settings: bench.Settings{
			Memory: 1 << 20, Durability: "checkpoint", Compression: "default", Maintenance: "inline",
			SampleEvery: 1, Knobs: knobs, Watch: []string{"device"},
		},
	}
}

// counted are the metrics that count what a store did, and depend on nothing else.
func counted(m bench.Metrics) bench.Metrics {
	exact := bench.Metrics{}
	for name, metric := range m {
		bytes := strings.HasPrefix(name, "written_") || strings.HasPrefix(name, "device_") || strings.HasPrefix(name, "disk_")
		if bytes || slices.Contains([]string{
			"events", "logical_bytes", "read_bytes", "file_syncs", "cache_hit_ratio", "filter_negative_ratio",
			"write_amp_engine", "write_amp_sent", "write_amp_device", "write_amp_total", "output_checksum",
		}, name) {
			exact[name] = metric
		}
	}
	return exact
}

// What makes figures comparable at all: with inline maintenance a run is the
// same again, down to the bytes that a flash device programs.
func TestTwoInlineRunsWriteTheSameAtEveryLayer(t *testing.T) {
	for _, backend := range []string{"lsm", "btree", "skiplist"} {
		var first bench.Metrics
		for range 2 {
			job := inlineJob(t, backend)
			if backend == "skiplist" {
				job.Memory = 0 // it holds all of its state in memory
			}
			m, err := bench.Execute(context.Background(), job, openBackend)
			if err != nil {
				t.Fatal(err)
			}
			exact := counted(m.Metrics)
			if first == nil {
				first = exact
				continue
			}
			for name, metric := range exact {
				if metric != first[name] {
					t.Errorf("%s: %s is %v and then %v", backend, name, first[name].Value, metric.Value)
				}
			}
			for _, name := range []string{"device_bytes", "device_erases", "write_amp_engine", "write_amp_total"} {
				if exact[name].Value <= 0 {
					t.Errorf("%s: %s is %v", backend, name, exact[name].Value)
				}
			}
			if len(exact) != len(first) {
				t.Errorf("%s: %d metrics and then %d", backend, len(first), len(exact))
			}
		}
	}
}

// All that an engine of ours writes goes through Options.FS, so that none is
// said not to be traced.
func TestTheDeviceIsInTheTable(t *testing.T) {
	args := append([]string{"bench", "-backends", "lsm?memory=1MiB,skiplist", "-workload", "J1s,reads", "-maintenance", "inline",
		"-device", "op=0.28", "-o", filepath.Join(t.TempDir(), "r")}, small...)
	code, stdout, stderr := runs(args...)
	if code != exitDone {
		t.Fatalf("exit code %d\n%s", code, stderr)
	}
	for _, want := range []string{"logical MiB", "  total\n", "  device op=0.28 page=4KiB "} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	if strings.Contains(stdout, "not traced") {
		t.Errorf("an engine of ours is not traced:\n%s", stdout)
	}
}
