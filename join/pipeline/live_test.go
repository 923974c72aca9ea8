package pipeline_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// appendTo adds to a file, durably.
func appendTo(t *testing.T, fsys vfs.FS, name, text string) {
	t.Helper()
	f, err := fsys.OpenReadWrite(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte(text), size); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// A liveRun is a run that has no end of its own.
type liveRun struct {
	t      *testing.T
	cancel context.CancelFunc
	commit chan os.Signal
	out    lockedText
	done   chan error
}

// lockedText is a writer whose text can be read meanwhile.
type lockedText struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lockedText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func startRun(t *testing.T, fsys vfs.FS, def *pipeline.Definition, stdin io.Reader) *liveRun {
	ctx, cancel := context.WithCancel(t.Context())
	l := &liveRun{t: t, cancel: cancel, commit: make(chan os.Signal), done: make(chan error, 1)}
	go func() {
		_, err := pipeline.Run(ctx, def, pipeline.Options{
			FS: fsys, OpenStore: inline, TempDir: "temp", Stdin: stdin, Stdout: &l.out, Commit: l.commit,
		})
		l.done <- err
	}()
	return l
}

// until waits until a condition holds, for as long as the run goes on.
func (l *liveRun) until(what string, holds func() bool) {
	l.t.Helper()
	for !holds() {
		select {
		case err := <-l.done:
			l.t.Fatalf("%s: the run has ended: %v", what, err)
		case <-time.After(time.Millisecond):
		}
	}
}

// stop stops the run, which commits.
func (l *liveRun) stop() {
	l.t.Helper()
	l.cancel()
	if err := <-l.done; !errors.Is(err, pipeline.ErrStopped) {
		l.t.Fatalf("ended with %v", err)
	}
}

// partOf returns what is in an output that is not whole yet.
func partOf(fsys vfs.FS, name string) string {
	text, err := vfs.ReadFile(fsys, name+".part")
	if err != nil {
		return ""
	}
	return string(text)
}

// followedPair is a join of two files that grow, and what they are to hold in the end: in the last rows
// the time is far ahead, so that all others are decided.
func followedPair(t *testing.T, state string) (def *pipeline.Definition, texts map[string]string, want string) {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 7))
	lefts, leftCSV := randomLines(r, 1500)
	rights, rightCSV := randomLines(r, 1500)
	def = definition(t, "{kind: left_outer, lower: -10us, upper: 50us}", state)
	for side := range def.Inputs {
		def.Inputs[side][0].Follow = true
	}
	texts = map[string]string{"left.csv": leftCSV + "end,1000000,x\n", "right.csv": rightCSV + "end,1000000,x\n"}
	return def, texts, oracle(def.Spec, lefts, rights)
}

// TestFilesAreFollowed: they are cut anywhere as they grow, and the join is stopped and killed meanwhile.
func TestFilesAreFollowed(t *testing.T) {
	for i, backend := range everyBackend(t) {
		def, texts, want := followedPair(t, "{backend: '"+backend+"', dir: state, memory: 1MiB, checkpoint_every: 1ms}")
		def.State.Partitions = 1 + i%2
		fsys := vfs.NewMem()
		ends := map[string]int{}
		for name := range texts {
			put(t, fsys, name, "id,at,n\n")
			ends[name] = len("id,at,n\n")
		}
		for step := range 4 {
			run := startRun(t, fsys, def, nil)
			for name, text := range texts {
				end := len(text) - (3-step)*len(text)/4
				appendTo(t, fsys, name, text[ends[name]:end])
				ends[name] = end
			}
			if step == 3 {
				run.until("all that is decided", func() bool { return len(partOf(fsys, "out.jsonl")) >= len(want) })
				if got := partOf(fsys, "out.jsonl"); got != want {
					t.Fatalf("%s: %s", backend, firstDifference(got, want))
				}
				run.stop()
				break
			}
			run.until("more than before", func() bool { return len(partOf(fsys, "out.jsonl")) > step*len(want)/5 })
			killed := fsys.Kill()
			run.stop()
			if step == 1 {
				fsys = killed
			}
			if step == 2 {
				def.State.Partitions = 3 - i%2 // another number than before, from now on
			}
		}
		put(t, fsys, "left.csv", strings.Replace(texts["left.csv"], "n1\n", "m1\n", 1))
		_, err := run(fsys, def)
		if err == nil || !strings.Contains(err.Error(), "left.csv: is not the file of which rows") {
			t.Fatalf("%s: another file: %v", backend, err)
		}
	}
}

// TestRotatedFilesAreFollowed: a file is renamed, and another begun under its name, while a run goes on and while there is none; the
// run before was stopped, or killed at some commit.
func TestRotatedFilesAreFollowed(t *testing.T) {
	for partitions := range 2 {
		testRotation(t, 1+partitions)
	}
}

