package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/statelab/statelab/bench"
	"github.com/statelab/statelab/bench/host"
)

// benchRunName is the command that measures one run. It reads a job from stdin
// and prints a measurement, both as JSON; bench starts it, and help does not
// list it.
const benchRunName = "bench-run"

func runBenchRun(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return finish(stderr, benchRunName, measureJob(args, stdin, stdout))
}

func measureJob(args []string, stdin io.Reader, stdout io.Writer) error {
	if len(args) > 0 {
		return badInput("it takes a job on stdin and no arguments; \"statelab bench\" is for people")
	}
	var job bench.Job
	if err := json.NewDecoder(stdin).Decode(&job); err != nil {
		return badInput("read job: %w", err)
	}
	if job.Group != "" {
		if err := (&host.Group{Dir: job.Group}).Join(); err != nil {
			return err
		}
	}
	m, err := bench.Execute(context.Background(), job, openBackend)
	if err != nil {
		return err
	}
	return json.NewEncoder(stdout).Encode(m)
}

// stopGrace is how long a run that was told to stop may take before it is
// no longer waited for.
const stopGrace = 5 * time.Second

// runInProcess runs a job in a process of its own, whose memory a control
// group bounds if the job says so.
func runInProcess(ctx context.Context, job bench.Job) (m bench.Measurement, err error) {
	if job.Limit == 0 {
		return runChild(ctx, job, (*exec.Cmd).Run)
	}
	group, err := host.NewGroup(groupName(job.Dir), job.Limit)
	if err != nil {
		return m, &bench.LimitError{Reason: err.Error()}
	}
	defer func() {
		if removeErr := group.Remove(); err == nil {
			err = removeErr
		}
	}()
	job.Group = group.Dir
	if m, err = runChild(ctx, job, (*exec.Cmd).Run); err == nil || ctx.Err() != nil {
		return m, err
	}
	if killed, killedErr := group.Killed(); killedErr == nil && killed > 0 {
		return m, &bench.OutOfMemoryError{Limit: job.Limit}
	}
	return m, err
}

// groupName names a run's control group after this process and the run's
// directory, so that one that is left behind, because this process was killed,
// is known and in nobody's way.
func groupName(dir string) string {
	return fmt.Sprintf("statelab-%d-%s", os.Getpid(), filepath.Base(filepath.Dir(dir)))
}

// runChild has a process of its own run a job. run starts it and waits for its end.
func runChild(ctx context.Context, job bench.Job, run func(*exec.Cmd) error) (m bench.Measurement, err error) {
	program, err := os.Executable()
	if err != nil {
		return m, fmt.Errorf("find this program: %w", err)
	}
	input, err := json.Marshal(job)
	if err != nil {
		return m, fmt.Errorf("encode job: %w", err)
	}
	var output, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, program, benchRunName)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &output, &complaint
	cmd.WaitDelay = stopGrace
	if err := run(cmd); err != nil {
		if text := lastWords(complaint.String()); text != "" {
			return m, errors.New(text)
		}
		return m, fmt.Errorf("run of %s on %s: %w", job.Workload, job.Backend, err)
	}
	if err := json.Unmarshal(output.Bytes(), &m); err != nil {
		return m, fmt.Errorf("run of %s on %s printed no measurement: %w", job.Workload, job.Backend, err)
	}
	return m, nil
}

// lastWords is what a process said on stderr before it failed: its one line, or
// the first of a panic, without the name it goes by.
func lastWords(stderr string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(stderr), "\n")
	return strings.TrimPrefix(first, "statelab "+benchRunName+": ")
}
