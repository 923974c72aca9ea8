package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/join/source"
	"github.com/statelab/statelab/vfs"
)

// dividedState keeps the state of a backend in so many partitions.
func dividedState(backend string, partitions int) string {
	return fmt.Sprintf("{backend: %s, dir: state, memory: 2MiB, checkpoint_every: 5ms, partitions: %d}", backend, partitions)
}

// stop runs a join until its first progress, which commits and stops it.
func stop(fsys vfs.FS, def *pipeline.Definition) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := pipeline.Run(ctx, def, pipeline.Options{FS: fsys, OpenStore: inline, Progress: func(pipeline.Progress) { cancel() }})
	return err
}

// TestAJoinGoesOnWithAnotherNumberOfPartitions stops a join again and again, and
// divides it anew each time.
func TestAJoinGoesOnWithAnotherNumberOfPartitions(t *testing.T) {
	for i, text := range everyJoin {
		if testing.Short() && i%5 != 0 {
			continue
		}
		t.Run(text, func(t *testing.T) {
			clean := vfs.NewMem()
			manyKeys(t, clean, 9000)
			one := clean.Kill()
			wantSummary, err := run(one, partitioned(t, text, temporary))
			if err != nil {
				t.Fatal(err)
			}
			list := backends.List()
			backend := list[i%len(list)].Name
			fsys := clean.Kill()
			for _, n := range []int{1, 3, 2, 1} {
				def := partitioned(t, text, dividedState(backend, n))
				if err := stop(fsys, def); err != nil && !errors.Is(err, pipeline.ErrStopped) {
					t.Fatalf("%s, %d partitions: %v", backend, n, err)
				}
			}
			got, err := run(fsys, partitioned(t, text, dividedState(backend, 4)))
			if err != nil {
				t.Fatal(err)
			}
			if out, want := get(t, fsys, "out.jsonl"), get(t, one, "out.jsonl"); out != want || got != wantSummary {
				t.Fatalf("%s: %+v, want %+v\n%s", backend, got, wantSummary, firstDifference(out, want))
			}
			// One input has fewer rows, so that it ends before it is divided into four.
			of := ""
			for _, name := range inDir(t, fsys, "state") {
				_, n, ok := strings.Cut(name, "-of-")
				if ok && of != "" && n != of {
					t.Errorf("%s is left beside -of-%s", name, of)
				}
				if ok {
					of = n
				}
			}
			if of == "" {
				t.Error("there are no partitions")
			}
		})
	}
}

// TestNoCrashOfDividingChangesAByte: whether the old partitions or the new ones
// are in force after a crash, the join goes on with as many as it is told to.
func TestNoCrashOfDividingChangesAByte(t *testing.T) {
	const text = "{kind: left_outer, lower: -10us, upper: 50us, late: {side: late.jsonl}}"
	clean := vfs.NewMem()
	manyKeys(t, clean, 3000)
	whole := clean.Kill()
	if _, err := run(whole, partitioned(t, text, temporary)); err != nil {
		t.Fatal(err)
	}
	for _, b := range backends.List() {
		for _, n := range [][2]int{{1, 2}, {3, 2}, {2, 1}} {
			stopped := clean.Kill()
			if err := stop(stopped, partitioned(t, text, dividedState(b.Name, n[0]))); !errors.Is(err, pipeline.ErrStopped) {
				t.Fatal(err)
			}
			crashes, _ := crashesOf(t, stopped, partitioned(t, text, dividedState(b.Name, n[1])))
			for i, c := range crashes {
				if i%3 == 2 && len(crashes) > 20 {
					continue
				}
				if _, err := run(c.fs, partitioned(t, text, dividedState(b.Name, n[i%2]))); err != nil {
					t.Fatalf("%s, %v, after %s: %v", b.Name, n, c.at, err)
				}
				for _, name := range []string{"out.jsonl", "late.jsonl"} {
					if got, want := get(t, c.fs, name), get(t, whole, name); got != want {
						t.Fatalf("%s, %v, after %s: %s: %s", b.Name, n, c.at, name, firstDifference(got, want))
					}
				}
			}
		}
	}
}

// TestAJoinIsDividedAnewAfterAnyCrash: the partitions it has stand at commits of their own then, and some have not
// committed, or are done.
func TestAJoinIsDividedAnewAfterAnyCrash(t *testing.T) {
	three := "{kind: three_way, plan: chained, ttl: {left: 60us, right: 40us}}"
	for i, text := range append([]string{three}, everyJoin...) {
		if testing.Short() && i%6 != 0 {
			continue
		}
		t.Run(text, func(t *testing.T) {
			clean := vfs.NewMem()
			manyKeys(t, clean, 1200)
			list := backends.List()
			define := func(partitions int) *pipeline.Definition {
				state := dividedState(list[i%len(list)].Name, partitions)
				if text != three {
					return partitioned(t, text, state)
				}
				return threeSources(t, text, state)
			}
			whole := clean.Kill()
			summary, err := run(whole, define(3))
			if err != nil || summary.Samples == 0 {
				t.Fatal(err, summary)
			}
			crashes, undisturbed := crashesOf(t, clean, define(3))
			want := wanted{get(t, whole, "out.jsonl"), summary}
			checkAfter(t, define(2), crashes, undisturbed, want, nil)
		})
	}
}

// threeSources is a join of left.csv with two parts of right.csv.
func threeSources(t *testing.T, text, state string) *pipeline.Definition {
	t.Helper()
	def := definition(t, text, state)
	right := def.Inputs[join.Right][0]
	def.Inputs[join.Right] = nil
	for _, kind := range []string{"0", "1"} {
		right.Where = []source.Condition{{Column: "kind", Value: kind}}
		def.Inputs[join.Right] = append(def.Inputs[join.Right], right)
	}
	def.Spec.Sources[join.Right] = []time.Duration{def.Spec.MaxDisorder[join.Right], def.Spec.MaxDisorder[join.Right]}
	def.Spec.MaxDisorder[join.Right] = 0
	return def
}

func TestADamagedLayoutIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	manyKeys(t, fsys, 100)
	def := partitioned(t, "{kind: inner, upper: 50us}", dividedState("skiplist", 2))
	if _, err := run(fsys, def); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"{":                               "state/partitions.json: unexpected end of JSON input",
		`{"version":2,"partitions":2}`:    "state/partitions.json: is of format version 2, and this program knows 1",
		`{"version":1,"partitions":5000}`: "state/partitions.json: 5000 partitions",
		`{"version":1,"partitions":2,"merged":[{"bytes":1,"sha256":"x"}]}`: `p.yaml: partitions.json: "x" is not a SHA-256`,
	} {
		put(t, fsys, "state/partitions.json", text)
		_, err := run(fsys, def)
		var input *pipeline.InputError
		if !errors.As(err, &input) || err.Error() != want {
			t.Errorf("%s: got %v, want\n%s", text, err, want)
		}
	}
}
