package pipeline_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

const temporary = "{backend: skiplist}"

func TestEveryBackendWritesTheOraclesBytes(t *testing.T) {
	for seed, joins := range []string{
		"{kind: left_outer, upper: 50us}",
		"{kind: left_outer, lower: -30us, upper: -10us}",
		"{kind: inner, lower: -20us, upper: 40us}",
		"{kind: inner, lower: 5us, upper: 90us}",
	} {
		r := rand.New(rand.NewPCG(uint64(seed), 3))
		lefts, leftCSV := randomLines(r, 700)
		rights, rightCSV := randomLines(r, 900)
		for _, backend := range everyBackend(t) {
			fsys := vfs.NewMem()
			put(t, fsys, "left.csv", leftCSV)
			put(t, fsys, "right.csv", rightCSV)
			def := definition(t, joins, fmt.Sprintf("{backend: %q, dir: state, memory: 1MiB, checkpoint_every: 500us}", backend))
			s, err := run(fsys, def)
			if err != nil {
				t.Fatalf("%s, %s: %v", backend, joins, err)
			}
			got := get(t, fsys, "out.jsonl")
			if want := oracle(def.Spec, lefts, rights); got != want {
				t.Fatalf("%s, %s:\n%.1000s\nwant\n%.1000s", backend, joins, got, want)
			}
			if want := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(got))); s.Checksum != want {
				t.Errorf("%s: checksum %s, want %s", backend, s.Checksum, want)
			}
			if s.WaitingLeft != 0 || s.WaitingRight != 0 || s.LateLeft == 0 || s.LateRight == 0 || s.MatchedRight == 0 {
				t.Errorf("%s, %s: %+v", backend, joins, s)
			}
			if left := names(t, fsys); !slices.Equal(left, []string{"left.csv", "out.jsonl", "right.csv", "state"}) {
				t.Errorf("%s leaves %q", backend, left)
			}
		}
	}
}

// TestStateBeyondMemory: with unbounded disorder all events wait in state at
// once, many times the memory of backends that keep it on disk; those that keep
// it in memory say that it does not fit.
func TestStateBeyondMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 3))
	rows := 6000
	if testing.Short() {
		rows = 2500 // still several times the memory
	}
	_, leftCSV := randomLines(r, rows)
	_, rightCSV := randomLines(r, rows*3/2)
	var first string
	for _, b := range backends.List() {
		fsys := vfs.NewMem()
		put(t, fsys, "left.csv", leftCSV)
		put(t, fsys, "right.csv", rightCSV)
		def := definition(t, "{kind: left_outer, upper: 50us}", fmt.Sprintf("{backend: %q, memory: 128KiB}", b.Name))
		def.Spec.MaxDisorder = [2]time.Duration{join.Unbounded, join.Unbounded}
		s, err := run(fsys, def)
		if b.MemoryResident {
			if !errors.Is(err, statelab.ErrBudget) || !strings.Contains(err.Error(), "; raise state.memory") {
				t.Errorf("%s: %v", b.Name, err)
			}
			continue
		}
		if err != nil || s.Samples != int64(rows) || s.LateLeft+s.LateRight != 0 {
			t.Fatalf("%s: %v, %+v", b.Name, err, s)
		}
		if first == "" {
			first = s.Checksum
		}
		if s.Checksum != first {
			t.Errorf("%s: another output than that of other backends", b.Name)
		}
	}
}

