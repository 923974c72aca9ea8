package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// growing is a join of files that grow, and what a stream over all of them emits, up to what the end of
// the input alone brings forth: in the last rows the time is far ahead.
type growing struct {
	def    *pipeline.Definition
	texts  map[string]string
	stream string // the whole output
	least  int    // what of it does not need the end
}

func newGrowing(t *testing.T, text, backend string) *growing {
	t.Helper()
	g := &growing{def: definition(t, text, "{backend: '"+backend+"', dir: state, memory: 1MiB, checkpoint_every: 500us}"), texts: map[string]string{}}
	fsys := vfs.NewMem()
	r := rand.New(rand.NewPCG(17, 3))
	for side := range g.def.Spec.Kind.Inputs() {
		lines, _ := randomLines(r, 800)
		for i := range lines {
			lines[i].id = fmt.Sprint("k", r.IntN(30))
		}
		name := fmt.Sprintf("%v.csv", join.Side(side))
		g.texts[name] = asCSV(lines) + "end,10000000,x\n"
		put(t, fsys, name, g.texts[name])
	}
	if _, err := run(fsys, g.def); err != nil {
		t.Fatal(err)
	}
	g.stream = get(t, fsys, "out.jsonl")
	if g.least = strings.Index(g.stream, `{"key":["end"]`); g.least < 0 {
		g.least = len(g.stream)
	}
	for side := range g.def.Spec.Kind.Inputs() {
		g.def.Inputs[side][0].Follow = true
	}
	g.def.Backlog = true
	return g
}

// holds the share of each file that is there from the beginning.
func (g *growing) begin(t *testing.T, share float64) *vfs.Mem {
	fsys := vfs.NewMem()
	for name, text := range g.texts {
		put(t, fsys, name, text[:int(share*float64(len(text)))])
	}
	return fsys
}

// complete adds the rest to the files.
func (g *growing) complete(t *testing.T, fsys vfs.FS) {
	t.Helper()
	for name, text := range g.texts {
		appendTo(t, fsys, name, text[len(get(t, fsys, name)):])
	}
}

// check waits for the output of all that there is, and compares it with the stream's.
func (g *growing) check(t *testing.T, fsys vfs.FS, run *liveRun) {
	t.Helper()
	run.until("all that is decided", func() bool { return len(partOf(fsys, "out.jsonl")) >= g.least })
	run.stop()
	if got := partOf(fsys, "out.jsonl"); !strings.HasPrefix(g.stream, got) {
		t.Fatalf("%s", firstDifference(got, g.stream))
	}
}

// TestABacklogGoesOnLive: for each kind, what was in the files is sorted, what is added later is joined with it, and
// the output is the stream's, byte for byte; after a restart too.
func TestABacklogGoesOnLive(t *testing.T) {
	backends := everyBackend(t)
	for i, text := range everyJoin {
		if testing.Short() && i%3 != 0 {
			continue
		}
		g := newGrowing(t, text, backends[i%len(backends)])
		if g.def.Validate() != nil {
			continue // only a stream can do it
		}
		g.def.State.Partitions = 1 + i%3
		t.Run(text, func(t *testing.T) {
			for _, share := range []float64{0.1, 0.5, 1} {
				fsys := g.begin(t, share)
				run := startRun(t, fsys, g.def, nil)
				if share == 0.5 {
					run.until("a state", func() bool { return stateIsDurable(fsys) })
					run.stop()
					run = startRun(t, fsys, g.def, nil)
				}
				g.complete(t, fsys)
				g.check(t, fsys, run)
			}
		})
	}
}

// stateIsDurable says whether the backlog has been handed over.
func stateIsDurable(fsys vfs.FS) bool {
	names, err := fsys.List("state")
	if err != nil || len(names) == 0 {
		return false
	}
	for _, name := range names {
		if name == "batch" {
			return false
		}
	}
	return true
}

// TestNoCrashOfAHandOverChangesAByte: a run that is interrupted while it sorts, or hands over, begins anew or goes on,
// in either mode.
func TestNoCrashOfAHandOverChangesAByte(t *testing.T) {
	for i, name := range []string{"skiplist", "lsm"} {

		g := newGrowing(t, everyJoin[0], name)
		g.def.Late = ""
		if i == 0 {
			g.def.State.Durability = statelab.DurabilityAlways
		} else {
			g.def.State.Partitions = 2
		}
		base := g.begin(t, 0.6)
		var one sync.Mutex
		var crashes []crash
		n := 0
		traced := vfs.NewTrace(base, func(op vfs.TraceOp) {
			one.Lock()
			defer one.Unlock()
			if op.Op == vfs.OpRead || op.Op == vfs.OpOpen || op.Op == vfs.OpLock || len(crashes) == 24 {
				return
			}
			if n++; n%3 == 0 || op.Op == vfs.OpRename {
				at := fmt.Sprintf("%v %s (operation %d)", op.Op, op.Path, n)
				if len(crashes)%2 == 0 {
					crashes = append(crashes, crash{"a power cut at " + at, base.PowerCut(int64(n))})
				} else {
					crashes = append(crashes, crash{"a kill at " + at, base.Kill()})
				}
			}
		})
		run := startRun(t, traced, g.def, nil)
		run.until("a state", func() bool { return stateIsDurable(base) })
		run.stop()
		for i, c := range append(crashes, crash{"no crash", base}) {
			if testing.Short() && i%3 != 0 {
				continue
			}
			t.Log(name, c.at)
			g.def.Backlog = i%3 != 1
			run := startRun(t, c.fs, g.def, nil)
			g.complete(t, c.fs)
			g.check(t, c.fs, run)
		}
		if len(crashes) < 5 {
			t.Errorf("only %d crashes", len(crashes))
		}
	}
}

func TestWhatABacklogCannotBeIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"left: {file: '-', format: csv, key: id, time: at, time_format: unix_us}\njoin: {kind: dedup}\noutput: {file: out.jsonl}\n":                                    "p.yaml: mode backlog: standard input does not say where",
		"left: {file: a.csv, key: id, time: at, time_format: unix_us}\njoin: {kind: dedup}\noutput: {file: out.parquet}\n":                                             "p.yaml: mode backlog: a parquet or compressed file cannot",
		"left: &l {file: a.csv, key: id, time: at, time_format: unix_us}\nright: *l\njoin: {kind: left_outer, upper: 1s, emit: on_match}\noutput: {file: out.jsonl}\n": "p.yaml: mode backlog: join: kind left_outer emitted on_match",
	} {
		def, err := pipeline.Parse("p.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		def.Backlog = true
		if err := def.Validate(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
}
