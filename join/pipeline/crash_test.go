package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// prepared returns inputs, a definition that commits often, and what it joins to.
func prepared(t *testing.T, backend string, durability statelab.Durability) (*vfs.Mem, *pipeline.Definition, string) {
	t.Helper()
	r := rand.New(rand.NewPCG(7, 5))
	lefts, leftCSV := randomLines(r, 1000)
	rights, rightCSV := randomLines(r, 1300)
	fsys := vfs.NewMem()
	put(t, fsys, "left.csv", leftCSV)
	put(t, fsys, "right.csv", rightCSV)
	def := definition(t, "{kind: left_outer, lower: -10us, upper: 50us, late: {side: late.jsonl}}",
		fmt.Sprintf("{backend: %q, dir: state, memory: 256KiB, durability: %v, checkpoint_every: 1ms}", backend, durability))
	return fsys, def, oracle(def.Spec, lefts, rights)
}

// TestACrashAnywhereChangesNoByte takes the power, or kills the process, after
// operations on files all over a run, and runs the join again on what is left.
func TestACrashAnywhereChangesNoByte(t *testing.T) {
	for _, backend := range everyBackend(t) {
		for _, durability := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways} {
			if testing.Short() && durability == statelab.DurabilityAlways {
				continue
			}
			t.Run(fmt.Sprintf("%s,%v", backend, durability), func(t *testing.T) {
				fsys, def, want := prepared(t, backend, durability)
				crashes, undisturbed := crashesOf(t, fsys, def)
				if len(crashes) < 5 {
					t.Fatalf("only %d crashes", len(crashes))
				}
				late := get(t, undisturbed, "late.jsonl")
				for _, c := range crashes {
					if _, err := run(c.fs, def); err != nil {
						t.Fatalf("after %s: %v", c.at, err)
					}
					if got := get(t, c.fs, "out.jsonl"); got != want {
						t.Fatalf("after %s: %d bytes, want %d\n%s", c.at, len(got), len(want), firstDifference(got, want))
					}
					if got := get(t, c.fs, "late.jsonl"); got != late {
						t.Fatalf("after %s: late events differ", c.at)
					}
				}
			})
		}
	}
}

type crash struct {
	at string
	fs *vfs.Mem
}

func crashesPerRun() int {
	if testing.Short() {
		return 10
	}
	return 60
}

// crashesOf runs a join to its end and returns what crashes along the way
// would have left, and what it left itself.
func crashesOf(t *testing.T, fsys *vfs.Mem, def *pipeline.Definition) (crashes []crash, undisturbed *vfs.Mem) {
	t.Helper()
	// The first run counts the operations, the second one crashes.
	for every := 1; ; {
		n := 0
		var one sync.Mutex // partitions work side by side
		base := fsys.Kill()
		traced := vfs.NewTrace(base, func(op vfs.TraceOp) {
			one.Lock()
			defer one.Unlock()
			if op.Op == vfs.OpRead || op.Op == vfs.OpOpen || op.Op == vfs.OpLock {
				return
			}
			n++
			near := op.Op == vfs.OpRename || op.Op == vfs.OpSyncDir
			if every > 1 && (n%every == 0 || near && n%3 == 0) {
				at := fmt.Sprintf("%v %s (operation %d)", op.Op, op.Path, n)
				switch len(crashes) % 3 {
				case 0:
					crashes = append(crashes, crash{"a power cut at " + at, base.PowerCut(int64(n))})
				case 1:
					crashes = append(crashes, crash{"a strict power cut at " + at, base.PowerCutStrict()})
				case 2:
					crashes = append(crashes, crash{"a kill at " + at, base.Kill()})
				}
			}
		})
		if _, err := run(traced, def); err != nil {
			t.Fatal(err)
		}
		if every > 1 {
			return crashes, base
		}
		every = max(2, n/crashesPerRun())
	}
}

// wanted is what every run of a join brings forth.
type wanted struct {
	output  string
	summary pipeline.Summary
}

// checkAfter runs a join again on what every fourth crash has left, and where there was none.
func checkAfter(t *testing.T, def *pipeline.Definition, crashes []crash, undisturbed *vfs.Mem, want wanted, also func(c crash)) {
	t.Helper()
	for i, c := range append(crashes, crash{"no crash", undisturbed}) {
		if i%4 != 0 && c.fs != undisturbed {
			continue
		}
		got, err := run(c.fs, def)
		if err != nil {
			t.Fatalf("%s, after %s: %v", def.State.Backend, c.at, err)
		}
		if out := get(t, c.fs, def.Output); out != want.output || got != want.summary {
			t.Fatalf("%s, after %s: %+v, want %+v\n%s", def.State.Backend, c.at, got, want.summary, firstDifference(out, want.output))
		}
		if also != nil {
			also(c)
		}
	}
}

func firstDifference(got, want string) string {
	i := 0
	for i < min(len(got), len(want)) && got[i] == want[i] {
		i++
	}
	from := max(0, i-100)
	return fmt.Sprintf("at byte %d:\n%.200s\nwant\n%.200s", i, got[from:], want[from:])
}

// TestFailuresAreReportedAndSurvived fails one operation after the other, for
// good, and runs the join again once the disk is well.
func TestFailuresAreReportedAndSurvived(t *testing.T) {
	fsys, def, want := prepared(t, "skiplist", statelab.DurabilityCheckpoint)
	for _, op := range []vfs.Op{vfs.OpWrite, vfs.OpSync, vfs.OpRename, vfs.OpSyncDir, vfs.OpCreate, vfs.OpRead} {
		for n := int64(1); n < 60; n += 7 {
			sick := fsys.Kill()
			faulty := vfs.NewFaulty(sick, vfs.Fault{Op: op, N: n, Sticky: true})
			_, err := run(faulty, def)
			if faulty.Struck() == 0 {
				if err != nil {
					t.Fatalf("%v without a fault", err)
				}
				break
			}
			var input *pipeline.InputError
			if err == nil || errors.As(err, &input) {
				t.Errorf("%v %d failed, and the run says %v", op, n, err)
			}
			if _, err := run(sick, def); err != nil {
				t.Fatalf("after %v %d failed: %v", op, n, err)
			}
			if got := get(t, sick, "out.jsonl"); got != want {
				t.Errorf("after %v %d failed: %s", op, n, firstDifference(got, want))
			}
		}
	}
}

// TestStoppingCommits cancels the context again and again.
func TestStoppingCommits(t *testing.T) {
	fsys, def, _ := prepared(t, "skiplist", statelab.DurabilityCheckpoint)
	r := rand.New(rand.NewPCG(7, 5))
	_, left := randomLines(r, 12000)
	_, right := randomLines(r, 12000)
	put(t, fsys, "left.csv", left)
	put(t, fsys, "right.csv", right)
	whole := fsys.Kill()
	if _, err := run(whole, def); err != nil {
		t.Fatal(err)
	}
	want := get(t, whole, "out.jsonl")
	stops := 0
	for ; ; stops++ {
		ctx, cancel := context.WithCancel(context.Background())
		options := pipeline.Options{FS: fsys, OpenStore: inline, Progress: func(pipeline.Progress) { cancel() }}
		_, err := pipeline.Run(ctx, def, options)
		cancel()
		if err == nil {
			break
		}
		if !errors.Is(err, pipeline.ErrStopped) {
			t.Fatal(err)
		}
		if stops > 100 {
			t.Fatal("no progress is made between stops")
		}
	}
	if stops < 3 {
		t.Errorf("stopped only %d times", stops)
	}
	if got := get(t, fsys, "out.jsonl"); got != want {
		t.Error(firstDifference(got, want))
	}
}