func testRotation(t *testing.T, partitions int) {
	def, texts, want := followedPair(t, "{backend: skiplist, dir: state, checkpoint_every: 1ms}")
	def.State.Partitions = partitions
	fsys := vfs.NewMem()
	put(t, fsys, "right.csv", texts["right.csv"])
	lines := strings.SplitAfter(texts["left.csv"], "\n")
	header, lines := lines[0], lines[1:]
	put(t, fsys, "left.csv", header)
	add := func(part int) { // one of four
		appendTo(t, fsys, "left.csv", strings.Join(lines[part*len(lines)/4:(part+1)*len(lines)/4], ""))
	}
	rotate := func(to string) {
		if err := fsys.Rename("left.csv", to); err != nil {
			t.Fatal(err)
		}
		put(t, fsys, "left.csv", header)
	}
	more := func(run *liveRun, part int) {
		run.until("more than before", func() bool { return len(partOf(fsys, "out.jsonl")) > part*len(want)/5 })
	}
	first := startRun(t, fsys, def, nil)
	add(0)
	more(first, 0)
	rotate("left.csv.2")
	add(1)
	more(first, 1)
	killed := fsys.Kill()
	first.stop()
	for _, fsys = range []*vfs.Mem{fsys, killed} {
		rotate("left.csv.1")
		add(2)
		rotate("left.csv.0")
		add(3)
		second := startRun(t, fsys, def, nil)
		second.until("all that is decided", func() bool { return len(partOf(fsys, "out.jsonl")) >= len(want) })
		if got := partOf(fsys, "out.jsonl"); got != want {
			t.Fatal(firstDifference(got, want))
		}
		second.stop()
	}
	if err := errors.Join(fsys.Remove("left.csv.2"), fsys.Remove("left.csv.1"), fsys.Remove("left.csv.0")); err != nil {
		t.Fatal(err)
	}
	put(t, fsys, "left.csv", header+"z,1,z\n")
	if _, err := run(fsys, def); err == nil || !strings.Contains(err.Error(), "left.csv: is not the file of which rows") {
		t.Errorf("a file that is gone: %v", err)
	}
}

// TestAnIdleSourceHoldsUpNobody: standard input has shown an event and nothing more; the join goes on
// without it, and what it shows then is late, unless it is ahead of the others.
func TestAnIdleSourceHoldsUpNobody(t *testing.T) {
	fsys := vfs.NewMem()
	put(t, fsys, "right.csv", "id,at,n\na,3,y\nb,100,y\nc,1000,y\n")
	def := definition(t, "{kind: left_outer, upper: 5us}", "{backend: skiplist}")
	left := &def.Inputs[join.Left][0]
	left.File, left.Format, left.Idle = "-", "csv", 20*time.Millisecond
	def.Inputs[join.Right][0].Follow = true
	def.Output = "-"
	in, out := io.Pipe()
	write := func(text string) {
		if _, err := io.WriteString(out, text); err != nil {
			t.Error(err)
		}
	}
	run := startRun(t, fsys, def, in)
	write("id,at,n\na,1,x\n")
	run.until("the sample of the only left event", func() bool { return strings.Contains(run.out.String(), `"label":1`) })
	write("b,98,late\nc,998,x\n")
	appendTo(t, fsys, "right.csv", "d,2000,y\n")
	run.until("the sample of the left event that is not late", func() bool { return strings.Count(run.out.String(), "\n") == 2 })
	if got := run.out.String(); strings.Contains(got, "late") || strings.Count(got, `"label":1`) != 2 {
		t.Errorf("%s", got)
	}
	if err := out.Close(); err != nil {
		t.Error(err)
	}
	run.stop()
}

// TestACommitCanBeAskedFor: killed after it, a run goes on from there, though no interval has passed.
func TestACommitCanBeAskedFor(t *testing.T) {
	def, texts, want := followedPair(t, "{backend: skiplist, dir: state, checkpoint_every: 1h}")
	fsys := vfs.NewMem()
	for name, text := range texts {
		put(t, fsys, name, text)
	}
	first := startRun(t, fsys, def, nil)
	first.until("all that is decided", func() bool { return len(partOf(fsys, "out.jsonl")) >= len(want) })
	if s := positionAfterKill(t, fsys, def); s > 100 { // the first watermarks pass an hour
		t.Fatalf("%d rows are committed by themselves", s)
	}
	first.commit <- syscall.SIGUSR1
	first.commit <- syscall.SIGUSR1 // taken when the first one is done
	if s := positionAfterKill(t, fsys, def); s != 3002 {
		t.Errorf("%d rows are committed, want all 3002", s)
	}
	first.stop()
}

// positionAfterKill returns how many rows the state speaks of that a kill leaves.
func positionAfterKill(t *testing.T, fsys *vfs.Mem, def *pipeline.Definition) uint64 {
	t.Helper()
	store, err := inline(def.State.Backend, def.State.Dir, optionsOn(fsys.Kill()))
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	op, err := join.New(store, def.Spec, join.Hooks{Sample: func(*join.Sample) error { return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return op.Position(join.Left) + op.Position(join.Right)
}

func optionsOn(fsys vfs.FS) *statelab.Options {
	return &statelab.Options{FS: fsys, Prefix: join.Prefix()}
}
