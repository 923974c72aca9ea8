package pipeline_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/join/source"
	"github.com/statelab/statelab/vfs"
)

// everyJoin is a pipeline of every kind.
var everyJoin = append([]string{
	"{kind: left_outer, lower: -10us, upper: 50us, late: {side: late.jsonl}}",
	"{kind: inner, lower: -20us, upper: 40us}",
}, joins...)

// manyKeys writes inputs with more keys than pairOfFiles has, so that most
// partitions have some.
func manyKeys(t *testing.T, fsys vfs.FS, rows int) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, 9))
	for i, name := range []string{"left.csv", "right.csv"} {
		var csv strings.Builder
		csv.WriteString("id,at,n,kind\n")
		for row := range rows {
			at := 10*row - r.IntN(25)
			if r.IntN(15) == 0 {
				at -= r.IntN(40)
			}
			fmt.Fprintf(&csv, "k%d,%d,%d-%d,%d\n", r.IntN(40), at, i, row, r.IntN(8)/7)
		}
		put(t, fsys, name, csv.String())
	}
}

// partitioned is a definition that filters rows, and not those of one key.
func partitioned(t *testing.T, join, state string) *pipeline.Definition {
	t.Helper()
	def := definition(t, join, state)
	for i := range def.Spec.Kind.Inputs() {
		def.Inputs[i][0].Where = []source.Condition{{Column: "kind", Value: "0"}}
	}
	return def
}

// TestPartitionsChangeNoByte: outputs, late events and counts are those of one partition.
func TestPartitionsChangeNoByte(t *testing.T) {
	for _, text := range everyJoin {
		t.Run(text, func(t *testing.T) {
			fsys := vfs.NewMem()
			manyKeys(t, fsys, 900)
			var want, wantLate string
			var wantSummary pipeline.Summary
			for _, n := range []int{1, 2, 3, 8} {
				for _, dir := range []string{"", "dir: state, "} {
					if testing.Short() && (n == 3 || n == 8) == (dir == "") {
						continue
					}
					fs := fsys.Kill()
					def := partitioned(t, text, fmt.Sprintf("{backend: skiplist, %scheckpoint_every: 500us, partitions: %d}", dir, n))
					got, err := run(fs, def)
					if err != nil {
						t.Fatal(err)
					}
					late := ""
					if def.Late != "" {
						late = get(t, fs, def.Late)
					}
					if want == "" {
						want, wantLate, wantSummary = get(t, fs, "out.jsonl"), late, got
						if want == "" || got.Filtered == 0 {
							t.Fatal("nothing is emitted")
						}
					}
					if out := get(t, fs, "out.jsonl"); out != want {
						t.Fatalf("%d partitions, %s: %s", n, dir, firstDifference(out, want))
					}
					if late != wantLate {
						t.Fatalf("%d partitions, %s: late events: %s", n, dir, firstDifference(late, wantLate))
					}
					if got != wantSummary {
						t.Fatalf("%d partitions: %+v, want %+v", n, got, wantSummary)
					}
				}
			}
		})
	}
}

// TestNoCrashOfPartitionsChangesAByte: partitions commit each by itself, so that a
// crash leaves them at different places.
func TestNoCrashOfPartitionsChangesAByte(t *testing.T) {
	durabilities := []string{"checkpoint", "interval", "always"}
	for i, text := range everyJoin {
		if testing.Short() && i%5 != 0 {
			continue
		}
		t.Run(text, func(t *testing.T) {
			clean := vfs.NewMem()
			manyKeys(t, clean, 500)
			one := clean.Kill()
			wantSummary, err := run(one, partitioned(t, text, temporary))
			if err != nil {
				t.Fatal(err)
			}
			want := wanted{get(t, one, "out.jsonl"), wantSummary}
			for j, b := range backends.List() {
				if testing.Short() && (i/5+j)%3 != 0 {
					continue
				}
				def := partitioned(t, text, fmt.Sprintf("{backend: %s, dir: state, memory: 1MiB, checkpoint_every: 1ms, partitions: 3, durability: %s}",
					b.Name, durabilities[(i+j)%len(durabilities)]))
				crashes, undisturbed := crashesOf(t, clean, def)
				checkAfter(t, def, crashes, undisturbed, want, func(c crash) {
					if def.Late != "" && get(t, c.fs, "late.jsonl") != get(t, undisturbed, "late.jsonl") {
						t.Fatalf("%s, after %s: late events differ", b.Name, c.at)
					}
					for _, name := range append(names(t, c.fs), inDir(t, c.fs, "state")...) {
						if strings.HasSuffix(name, ".part") {
							t.Fatalf("%s, after %s: leaves %s", b.Name, c.at, name)
						}
					}
				})
			}
		})
	}
}

func inDir(t *testing.T, fsys vfs.FS, dir string) []string {
	t.Helper()
	list, err := fsys.List(dir)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestAFailingPartitionEndsTheRun: the others stop, and the first error is told.
func TestAFailingPartitionEndsTheRun(t *testing.T) {
	clean := vfs.NewMem()
	manyKeys(t, clean, 3000)
	def := partitioned(t, "{kind: left_outer, upper: 50us}", "{backend: skiplist, dir: state, checkpoint_every: 500us, partitions: 4}")
	undisturbed := clean.Kill()
	if _, err := run(undisturbed, def); err != nil {
		t.Fatal(err)
	}
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpCreate} {
		for n := int64(1); n < 150; n += failureStep() {
			sick := clean.Kill()
			faulty := vfs.NewFaulty(sick, vfs.Fault{Op: op, N: n, Sticky: true})
			_, err := run(faulty, def)
			if faulty.Struck() == 0 {
				break
			}
			var input *pipeline.InputError
			if err == nil || errors.As(err, &input) {
				t.Errorf("%v %d failed, and the run says %v", op, n, err)
			}
			if _, err := run(sick, def); err != nil {
				t.Fatalf("after %v %d failed: %v", op, n, err)
			}
			if got, want := get(t, sick, "out.jsonl"), get(t, undisturbed, "out.jsonl"); got != want {
				t.Errorf("after %v %d failed: %s", op, n, firstDifference(got, want))
			}
		}
	}
}

// failureStep is how many operations lie between two that fail.
func failureStep() int64 {
	if testing.Short() {
		return 70
	}
	return 30
}

// TestMiniBatchesChangeNoByte: with several partitions, after crashes, and whatever their size.
func TestMiniBatchesChangeNoByte(t *testing.T) {
	const text = "{kind: dedup, window: 200us, late: {side: late.jsonl}}"
	clean := vfs.NewMem()
	manyKeys(t, clean, 700)
	one := clean.Kill()
	summary, err := run(one, partitioned(t, text, temporary))
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"batch: 7", "batch: 1000, partitions: 3"} {
		def := partitioned(t, text, "{backend: skiplist, dir: state, checkpoint_every: 1ms, "+state+"}")
		crashes, undisturbed := crashesOf(t, clean, def)
		checkAfter(t, def, crashes, undisturbed, wanted{get(t, one, "out.jsonl"), summary}, func(c crash) {
			if got, want := get(t, c.fs, "late.jsonl"), get(t, one, "late.jsonl"); got != want {
				t.Errorf("%s, after %s: %s", state, c.at, firstDifference(got, want))
			}
		})
	}
}