func TestLinesArePrintedAsDocumented(t *testing.T) {
	for _, c := range []struct{ joins, want string }{
		{"{kind: left_outer, upper: 5us}", `{"key":["a"],"time":10,"label":1,"left":{"id":"a","at":"10","n":"x"},"right":[{"id":"a","at":"11","n":"y"},{"id":"a","at":"15","n":"z"}]}
{"key":["\ufffd"],"time":20,"label":0,"left":{"id":"\ufffd","at":"20","n":""},"right":[]}
`},
		{"{kind: left_outer, upper: 5us, negatives: {keep: 0.999, seed: 1}}", `{"key":["a"],"time":10,"label":1,"left":{"id":"a","at":"10","n":"x"},"right":[{"id":"a","at":"11","n":"y"},{"id":"a","at":"15","n":"z"}],"log_odds_correction":-0.0010005003335835344}
{"key":["\ufffd"],"time":20,"label":0,"left":{"id":"\ufffd","at":"20","n":""},"right":[],"log_odds_correction":-0.0010005003335835344}
`},
		{"{kind: left_outer, upper: 5us, emit: on_match}", `{"key":["a"],"time":10,"label":1,"left":{"id":"a","at":"10","n":"x"},"right":[{"id":"a","at":"11","n":"y"}]}
{"key":["a"],"time":10,"label":1,"left":{"id":"a","at":"10","n":"x"},"right":[{"id":"a","at":"11","n":"y"},{"id":"a","at":"15","n":"z"}],"correction":true}
{"key":["\ufffd"],"time":20,"label":0,"left":{"id":"\ufffd","at":"20","n":""},"right":[]}
`},
		{"{kind: tumbling, window: 5us}", `{"key":["a"],"time":10,"left":{"id":"a","at":"10","n":"x"},"right":{"id":"a","at":"11","n":"y"}}
`},
		{"{kind: regular, ttl: 1us}", `{"key":["a"],"time":10,"left":{"id":"a","at":"10","n":"x"},"right":{"id":"a","at":"11","n":"y"}}
`},
		{"{kind: temporal}", `{"key":["a"],"time":10,"left":{"id":"a","at":"10","n":"x"},"right":null}
{"key":["\ufffd"],"time":20,"left":{"id":"\ufffd","at":"20","n":""},"right":null}
`},
		{"{kind: dedup}", `{"key":["a"],"time":10,"row":{"id":"a","at":"10","n":"x"}}
{"key":["\ufffd"],"time":20,"row":{"id":"\ufffd","at":"20","n":""}}
`},
		{"{kind: session, gap: 5us}", `{"key":["a"],"time":10,"end":10,"events":[{"id":"a","at":"10","n":"x"}]}
{"key":["\ufffd"],"time":20,"end":20,"events":[{"id":"\ufffd","at":"20","n":""}]}
`},
		{"{kind: inner, upper: 5us}", `{"key":["a"],"time":10,"left":{"id":"a","at":"10","n":"x"},"right":{"id":"a","at":"11","n":"y"}}
{"key":["a"],"time":10,"left":{"id":"a","at":"10","n":"x"},"right":{"id":"a","at":"15","n":"z"}}
`},
	} {
		fsys := vfs.NewMem()
		put(t, fsys, "left.csv", "id,at,n\na,10,x\n\xff,20,\n")
		put(t, fsys, "right.csv", "id,at,n\na,11,y\na,16,w\na,15,z\nb,20,\n")
		if _, err := run(fsys, definition(t, c.joins, temporary)); err != nil {
			t.Fatal(err)
		}
		if got := get(t, fsys, "out.jsonl"); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", c.joins, got, c.want)
		}
	}
}

// What lines of several events look like.
func TestVersionsAndSessionsArePrinted(t *testing.T) {
	for joins, want := range map[string]string{
		"{kind: temporal}": `{"key":["a"],"time":1,"left":{"id":"a","at":"1","n":"x"},"right":{"id":"a","at":"1","n":"v"}}
{"key":["a"],"time":3,"left":{"id":"a","at":"3","n":"y"},"right":{"id":"a","at":"2","n":"w"}}
`,
		"{kind: session, gap: 2us}": `{"key":["a"],"time":1,"end":3,"events":[{"id":"a","at":"1","n":"x"},{"id":"a","at":"3","n":"y"}]}
`,
	} {
		fsys := vfs.NewMem()
		put(t, fsys, "left.csv", "id,at,n\na,1,x\na,3,y\n")
		put(t, fsys, "right.csv", "id,at,n\na,1,v\na,2,w\na,4,z\n")
		s, err := run(fsys, definition(t, joins, temporary))
		if err != nil {
			t.Fatal(err)
		}
		if got := get(t, fsys, "out.jsonl"); got != want || s.WaitingRight != 0 {
			t.Errorf("%s: %+v\n%s\nwant\n%s", joins, s, got, want)
		}
	}
}

