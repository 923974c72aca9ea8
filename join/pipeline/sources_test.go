package pipeline_test

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// asCSV prints lines without what has to be quoted.
func asCSV(lines []line) string {
	var csv strings.Builder
	csv.WriteString("id,at,n\n")
	for _, l := range lines {
		fmt.Fprintf(&csv, "%s,%d,%s\n", l.id, l.at, l.n)
	}
	return csv.String()
}

// severalSources deals lines out among as many sources as there are disorders, writes them to files, of which the
// last source has two, and returns those in time by source.
func severalSources(t *testing.T, fsys vfs.FS, r *rand.Rand, def *pipeline.Definition, side join.Side, lines []line, disorders ...int64) (inTime []line) {
	t.Helper()
	of := make([][]line, len(disorders))
	for _, l := range lines {
		i := r.IntN(len(of))
		of[i] = append(of[i], l)
	}
	template := def.Inputs[side][0]
	def.Inputs[side], def.Spec.MaxDisorder[side], def.Spec.Sources[side] = nil, 0, nil
	for i, disorder := range disorders {
		in := template
		in.File, in.Files = fmt.Sprintf("%v-%d.csv", side, i), nil
		rows := of[i]
		if half := len(rows) / 2; i == len(disorders)-1 {
			put(t, fsys, fmt.Sprintf("%v-%d-b.csv", side, i), asCSV(rows[half:]))
			rows = rows[:half]
			in.File, in.Files = "", []string{in.File, fmt.Sprintf("%v-%d-?.csv", side, i)}
		}
		put(t, fsys, fmt.Sprintf("%v-%d.csv", side, i), asCSV(rows))
		def.Inputs[side] = append(def.Inputs[side], in)
		def.Spec.Sources[side] = append(def.Spec.Sources[side], time.Duration(disorder)*time.Microsecond)
		inTime = append(inTime, onTime(of[i], disorder)...)
	}
	return inTime
}

// TestSourcesOfASideAreMerged: output and counts are those of the definition, whatever the backend, the number of
// partitions, and the mode.
func TestSourcesOfASideAreMerged(t *testing.T) {
	for _, backend := range everyBackend(t) {
		for seed := range uint64(2) {
			r := rand.New(rand.NewPCG(seed, 41))
			fsys := vfs.NewMem()
			plain := func(n int) []line {
				lines, _ := randomLines(r, n)
				for i := range lines {
					lines[i].id = "k" + fmt.Sprint(r.IntN(12)*r.IntN(2))
				}
				return lines
			}
			def := definition(t, "{kind: left_outer, lower: -10us, upper: 50us, late: {side: late.jsonl}}",
				fmt.Sprintf("{backend: %q, dir: state, memory: 1MiB, checkpoint_every: 500us}", backend))
			lefts := severalSources(t, fsys, r, def, join.Left, plain(500), 20, 0, 60)
			rights := severalSources(t, fsys, r, def, join.Right, plain(700), 40, 5)
			want := oracle(def.Spec, inOrder(lefts), inOrder(rights))
			var wantLate string
			for n := range 4 {
				def.State.Partitions, def.Batch = n, n == 0
				base := fsys.Kill()
				s, err := run(base, def)
				if err != nil {
					t.Fatal(err)
				}
				if got := get(t, base, "out.jsonl"); got != want {
					t.Fatalf("%s, seed %d, %d partitions: %s", backend, seed, n, firstDifference(got, want))
				}
				late := get(t, base, "late.jsonl")
				if n == 0 {
					wantLate = late
				}
				if s.LateLeft != int64(500-len(lefts)) || s.LateRight != int64(700-len(rights)) || late != wantLate {
					t.Fatalf("%s, seed %d, %d partitions: %+v, want %d and %d in time", backend, seed, n, s, len(lefts), len(rights))
				}
			}
		}
	}
}

