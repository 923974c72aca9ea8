package pipeline_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// asParquet writes samples as parquet.
func asParquet(def *pipeline.Definition) *pipeline.Definition {
	def.Output = "out.parquet"
	return def
}

// parquetRows returns how many rows a parquet file has.
func parquetRows(t *testing.T, file string) int64 {
	t.Helper()
	opened, err := parquet.OpenFile(strings.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return opened.NumRows()
}

// TestParquetIsAFunctionOfTheInput: of every kind there are as many rows as lines, and the file
// is the same with a state dir and without, with several partitions, and in batch mode.
func TestParquetIsAFunctionOfTheInput(t *testing.T) {
	for i, text := range everyJoin {
		if testing.Short() && i%4 != 0 {
			continue
		}
		t.Run(text, func(t *testing.T) {
			clean := vfs.NewMem()
			manyKeys(t, clean, 700)
			lines := clean.Kill()
			want, err := run(lines, partitioned(t, text, temporary))
			if err != nil {
				t.Fatal(err)
			}
			first := ""
			for _, state := range []string{"{}", "{dir: state, checkpoint_every: 500us}", "{dir: state, partitions: 3}", "batch"} {
				fs := clean.Kill()
				def := asParquet(partitioned(t, text, strings.Replace(state, "batch", "{}", 1)))
				if def.Batch = state == "batch"; def.Batch && needsStream(text) {
					continue
				}
				got, err := run(fs, def)
				if err != nil {
					t.Fatal(err)
				}
				file := get(t, fs, "out.parquet")
				if got.Summary != want.Summary {
					t.Errorf("%s: %+v, want %+v", state, got, want)
				}
				if first == "" {
					first = file
					if n := strings.Count(get(t, lines, "out.jsonl"), "\n"); parquetRows(t, file) != int64(n) || n == 0 {
						t.Errorf("%d rows, and %d lines", parquetRows(t, file), n)
					}
				}
				if file != first {
					t.Errorf("%s: another file", state)
				}
				if def.Late != "" && get(t, fs, def.Late) != get(t, lines, def.Late) {
					t.Errorf("%s: other late events", state)
				}
				for _, name := range append(names(t, fs), inDirIfThere(fs, "state")...) {
					if strings.HasSuffix(name, ".part") {
						t.Errorf("%s: leaves %s", state, name)
					}
				}
			}
		})
	}
}

func inDirIfThere(fsys vfs.FS, dir string) []string {
	list, err := fsys.List(dir)
	if err != nil {
		return nil
	}
	return list
}

// TestNoCrashChangesAByteOfParquet, be there one partition or several.
func TestNoCrashChangesAByteOfParquet(t *testing.T) {
	for _, partitions := range []string{"1", "2"} {
		clean := vfs.NewMem()
		manyKeys(t, clean, 500)
		def := asParquet(partitioned(t, everyJoin[0], "{backend: skiplist, dir: state, checkpoint_every: 1ms, partitions: "+partitions+"}"))
		crashes, undisturbed := crashesOf(t, clean, def)
		summary, err := run(undisturbed, def)
		if err != nil {
			t.Fatal(err)
		}
		checkAfter(t, def, crashes, undisturbed, wanted{get(t, undisturbed, "out.parquet"), summary}, nil)
		put(t, undisturbed, "out.parquet", "edited")
		var input *pipeline.InputError
		if _, err := run(undisturbed, def); !errors.As(err, &input) || !strings.HasPrefix(err.Error(), "out.parquet is not what the join had written") {
			t.Errorf("%s partitions: %v", partitions, err)
		}
	}
}

// TestParquetGoesOnWithAnotherNumberOfPartitions: what has been emitted is kept as records.
func TestParquetGoesOnWithAnotherNumberOfPartitions(t *testing.T) {
	clean := vfs.NewMem()
	manyKeys(t, clean, 9000)
	one := clean.Kill()
	want, err := run(one, asParquet(partitioned(t, everyJoin[0], temporary)))
	if err != nil {
		t.Fatal(err)
	}
	fsys := clean.Kill()
	for _, n := range []int{1, 3, 2} {
		if err := stop(fsys, asParquet(partitioned(t, everyJoin[0], dividedState("skiplist", n)))); !errors.Is(err, pipeline.ErrStopped) {
			t.Fatalf("%d partitions: %v", n, err)
		}
	}
	def := asParquet(partitioned(t, everyJoin[0], dividedState("skiplist", 1)))
	crashes, undisturbed := crashesOf(t, fsys, def)
	checkAfter(t, def, crashes, undisturbed, wanted{get(t, one, "out.parquet"), want}, nil)
	for _, name := range inDir(t, undisturbed, "state") {
		if strings.Contains(name, "begun") || strings.HasSuffix(name, ".part") {
			t.Errorf("leaves %s", name)
		}
	}
}

// TestAnotherFormatIsAnotherOutput: state that was made for lines is refused, and left as it was.
func TestAnotherFormatIsAnotherOutput(t *testing.T) {
	fsys, def, _ := finished(t)
	for _, change := range []func(){
		func() { def.Format = "parquet" },
		func() { def.Output, def.Format = "out.parquet", "" },
		func() { def.State.Partitions = 2 },
	} {
		change()
		var input *pipeline.InputError
		if _, err := run(fsys, def); !errors.As(err, &input) || !strings.HasPrefix(err.Error(), "p.yaml: the output has changed since") {
			t.Errorf("got %v", err)
		}
	}
}