// TestFormatsMix joins a number of a JSON lines file with its spelling in a csv
// file. An event without a key joins nothing.
func TestFormatsMix(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "left.csv", "id,at,n\n7,10,x\n")
	put(t, fsys, "right.jsonl", `{"id": 7, "at": 10, "tags": ["a"]}`+"\n"+`{"id":null,"at":11}`+"\n")
	def := definition(t, "{kind: left_outer, upper: 5us}", temporary)
	def.Inputs[join.Right][0].File = "right.jsonl"
	s, err := run(fsys, def)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"key":["7"],"time":10,"label":1,"left":{"id":"7","at":"10","n":"x"},"right":[{"id":7,"at":10,"tags":["a"]}]}` + "\n"
	if got := get(t, fsys, "out.jsonl"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s.RightIn != 2 || s.Rejected != 1 {
		t.Errorf("%+v", s)
	}
}

func TestLateEventsGoToTheirFile(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "left.csv", "id,at,n\na,100,x\na,79,late\na,80,\n")
	put(t, fsys, "right.csv", "id,at,n\nb,100,x\nb,-1,late too\n")
	s, err := run(fsys, definition(t, "{kind: inner, upper: 5us, late: {side: late.jsonl}}", temporary))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"side":"left","key":["a"],"time":79,"row":{"id":"a","at":"79","n":"late"}}
{"side":"right","key":["b"],"time":-1,"row":{"id":"b","at":"-1","n":"late too"}}
`
	if got := get(t, fsys, "late.jsonl"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if s.LateLeft != 1 || s.LateRight != 1 {
		t.Errorf("%+v", s)
	}
}

func TestStandardInputAndOutput(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "right.csv", "id,at,n\na,2,y\n")
	def := definition(t, "{kind: inner, upper: 5us}", temporary)
	def.Inputs[0][0].File, def.Inputs[0][0].Format = "-", "csv"
	def.Output = "-"
	var out strings.Builder
	_, err := pipeline.Run(context.Background(), def, pipeline.Options{
		FS: fsys, OpenStore: inline, TempDir: "temp", Stdin: strings.NewReader("id,at,n\na,1,x\n"), Stdout: &out,
	})
	if want := `{"key":["a"],"time":1,"left":{"id":"a","at":"1","n":"x"},"right":{"id":"a","at":"2","n":"y"}}` + "\n"; err != nil || out.String() != want {
		t.Errorf("%v\n%s", err, out.String())
	}
}

// TestBadInputLeavesNothing: one line, an InputError, and no file that was not there.
func TestBadInputLeavesNothing(t *testing.T) {
	good := "id,at,n\na,1,x\n"
	for _, c := range []struct {
		left, right string
		change      func(*pipeline.Definition)
		want        string
		leaves      []string // beside the inputs
	}{
		{good, "", nil, "right.csv: is empty", nil},
		{good, good, func(d *pipeline.Definition) { d.Inputs[0][0].File = "none.csv" }, "none.csv: does not exist", nil},
		{good, good, func(d *pipeline.Definition) { d.Inputs[1][0].Key = []string{"ride"} }, `right.csv: key: no column "ride"; there are id, at, n`, nil},
		{good, good, func(d *pipeline.Definition) { d.Output = "no/out.jsonl" }, "no/out.jsonl: there is no directory no", nil},
		{good, good, func(d *pipeline.Definition) { d.Output = "dir" }, "dir is a directory", nil},
		// Found while it runs: the part and the state stay, the output does not appear.
		{good + "a,noon,x\n", good, nil, `left.csv: line 3: field at: "noon" is not a time of the format unix_us`, []string{"out.jsonl.part", "state"}},
		{good, good + "a,2\n", nil, "right.csv: line 3: 2 fields, but the header has 3", []string{"out.jsonl.part", "state"}},
	} {
		fsys := vfs.NewMem()
		put(t, fsys, "left.csv", c.left)
		put(t, fsys, "right.csv", c.right)
		if err := fsys.MkdirAll("dir"); err != nil {
			t.Fatal(err)
		}
		def := definition(t, "{kind: inner, upper: 5us}", "{backend: skiplist, dir: state}")
		if c.change != nil {
			c.change(def)
		}
		_, err := run(fsys, def)
		var input *pipeline.InputError
		if !errors.As(err, &input) || err.Error() != c.want {
			t.Errorf("got %v, want\n%s", err, c.want)
		}
		want := slices.Sorted(slices.Values(append([]string{"dir", "left.csv", "right.csv"}, c.leaves...)))
		if got := names(t, fsys); !slices.Equal(got, want) {
			t.Errorf("%s: leaves %q, want %q", c.want, got, want)
		}
	}
}

