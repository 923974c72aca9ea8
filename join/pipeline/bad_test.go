package pipeline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// spoil makes rows of left.csv bad, each in another way.
func spoil(t *testing.T, fsys vfs.FS) (bad int64) {
	t.Helper()
	lines := strings.SplitAfter(get(t, fsys, "left.csv"), "\n")
	for i := 5; i < len(lines)-1; i += 37 {
		bad++
		switch i % 3 {
		case 0:
			lines[i] = "too,few\n"
		case 1:
			lines[i] = "k1,noon,x,0\n"
		case 2:
			lines[i] = "k1,99999999999999999,x,0\n"
		}
	}
	put(t, fsys, "left.csv", strings.Join(lines, ""))
	return bad
}

const badJoin = "{kind: left_outer, upper: 50us, bad: {side: bad.jsonl}, late: {side: late.jsonl}}"

// TestBadRowsGoToTheirFile: the same ones in either mode, with partitions, and after crashes;
// the other rows are joined as if there had been no bad ones.
func TestBadRowsGoToTheirFile(t *testing.T) {
	clean := vfs.NewMem()
	manyKeys(t, clean, 600)
	bad := spoil(t, clean)
	def := partitioned(t, badJoin, "{backend: skiplist, dir: state, checkpoint_every: 1ms}")
	def.Inputs[0][0].From, def.Inputs[0][0].To = -1e6, 1e15
	crashes, undisturbed := crashesOf(t, clean, def)
	summary, err := run(undisturbed, def)
	if err != nil {
		t.Fatal(err)
	}
	first := get(t, undisturbed, "bad.jsonl")
	if n := int64(strings.Count(first, "\n")); n != bad || summary.Rejected != bad || summary.LateLeft == 0 {
		t.Errorf("%d bad rows are written, want %d: %+v", n, bad, summary)
	}
	if want := `{"side":"left","file":"left.csv","at":"line 6","reason":"field at: \"99999999999999999\" is not within the times that are expected","row":["k1","99999999999999999","x","0"]}`; !strings.HasPrefix(first, want) {
		t.Errorf("%.300s\nwant\n%s", first, want)
	}
	want := wanted{get(t, undisturbed, "out.jsonl"), summary}
	checkAfter(t, def, crashes, undisturbed, want, func(c crash) {
		if got := get(t, c.fs, "bad.jsonl"); got != first {
			t.Errorf("after %s: %s", c.at, firstDifference(got, first))
		}
	})
	for _, change := range []func(*pipeline.Definition){
		func(d *pipeline.Definition) { d.State.Partitions = 3 },
		func(d *pipeline.Definition) { d.Batch = true },
	} {
		fs, other := clean.Kill(), *def
		change(&other)
		got, err := run(fs, &other)
		if err != nil || got != summary {
			t.Fatalf("%v, %+v, want %+v", err, got, summary)
		}
		for _, name := range []string{"out.jsonl", "late.jsonl", "bad.jsonl"} {
			if got, want := get(t, fs, name), get(t, undisturbed, name); got != want {
				t.Errorf("%s: %s", name, firstDifference(got, want))
			}
		}
	}
}

// TestAFileOfBadRowsIsPartOfTheJoin: to go on without it, or to another one, is refused.
func TestAFileOfBadRowsIsPartOfTheJoin(t *testing.T) {
	fsys := vfs.NewMem()
	manyKeys(t, fsys, 100)
	def := partitioned(t, badJoin, "{backend: skiplist, dir: state}")
	if _, err := run(fsys, def); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "other.jsonl"} {
		def.Bad = name
		var input *pipeline.InputError
		if _, err := run(fsys, def); !errors.As(err, &input) || !strings.HasPrefix(err.Error(), "p.yaml: the output has changed") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestOutputsAreApart(t *testing.T) {
	for joins, want := range map[string]string{
		"{kind: inner, upper: 1us, bad: {side: out.jsonl}}":                        "p.yaml: join.bad.side: out.jsonl is output.file",
		"{kind: inner, upper: 1us, bad: {side: x.jsonl}, late: {side: ./x.jsonl}}": "p.yaml: join.bad.side: x.jsonl is join.late.side",
		"{kind: inner, upper: 1us, bad: {side: left.csv}}":                         "p.yaml: join.bad.side: left.csv: csv output is not available; JSON lines are, and parquet for samples",
		"{kind: inner, upper: 1us, bad: {side: \"-\"}}":                            "p.yaml: join.bad.side: only samples can go to standard output",
	} {
		if err := definition(t, joins, temporary).Validate(); fmt.Sprint(err) != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
