package pipeline_test

import (
	"io"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// decompressed is what a file of such a name holds.
func decompressed(t *testing.T, name, file string) string {
	t.Helper()
	var r io.Reader
	var err error
	if strings.HasSuffix(name, ".gz") {
		r, err = gzip.NewReader(strings.NewReader(file))
	} else {
		r, err = zstd.NewReader(strings.NewReader(file), zstd.WithDecoderConcurrency(1))
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestACompressedOutputIsAFunctionOfTheInput: it holds the lines, and is the same with a state dir and without, with several
// partitions, in batch mode, and after crashes.
func TestACompressedOutputIsAFunctionOfTheInput(t *testing.T) {
	clean := vfs.NewMem()
	manyKeys(t, clean, 500)
	lines := clean.Kill()
	want, err := run(lines, partitioned(t, everyJoin[0], temporary))
	if err != nil {
		t.Fatal(err)
	}
	for _, output := range []string{"out.jsonl.gz", "out.jsonl.zst"} {
		compressed := func(state string) *pipeline.Definition {
			def := partitioned(t, everyJoin[0], state)
			def.Output = output
			return def
		}
		first := ""
		for _, state := range []string{"{}", "{dir: state, checkpoint_every: 500us}", "{dir: state, partitions: 3}", "batch"} {
			fs := clean.Kill()
			def := compressed(strings.Replace(state, "batch", "{}", 1))
			def.Batch = state == "batch"
			got, err := run(fs, def)
			if err != nil {
				t.Fatal(err)
			}
			file := get(t, fs, output)
			if first == "" {
				first = file
				if decompressed(t, output, file) != get(t, lines, "out.jsonl") {
					t.Errorf("%s: other lines", output)
				}
			}
			if file != first || got.Summary != want.Summary {
				t.Errorf("%s, %s: another file, or %+v, want %+v", output, state, got, want)
			}
		}
		def := compressed("{backend: skiplist, dir: state, checkpoint_every: 1ms}")
		crashes, undisturbed := crashesOf(t, clean, def)
		summary, err := run(undisturbed, def)
		if err != nil {
			t.Fatal(err)
		}
		checkAfter(t, def, crashes, undisturbed, wanted{first, summary}, nil)
	}
}

// TestThreeInputsAreJoinedToParquet, of which each has columns of its own.
func TestThreeInputsAreJoinedToParquet(t *testing.T) {
	clean := vfs.NewMem()
	put(t, clean, "left.csv", "id,at\na,1\nb,2\n")
	put(t, clean, "right.csv", "id,at,page\na,3,x\na,4,y\nb,4,z\n")
	put(t, clean, "orders.jsonl", `{"id":"a","at":5}`+"\n"+`{"id":"b","at":9000}`+"\n")
	text := `left: {file: left.csv, key: id, time: at, time_format: unix_us}
right: [{file: right.csv, key: id, time: at, time_format: unix_us}, {file: orders.jsonl, key: id, time: at, time_format: unix_us}]
join: {kind: three_way, plan: PLAN, ttl: 1ms}
state: STATE
output: {file: out.parquet}
`
	first := ""
	for _, plan := range []string{"shared", "chained"} {
		for _, state := range []string{"{}", "{dir: state, checkpoint_every: 1us}", "{dir: state, partitions: 2}"} {
			fs := clean.Kill()
			def, err := pipeline.Parse("p.yaml", []byte(strings.NewReplacer("STATE", state, "PLAN", plan).Replace(text)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := run(fs, def); err != nil {
				t.Fatal(err)
			}
			file := get(t, fs, "out.parquet")
			if first == "" {
				first = file
			}
			if file != first || parquetRows(t, file) != 2 {
				t.Errorf("%s, %s: %d rows, or another file", plan, state, parquetRows(t, file))
			}
		}
	}
}
