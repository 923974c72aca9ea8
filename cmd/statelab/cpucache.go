package main

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/cachegrind"
)

// noPass is the -cpu-cache that counts nothing.
const noPass = "none"

// addCPUCache adds the pass that counts cache misses, if it is asked for.
func (f *benchFlags) addCPUCache(s *bench.Suite) error {
	if f.cpuCache == noPass {
		return nil
	}
	simulator, err := cachegrind.ParseSimulator(f.cpuCache)
	if err != nil {
		return badInput("-cpu-cache: %w", err)
	}
	if !(f.cpuCacheScale >= 1) || math.IsInf(f.cpuCacheScale, 1) {
		return badInput("-cpu-cache-scale must be at least 1; it divides the size of workloads")
	}
	tool, err := cachegrind.Find(context.Background())
	if err != nil {
		return badInput("-cpu-cache %s: %w", simulator, err)
	}
	s.CPUCache = &bench.CPUCache{Tool: tool.Version, Simulator: simulator, Geometry: cachegrind.DefaultGeometry(), Scale: f.cpuCacheScale}
	return nil
}

// runJob runs a job of a suite, each run in a process of its own.
func runJob(ctx context.Context, job bench.Job) (bench.Measurement, error) {
	if job.CPUCache != nil {
		return bench.Count(ctx, job, countInProcess)
	}
	return runInProcess(ctx, job)
}

// countInProcess runs a job under the simulator of its pass.
func countInProcess(ctx context.Context, job bench.Job) (run cachegrind.Run, m bench.Measurement, err error) {
	tool, err := cachegrind.Find(ctx)
	if err != nil {
		return run, m, err
	}
	m, err = runChild(ctx, job, func(cmd *exec.Cmd) error {
		run, err = tool.Run(ctx, job.CPUCache.Simulator, cmd, job.CPUCache.Geometry, filepath.Dir(job.Dir))
		return err
	})
	if err != nil {
		return run, m, fmt.Errorf("under %s: %w", job.CPUCache.Simulator, err)
	}
	return run, m, nil
}
