package main

import (
	"bytes"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/statelab/statelab/backends"
)

var (
	joinKills = flag.Int("join.kills", 1, "how often each running join is killed, on each backend")
	joinSeed  = flag.Uint64("join.seed", 1, "seed of the moments at which it is")
)

// killedJoins are pipelines that are killed: over a file to lines, over what generators draw to a
// parquet file by two partitions, and of three inputs by a chain of two joins.
var killedJoins = map[string]string{
	"file": views,
	"generated": `left:   {file: "generate:impressions?rate=10&count=15000&bytes=60&disorder=5s", key: id, time: at, max_disorder: 5s}
right:  {file: "generate:actions?rate=10&count=15000&bytes=20&disorder=5s", key: id, time: at, max_disorder: 5s}
join:   {kind: left_outer, upper: 10m}
state:  {backend: skiplist, partitions: 2, dir: state}
output: {file: out.jsonl, format: parquet}
`,
	"chained": `left:   {file: in.csv, where: {kind: view}, key: id, time: at, time_format: unix_s, max_disorder: 10s}
right:
  - {file: in.csv, where: {kind: click}, key: id, time: at, time_format: unix_s, max_disorder: 10s}
  - {file: in.csv, where: {kind: view}, key: id, time: at, time_format: unix_s, max_disorder: 10s}
join:   {kind: three_way, plan: chained, ttl: 5m}
state:  {backend: skiplist, dir: state}
output: {file: out.jsonl}
`,
}

// TestAJoinKilledAtRandomMomentsLosesNothing runs the real program, kills it with SIGKILL
// at a moment that is uniform over the time an undisturbed run takes, and starts it again, until it is done; and all of this
// until it was killed often enough. Each time the output equals the undisturbed run's.
func TestAJoinKilledAtRandomMomentsLosesNothing(t *testing.T) {
	binary := build(t)
	input := generate(t, 30000)
	for _, b := range backends.List() {
		for name, definition := range killedJoins {
			t.Run(b.Name+"/"+name, func(t *testing.T) {
				definition := strings.Replace(definition, "backend: skiplist", "backend: "+b.Name+", checkpoint_every: 300s, memory: 16MiB", 1)
				t.Chdir(t.TempDir())
				if err := errors.Join(os.WriteFile("p.yaml", []byte(definition), 0o666), os.WriteFile("in.csv", []byte(input), 0o666)); err != nil {
					t.Fatal(err)
				}
				killUntilDone(t, binary)
			})
		}
	}
}

// killUntilDone kills the join of p.yaml as often as the flag says.
func killUntilDone(t *testing.T, binary string) {
	start := time.Now()
	whole := outputOf(t, exec.Command(binary, "join", "-f", "p.yaml").Run())
	k := &killer{moments: rand.New(rand.NewPCG(*joinSeed, 0)), span: time.Since(start), binary: binary}
	for k.killed < *joinKills {
		if got := outputOf(t, k.run()); !bytes.Equal(got, whole) {
			t.Fatalf("seed %d: after %d kills in all the output is another one, of %d bytes instead of %d", *joinSeed, k.killed, len(got), len(whole))
		}
	}
	t.Logf("%d kills in %d joins, each of which took %v undisturbed", k.killed, k.joins, k.span)
}

// outputOf reads the output of a join that has ended with err, and removes all that it left.
func outputOf(t *testing.T, err error) []byte {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	output, err := os.ReadFile("out.jsonl")
	if err := errors.Join(err, os.RemoveAll("state"), os.Remove("out.jsonl")); err != nil {
		t.Fatal(err)
	}
	return output
}

// A killer kills runs of a join.
type killer struct {
	moments       *rand.Rand
	span          time.Duration // within which they lie
	binary        string
	killed, joins int
}

// run starts a join again and again until it is done, or was killed as often as it should be: then
// it is left to end.
func (k *killer) run() error {
	k.joins++
	for first := true; ; first = false {
		start := time.Now()
		cmd := exec.Command(k.binary, "join", "-f", "p.yaml")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := cmd.Start(); err != nil {
			return err
		}
		if k.killed < *joinKills {
			timer := time.AfterFunc(time.Duration(k.moments.Int64N(int64(k.span))), func() { _ = cmd.Process.Kill() }) // fails if it has ended
			defer timer.Stop()
		}
		err := cmd.Wait()
		if err == nil {
			if first { // a run that was spared shows how long one takes by now
				k.span = min(k.span, time.Since(start))
			}
			return nil
		}
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGKILL {
			return errors.New(err.Error() + ": " + stderr.String())
		}
		k.killed++
	}
}