// inOrder returns lines in the order of time, those of equal times as they stand, none of them late.
func inOrder(lines []line) []line {
	lines = slices.Clone(lines)
	slices.SortStableFunc(lines, func(a, b line) int { return cmp.Compare(a.at, b.at) })
	return lines
}

// TestEveryKindMergesSources: for each kind, crashes, partitions and batch mode change no byte.
func TestEveryKindMergesSources(t *testing.T) {
	for i, text := range append([]string{
		"{kind: three_way, ttl: {left: 60us, right: 40us}}",
		"{kind: three_way, plan: chained, ttl: {left: 60us, right: 40us}}",
	}, everyJoin...) {
		if testing.Short() && i%3 != 0 {
			continue
		}
		t.Run(text, func(t *testing.T) {
			r := rand.New(rand.NewPCG(5, 43))
			fsys := vfs.NewMem()
			def := definition(t, text, "{backend: skiplist, dir: state, checkpoint_every: 500us}")
			for side := range def.Spec.Kind.Inputs() {
				lines, _ := randomLines(r, 600)
				for i := range lines {
					lines[i].id = "k" + fmt.Sprint(r.IntN(30))
				}
				severalSources(t, fsys, r, def, join.Side(side), lines, 20, 60)
			}
			crashes, undisturbed := crashesOf(t, fsys, def)
			summary, err := run(undisturbed.Kill(), def)
			if err != nil {
				t.Fatal(err)
			}
			want := wanted{get(t, undisturbed, "out.jsonl"), summary}
			if want.output == "" {
				t.Fatal("nothing is emitted")
			}
			checkAfter(t, def, crashes, undisturbed, want, func(crash) {})
			def.State.Partitions = 3
			crashes, undisturbed = crashesOf(t, fsys, def)
			checkAfter(t, def, crashes, undisturbed, want, func(crash) {})
			def.State.Partitions, def.Batch = 1, true
			if def.Validate() != nil {
				return // only a stream can do it
			}
			base := fsys.Kill()
			if got, err := run(base, def); err != nil || got != summary || get(t, base, "out.jsonl") != want.output {
				t.Errorf("in batch mode: %v, %+v, want %+v", err, got, summary)
			}
		})
	}
}

// TestSourcesFarApartInTimeWaitInTheirFiles: one source begins a year after the other; what is in state
// is never more than what one window holds.
func TestSourcesFarApartInTimeWaitInTheirFiles(t *testing.T) {
	const year, rows = int64(365 * 24 * 3600 * 1e6), 6000
	fsys := vfs.NewMem()
	for i, from := range []int64{0, year} {
		lines := make([]line, rows)
		for j := range lines {
			lines[j] = line{fmt.Sprint("k", j%50), fmt.Sprint(j), from + int64(10*j)}
		}
		put(t, fsys, fmt.Sprintf("left-%d.csv", i), asCSV(lines))
		put(t, fsys, fmt.Sprintf("right-%d.csv", i), asCSV(lines))
	}
	def := definition(t, "{kind: left_outer, upper: 50us}", "{backend: skiplist}")
	for side := range def.Inputs {
		for i := range 2 {
			in := def.Inputs[side][0]
			in.File = fmt.Sprintf("%v-%d.csv", join.Side(side), i)
			def.Inputs[side] = append(def.Inputs[side], in)
		}
		def.Inputs[side] = def.Inputs[side][1:]
		def.Spec.MaxDisorder[side], def.Spec.Sources[side] = 0, make([]time.Duration, 2)
	}
	most := int64(0)
	s, err := pipeline.Run(t.Context(), def, pipeline.Options{
		FS: fsys, OpenStore: inline, TempDir: "temp",
		Progress: func(p pipeline.Progress) { most = max(most, p.Stats().Memory) },
	})
	if err != nil || s.Pairs != 2*rows || s.LateLeft+s.LateRight != 0 {
		t.Fatalf("%v, %+v", err, s)
	}
	// All rows of a source at once are 6000 events and timers.
	if all := int64(rows * 100); most == 0 || most > all {
		t.Errorf("up to %d bytes in state", most)
	}
}

