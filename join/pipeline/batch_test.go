package pipeline_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// needStream are the joins that batch mode refuses.
func needsStream(join string) bool {
	return strings.Contains(join, "corrections") || strings.Contains(join, "left_outer") && strings.Contains(join, "on_match")
}

// TestBatchModeWritesWhatStreamModeWrites: outputs, late events and counts, whether all
// fits into memory or most is spilled.
func TestBatchModeWritesWhatStreamModeWrites(t *testing.T) {
	for _, text := range everyJoin {
		t.Run(text, func(t *testing.T) {
			clean := vfs.NewMem()
			manyKeys(t, clean, 2500)
			streamed := clean.Kill()
			want, err := run(streamed, partitioned(t, text, temporary))
			if err != nil {
				t.Fatal(err)
			}
			for _, state := range []string{"{memory: 128KiB}", "{memory: 64MiB, dir: state, partitions: 2}"} {
				fs := clean.Kill()
				def := partitioned(t, text, state)
				def.Batch = true
				got, err := run(fs, def)
				if needsStream(text) {
					checkRefused(t, fs, err)
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if out, want := get(t, fs, "out.jsonl"), get(t, streamed, "out.jsonl"); out != want {
					t.Fatalf("%s: %s", state, firstDifference(out, want))
				}
				if def.Late != "" && get(t, fs, def.Late) != get(t, streamed, def.Late) {
					t.Errorf("%s: late events differ", state)
				}
				if got != want {
					t.Errorf("%s: %+v, want %+v", state, got, want)
				}
				for _, dir := range []string{"temp", "state"} {
					if left, err := fs.List(dir); err == nil && len(left) > 0 {
						t.Errorf("%s: leaves %q in %s", state, left, dir)
					}
				}
			}
		})
	}
}

func checkRefused(t *testing.T, fsys *vfs.Mem, err error) {
	t.Helper()
	var input *pipeline.InputError
	if !errors.As(err, &input) || !strings.HasPrefix(err.Error(), "p.yaml: mode batch: ") || !strings.HasSuffix(err.Error(), "; use mode stream") {
		t.Errorf("got %v", err)
	}
	if left := names(t, fsys); !slices.Equal(left, []string{"left.csv", "right.csv"}) {
		t.Errorf("leaves %q", left)
	}
}

// TestACrashInBatchModeIsForgotten: the next run begins anew, in either mode, and leaves nothing
// of the one before.
func TestACrashInBatchModeIsForgotten(t *testing.T) {
	clean := vfs.NewMem()
	manyKeys(t, clean, 1500)
	def := partitioned(t, everyJoin[0], "{backend: skiplist, dir: state, memory: 128KiB}")
	def.Batch = true
	crashes, undisturbed := crashesOf(t, clean, def)
	again := undisturbed.Kill()
	summary, err := run(again, def)
	if err != nil {
		t.Fatal(err)
	}
	want := wanted{get(t, undisturbed, "out.jsonl"), summary}
	checkAfter(t, def, crashes, undisturbed, want, func(c crash) {
		if left := inDir(t, c.fs, "state"); len(left) > 0 {
			t.Errorf("after %s: leaves %q", c.at, left)
		}
	})
	stream := *def
	stream.Batch, stream.State.Memory = false, 0
	checkAfter(t, &stream, crashes[1:], undisturbed, want, func(c crash) {
		if slices.Contains(inDir(t, c.fs, "state"), "batch") {
			t.Errorf("after %s: runs are left", c.at)
		}
	})
}

func TestBatchModeLeavesTheStateOfAStreamAlone(t *testing.T) {
	fsys, def, _ := finished(t)
	def.Batch = true
	_, err := run(fsys, def)
	var input *pipeline.InputError
	if !errors.As(err, &input) || !strings.HasPrefix(err.Error(), "p.yaml: state.dir: state holds the state of a join in stream mode; ") {
		t.Errorf("got %v", err)
	}
	def.Batch = false
	if _, err := run(fsys, def); err != nil {
		t.Error(err)
	}
}

func TestBatchModeCanBeStopped(t *testing.T) {
	for stopAt := range 4 {
		fsys := vfs.NewMem()
		manyKeys(t, fsys, 9000)
		def := definition(t, "{kind: left_outer, upper: 50us}", "{memory: 128KiB}")
		def.Batch = true
		ctx, cancel := context.WithCancel(context.Background())
		calls := 0
		_, err := pipeline.Run(ctx, def, pipeline.Options{FS: fsys, OpenStore: inline, TempDir: "temp", Progress: func(p pipeline.Progress) {
			if s := p.Stats(); s.Memory+s.Disk == 0 {
				t.Error("nothing is held")
			}
			if calls++; calls > 2*stopAt {
				cancel()
			}
		}})
		cancel()
		if !errors.Is(err, pipeline.ErrStopped) {
			t.Fatalf("after %d calls: %v", calls, err)
		}
		if _, err := fsys.Stat("out.jsonl"); err == nil {
			t.Error("out.jsonl exists")
		}
	}
}