// finished returns a file system with a join that has run to its end.
func finished(t *testing.T) (*vfs.Mem, *pipeline.Definition, pipeline.Summary) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 4))
	fsys := vfs.NewMem()
	_, left := randomLines(r, 300)
	_, right := randomLines(r, 300)
	put(t, fsys, "left.csv", left)
	put(t, fsys, "right.csv", right)
	def := definition(t, "{kind: left_outer, upper: 50us, late: {side: late.jsonl}}", "{backend: skiplist, dir: state}")
	s, err := run(fsys, def)
	if err != nil {
		t.Fatal(err)
	}
	return fsys, def, s
}

func TestAFinishedJoinIsNotRunAgain(t *testing.T) {
	fsys, def, want := finished(t)
	var ops []vfs.TraceOp
	traced := vfs.NewTrace(fsys, func(op vfs.TraceOp) {
		if strings.Contains(op.Path, ".jsonl") && op.Op != vfs.OpOpen && op.Op != vfs.OpRead {
			ops = append(ops, op)
		}
	})
	got, err := run(traced, def)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, want)
	}
	if len(ops) > 0 {
		t.Errorf("the outputs were touched: %+v", ops)
	}
}

func TestResumingIsRefusedWhenThingsHaveChanged(t *testing.T) {
	for _, c := range []struct {
		change func(t *testing.T, fsys *vfs.Mem, def *pipeline.Definition)
		want   string
	}{
		{func(t *testing.T, fsys *vfs.Mem, _ *pipeline.Definition) {
			put(t, fsys, "right.csv", get(t, fsys, "right.csv")+"a,9999,n\n")
		}, "right.csv has changed since the state in state was made; remove that directory to join anew"},
		{func(t *testing.T, fsys *vfs.Mem, _ *pipeline.Definition) {
			put(t, fsys, "left.csv", strings.Replace(get(t, fsys, "left.csv"), "n1\n", "m1\n", 1))
		}, "left.csv has changed since"},
		{func(_ *testing.T, _ *vfs.Mem, def *pipeline.Definition) { def.Spec.Upper *= 2 },
			"p.yaml: resume join: the join has changed since its state was made: upper was 50µs and is 100µs now; remove state to join anew"},
		{func(_ *testing.T, _ *vfs.Mem, def *pipeline.Definition) { def.Inputs[1][0].Time = "n" },
			"p.yaml: the definition of the right side has changed since"},
		{func(_ *testing.T, _ *vfs.Mem, def *pipeline.Definition) { def.Output = "other.jsonl" },
			"p.yaml: the output has changed since"},
		{func(_ *testing.T, _ *vfs.Mem, def *pipeline.Definition) { def.Late = "" },
			"p.yaml: the output has changed since"},
		{func(t *testing.T, fsys *vfs.Mem, _ *pipeline.Definition) { put(t, fsys, "out.jsonl", "edited") },
			"out.jsonl is not what the join had written, though the state in state says that it has finished"},
	} {
		fsys, def, _ := finished(t)
		c.change(t, fsys, def)
		_, err := run(fsys, def)
		var input *pipeline.InputError
		if !errors.As(err, &input) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("got %v, want\n%s", err, c.want)
		}
	}
}

func TestWhatMayChangeIsNotRefused(t *testing.T) {
	fsys, def, want := finished(t)
	put(t, fsys, "moved.csv", get(t, fsys, "left.csv"))
	def.Inputs[0][0].File = "moved.csv"
	def.State.Memory = 8 << 20
	def.State.CheckpointEvery = 1e9
	if got, err := run(fsys, def); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%+v, want\n%+v", err, got, want)
	}
}

func TestBadBackendsAreNamed(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "left.csv", "id,at,n\n")
	put(t, fsys, "right.csv", "id,at,n\n")
	if _, err := run(fsys, definition(t, "{kind: inner, upper: 5us}", "{backend: rocks}")); err == nil || !strings.Contains(err.Error(), "unknown backend rocks") {
		t.Errorf("got %v", err)
	}
	def := definition(t, "{kind: inner, upper: 5us}", "{backend: skiplist, dir: state}")
	if _, err := run(fsys, def); err != nil {
		t.Fatal(err)
	}
	lock, err := fsys.Lock("state/LOCK")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := run(fsys, def); !errors.Is(err, statelab.ErrLocked) {
		t.Errorf("a dir in use: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	for _, b := range backends.List() {
		def.State.Backend = b.Name
		if _, err := run(fsys, def); b.Name != "skiplist" && !errors.Is(err, statelab.ErrMismatch) {
			t.Errorf("a dir of another engine: %v", err)
		}
	}
}