func TestWhatSourcesCannotBeIsRefused(t *testing.T) {
	const one = "{file: a.csv, key: id, time: at, time_format: unix_us}"
	for _, c := range []struct{ left, rest, want string }{
		{"[]", "", "p.yaml:1: left: is empty"},
		{"[" + one + ", {file: b.csv}]", "", "p.yaml:1: left[1]: no key"},
		{"[" + one + ", {file: b.csv, key: [a, b], time: at}]", "", "p.yaml: left[0].key has 1 columns and left[1].key 2"},
		{"[" + one + ", {file: b.csv, key: id, time: at}]", "", "p.yaml: left[1]: no time_format"},
		{"{file: [a.csv, b.csv], key: id, time: at, time_format: unix_us, follow: true}", "", "p.yaml: left.follow: only one file can be followed"},
		{"{file: a.csv, key: id, time: at, time_format: unix_us, follow: true, idle: 1s}", "state: {partitions: 2, dir: s}", "p.yaml: left.idle: partitions that a crash leaves"},
		{"{file: a.csv, key: id, time: at, time_format: unix_us, follow: 1}", "", `p.yaml:1: left.follow: "1" is neither true nor false`},
		{"{file: a.csv, key: id, time: at, time_format: unix_us, idle: 1s}", "", "p.yaml: left.idle: the file is there as a whole"},
		{"{file: a.csv, key: id, time: at, time_format: unix_us, follow: true, idle: 0s}", "", "p.yaml:1: left.idle: 0s is less than a microsecond"},
		{"[{file: '-', format: csv, key: id, time: at, time_format: unix_us}, {file: '-', format: csv, key: id, time: at, time_format: unix_us}]", "",
			"p.yaml: left[0].file and left[1].file: standard input can be only one of them"},
		{"{file: '*.jsonl', key: id, time: at, time_format: unix_us}", "", "p.yaml: output.file: out.jsonl is the left input"},
		{one, "right: " + one + "\njoin: {kind: three_way, ttl: 1s}", "p.yaml: join: kind three_way needs two sources of the right side, and has 1"},
		{"[" + one + ", " + one + "]", "state: {batch: 5, partitions: 2}", "p.yaml: state.batch: several sources cannot wait together where outputs are merged"},
	} {
		text := "left: " + c.left + "\n" + c.rest + "\n"
		for _, line := range []string{"join: {kind: dedup}\n", "output: {file: out.jsonl}\n"} {
			if !strings.Contains(text, line[:5]) {
				text += line
			}
		}
		def, err := pipeline.Parse("p.yaml", []byte(text), nil)
		if err == nil {
			err = def.Validate()
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant %s", c.left, err, c.want)
		}
	}
}

// TestParquetNeedsTheSameColumnsOfAllSources, as lines do not.
func TestParquetNeedsTheSameColumnsOfAllSources(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "left.csv", "id,at,n\na,1,x\n")
	put(t, fsys, "other.csv", "m,at,id\ny,2,a\n")
	def := definition(t, "{kind: dedup}", "{backend: skiplist}")
	other := def.Inputs[0][0]
	other.File = "other.csv"
	def.Inputs[0] = append(def.Inputs[0], other)
	def.Spec.MaxDisorder[0], def.Spec.Sources[0] = 0, make([]time.Duration, 2)
	if _, err := run(fsys, def); err != nil {
		t.Fatal(err)
	}
	if got, want := get(t, fsys, "out.jsonl"), `{"key":["a"],"time":1,"row":{"id":"a","at":"1","n":"x"}}`+"\n"; got != want {
		t.Errorf("%s", got)
	}
	def.Output = "out.parquet"
	if _, err := run(fsys, def); err == nil || !strings.Contains(err.Error(), "left[1] has other columns than left[0]") {
		t.Error(err)
	}
}
