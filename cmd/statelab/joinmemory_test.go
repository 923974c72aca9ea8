package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestAJoinStaysWithinItsMemory runs the real program over state of eight times its memory, with
// samples written as parquet, and looks at the most that was ever resident: the memory that it was given and 64 MiB,
// of which a good half is the program itself.
func TestAJoinStaysWithinItsMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("a run of some seconds")
	}
	if _, err := os.Stat("/proc/self/status"); err != nil {
		t.Skipf("nothing tells how much memory a process has: %v", err)
	}
	const memory, bound = 8 << 20, 8<<20 + 64<<20
	binary := build(t)
	for _, backend := range []string{"lsm", "btree"} {
		t.Run(backend, func(t *testing.T) {
			dir := t.TempDir()
			definition := fmt.Sprintf(`
left:   {file: "generate:impressions?rate=200&count=130000&bytes=500", key: [id], time: at}
right:  {file: "generate:actions?rate=200&count=130000&bytes=80", key: [id], time: at}
join:   {kind: left_outer, lower: 0s, upper: 10m}
state:  {backend: %s, memory: %d, checkpoint_every: 300s}
output: {file: samples.parquet}
`, backend, memory)
			if err := os.WriteFile(filepath.Join(dir, "p.yaml"), []byte(definition), 0o666); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(binary, "join", "-f", "p.yaml")
			cmd.Dir = dir
			var output bytes.Buffer
			cmd.Stdout, cmd.Stderr = &output, &output
			peak, err := peakOf(cmd)
			if err != nil {
				t.Fatalf("%v\n%s", err, output.String())
			}
			if peak == 0 || peak > bound {
				t.Errorf("%d bytes were resident, of %d that may be", peak, bound)
			}
			t.Logf("%d MiB were resident", peak>>20)
		})
	}
}

// peakOf runs a command, and returns the most memory that it was seen to have had.
func peakOf(cmd *exec.Cmd) (peak int64, err error) {
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			return peak, err
		case <-time.After(2 * time.Millisecond):
			peak = max(peak, peakSoFar(cmd.Process.Pid))
		}
	}
}

// peakSoFar returns the most memory that a process has had, in bytes; 0 if it has ended.
func peakSoFar(pid int) (peak int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	if _, err := fmt.Sscanf(rest, "%d kB", &peak); err != nil {
		return 0
	}
	return peak << 10
}
