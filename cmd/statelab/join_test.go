package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join/pipeline"
)

// joinIn writes files into a fresh directory, makes it the working directory
// and runs join there.
func joinIn(t *testing.T, files map[string]string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return runs(append([]string{"join"}, args...)...)
}

const views = `left:   {file: in.csv, where: {kind: view}, key: id, time: at, time_format: unix_s, max_disorder: 10s}
right:  {file: in.csv, where: {kind: click}, key: id, time: at, time_format: unix_s, max_disorder: 10s}
join:   {kind: left_outer, upper: 10m}
state:  {backend: skiplist, dir: state}
output: {file: out.jsonl}
`

func TestJoinExample(t *testing.T) {
	t.Chdir("../..")
	arguments := [][]string{{"-mode", "batch"}}
	for _, b := range backends.List() {
		arguments = append(arguments, []string{"-backend", b.Name})
	}
	for _, with := range arguments {
		output := filepath.Join(t.TempDir(), "samples.jsonl")
		code, stdout, stderr := runs(append([]string{"join", "-f", "examples/rides.yaml", "-output", output}, with...)...)
		want := fmt.Sprintf(`left   40 in: 16 matched, 24 unmatched, 0 late, 0 waiting
right  33 in: 16 matched, 17 unmatched, 0 late, 0 waiting
16 pairs, 40 samples, 0 negatives dropped; 73 rows filtered, 0 events rejected
%s  sha256:fe8e137c2304b145880c65b9f67ec081ea1a737e2d0e91ee1e6740163f18f33f
`, output)
		if code != exitDone || stdout != want || stderr != "" {
			t.Errorf("%s: exit code %d, stderr %q, stdout\n%swant\n%s", with, code, stderr, stdout, want)
		}
	}
}

// TestAJoinOfThreeInputsIsTheSameHoweverItIsPlanned: the example is of a chain.
func TestAJoinOfThreeInputsIsTheSameHoweverItIsPlanned(t *testing.T) {
	t.Chdir("../..")
	chained, err := os.ReadFile("examples/orders.yaml")
	if err != nil {
		t.Fatal(err)
	}
	shared := filepath.Join(t.TempDir(), "shared.yaml")
	if err := os.WriteFile(shared, bytes.Replace(chained, []byte("plan: chained, "), nil, 1), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"examples/orders.yaml", shared} {
		code, stdout, stderr := runs("join", "-f", file, "-output", filepath.Join(t.TempDir(), "samples.jsonl"))
		if code != exitDone || !strings.Contains(stdout, "2 pairs, 1 samples, 2 negatives dropped") ||
			!strings.HasSuffix(stdout, "sha256:fd5dc33b38d00f2ec6451b786e93949e1b589943eeda6c942de0dd6d2274333f\n") {
			t.Errorf("%s: exit code %d, %s%s", file, code, stdout, stderr)
		}
	}
}

func TestJoinSummaryAsJSON(t *testing.T) {
	code, stdout, stderr := joinIn(t, map[string]string{"p.yaml": views, "in.csv": "id,kind,at\n1,view,1\n1,click,2\n2,view,30\n2,click,5\n"},
		"-f", "p.yaml", "-summary", "json")
	if code != exitDone || stderr != "" {
		t.Fatalf("exit code %d, stderr %q", code, stderr)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(stdout), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]float64{
		"left_in": 2, "right_in": 2, "filtered": 4, "samples": 2, "pairs": 1, "matched_left": 1, "matched_right": 1,
		"unmatched_left": 1, "unmatched_right": 1, "late_left": 0, "late_right": 0, "waiting_left": 0, "waiting_right": 0,
		"rejected": 0, "negatives_dropped": 0,
	} {
		if got[name] != want {
			t.Errorf("%s is %v, want %v", name, got[name], want)
		}
	}
	if len(got) != 16 || !strings.HasPrefix(got["checksum"].(string), "sha256:") {
		t.Errorf("%s", stdout)
	}
}

func TestJoinToStandardOutput(t *testing.T) {
	code, stdout, stderr := joinIn(t, map[string]string{"p.yaml": strings.Replace(views, ", dir: state", "", 1), "in.csv": "id,kind,at\n1,view,1\n"},
		"-f", "p.yaml", "-output", "-")
	if want := `{"key":["1"],"time":1000000,"label":0,"left":{"id":"1","kind":"view","at":"1"},"right":[]}` + "\n"; code != exitDone || stdout != want {
		t.Errorf("exit code %d, stdout %q", code, stdout)
	}
	if !strings.HasPrefix(stderr, "left   1 in: ") {
		t.Errorf("stderr %q", stderr)
	}
}

// TestOnlyAJoinWithoutAStateDirMakesATemporaryOne, which a kill would leave behind.
func TestOnlyAJoinWithoutAStateDirMakesATemporaryOne(t *testing.T) {
	files := map[string]string{"p.yaml": views, "in.csv": "id,kind,at\n1,view,1\n"}
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	for _, mode := range []string{"stream", "batch", "backlog"} {
		if code, _, stderr := joinIn(t, files, "-f", "p.yaml", "-mode", mode); code != exitDone {
			t.Errorf("mode %s: exit code %d, %s", mode, code, stderr)
		}
	}
	files["p.yaml"] = strings.Replace(views, ", dir: state", "", 1)
	if code, _, stderr := joinIn(t, files, "-f", "p.yaml"); code != exitFailed || !strings.Contains(stderr, "missing") {
		t.Errorf("without a state dir: exit code %d, %s", code, stderr)
	}
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	if code, _, stderr := joinIn(t, files, "-f", "p.yaml"); code != exitDone {
		t.Errorf("without a state dir: exit code %d, %s", code, stderr)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("%v are left, %v", left, err)
	}
}

func TestAKindOfOneInputHasOneSideInItsSummary(t *testing.T) {
	const sessions = `left:   {file: in.csv, key: id, time: at, time_format: unix_s}
join:   {kind: session, gap: 10s}
output: {file: out.jsonl}
`
	code, stdout, stderr := joinIn(t, map[string]string{"p.yaml": sessions, "in.csv": "id,at\n1,1\n1,11\n1,22\n"}, "-f", "p.yaml")
	want := `left   3 in: 1 matched, 2 unmatched, 0 late, 0 waiting
1 pairs, 2 samples, 0 negatives dropped; 0 rows filtered, 0 events rejected
out.jsonl  sha256:`
	if code != exitDone || !strings.HasPrefix(stdout, want) || stderr != "" {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, stderr, stdout)
	}
}

// TestBadJoinsAreAnsweredWithOneLine: the exit code says whose fault it is, and
// no output appears.
func TestBadJoinsAreAnsweredWithOneLine(t *testing.T) {
	const good = "id,kind,at\n1,view,1\n"
	for _, c := range []struct {
		pipeline, input string
		args            []string
		want            string
	}{
		{views, good, nil, "no pipeline file; give one with -f"},
		{views, good, []string{"-f", "none.yaml"}, "read pipeline file: open none.yaml: no such file or directory"},
		{views, good, []string{"-f", "p.yaml", "-summary", "xml"}, `-summary "xml" is neither text nor json`},
		{views, good, []string{"-f", "p.yaml", "-log", "xml"}, `-log "xml" is neither text nor json`},
		{views, good, []string{"-f", "p.yaml", "-log", "text", "-log-level", "all"}, `-log-level "all" is neither info nor debug`},
		{views, good, []string{"-f", "p.yaml", "-metrics", "localhost:port"}, "-metrics localhost:port: listen tcp: "},
		{views, good, []string{"-f", "p.yaml", "-mode", "fast"}, `-mode "fast" is neither stream, batch nor backlog`},
		{strings.Replace(views, "upper: 10m", "upper: 10m, emit: on_match", 1), good, []string{"-f", "p.yaml", "-mode", "batch"},
			"p.yaml: mode batch: join: kind left_outer emitted on_match: what is emitted depends on when events arrive; use mode stream"},
		{views, good, []string{"-f", "p.yaml", "-memory", "much"}, `-memory: "much" is not a size such as 512, 64KiB or 1GiB`},
		{views, good, []string{"-f", "p.yaml", "-output", "-"}, "p.yaml: state.dir: standard output cannot be taken back after a restart; leave the dir out"},
		{views, good, []string{"-f", "p.yaml", "-output", "-", "-summary", "json"}, "-summary json goes to standard output, and so does the join's output"},
		{views, good, []string{"-f", "p.yaml", "-backend", "rocks"}, `p.yaml: state.backend: backend spec "rocks": unknown backend rocks; one of `},
		{views, good, []string{"-f", "p.yaml", "-backend", "skiplist?x=1"}, `p.yaml: state.backend: backend spec "skiplist?x=1": `},
		{strings.Replace(views, "upper", "uper", 1), good, []string{"-f", "p.yaml"}, `p.yaml:3: join: unknown field "uper"; there are bad, emit, kind, late, lower, negatives, upper`},
		{strings.Replace(views, "in.csv", "no.csv", 1), good, []string{"-f", "p.yaml"}, "no.csv: does not exist"},
		{views, "", []string{"-f", "p.yaml"}, "in.csv: is empty"},
		{strings.Replace(views, "key: id", "key: ride", 1), good, []string{"-f", "p.yaml"}, `in.csv: key: no column "ride"; there are id, kind, at`},
		{views, good + "2,view,noon\n", []string{"-f", "p.yaml"}, `in.csv: line 3: field at: "noon" is not a time of the format unix_s`},
		{views, good + "2,view\n", []string{"-f", "p.yaml"}, "in.csv: line 3: 2 fields, but the header has 3"},
		{views, "\x1f\x8b\x08\x00\x00", []string{"-f", "p.yaml"}, "in.csv: the compressed file is cut short"},
	} {
		code, stdout, stderr := joinIn(t, map[string]string{"p.yaml": c.pipeline, "in.csv": c.input}, c.args...)
		if code != exitUsage || stdout != "" || !strings.HasPrefix(stderr, "statelab join: "+c.want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit code %d, stdout %q, stderr\n%swant exit code 2 and\n%s", c.args, code, stdout, stderr, c.want)
		}
		if _, err := os.Stat("out.jsonl"); err == nil {
			t.Errorf("%s: out.jsonl exists", c.want)
		}
	}
}

func TestJoinOverADirectoryThatIsNotItsOwn(t *testing.T) {
	files := map[string]string{"p.yaml": views, "in.csv": "id,kind,at\n1,view,1\n"}
	if code, _, stderr := joinIn(t, files, "-f", "p.yaml"); code != exitDone {
		t.Fatal(stderr)
	}
	s, _, err := backends.OpenExisting("state", nil, prefixes()...)
	if err != nil {
		t.Fatal(err)
	}
	code, _, stderr := runs("join", "-f", "p.yaml")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if code != exitUsage || !strings.Contains(stderr, "in use by process") {
		t.Errorf("in use: exit code %d, %s", code, stderr)
	}
	for _, b := range backends.List() {
		code, _, stderr := runs("join", "-f", "p.yaml", "-backend", b.Name)
		if b.Name != "skiplist" && (code != exitUsage || !strings.Contains(stderr, "made by engine skiplist, not "+b.Name)) {
			t.Errorf("another engine's: exit code %d, %s", code, stderr)
		}
	}
	if err := os.WriteFile("state/STORE", []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	code, _, stderr = runs("join", "-f", "p.yaml")
	if code != exitFailed || !strings.Contains(stderr, "state/STORE is damaged") {
		t.Errorf("damaged: exit code %d, %s", code, stderr)
	}
}

// generate writes a csv that takes a while to join.
func generate(t *testing.T, rows int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 6))
	var b bytes.Buffer
	b.WriteString("id,kind,at\n")
	for i := range rows {
		kind := "view"
		if r.IntN(2) == 0 {
			kind = "click"
		}
		fmt.Fprintf(&b, "%d,%s,%d\n", r.IntN(1000), kind, i-r.IntN(10))
	}
	return b.String()
}

// build builds the command.
func build(t *testing.T) string {
	t.Helper()
	binary, err := built.build()
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// built is the real program, which all tests that need it share.
var built program

type program struct {
	once sync.Once
	dir  string
	err  error
}

func (p *program) build() (binary string, err error) {
	p.once.Do(func() {
		if p.dir, p.err = os.MkdirTemp("", "statelab-"); p.err != nil {
			return
		}
		if out, err := exec.Command("go", "build", "-o", p.dir, ".").CombinedOutput(); err != nil {
			p.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	return filepath.Join(p.dir, "statelab"), p.err
}

func (p *program) remove() error {
	if p.dir == "" {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// TestAKilledJoinGoesOn sends signals to the real program at random moments and
// starts it again until it is done.
func TestAKilledJoinGoesOn(t *testing.T) {
	binary := build(t)
	input := generate(t, 30000)
	for _, b := range backends.List() {
		for _, durability := range []string{"checkpoint", "interval"} {
			for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
				if durability != "checkpoint" && (signal == syscall.SIGTERM || testing.Short()) {
					continue // the log makes no difference to a join that commits and stops
				}
				t.Run(fmt.Sprintf("%s,%s,%v", b.Name, durability, signal), func(t *testing.T) {
					definition := strings.Replace(views, "backend: skiplist", fmt.Sprintf("backend: %q, checkpoint_every: 500s, durability: %s, memory: 16MiB", b.Name, durability), 1)
					code, want, stderr := joinIn(t, map[string]string{"p.yaml": definition, "in.csv": input}, "-f", "p.yaml")
					if code != exitDone {
						t.Fatal(stderr)
					}
					whole, err := os.ReadFile("out.jsonl")
					if err != nil {
						t.Fatal(err)
					}
					if err := errors.Join(os.RemoveAll("state"), os.Remove("out.jsonl")); err != nil {
						t.Fatal(err)
					}
					// The partitions of one run may be those that the next one divides anew.
					for _, partitions := range [][]string{{"1"}, {"3", "2"}} {
						if len(partitions) > 1 && signal == syscall.SIGKILL && durability != "checkpoint" {
							continue
						}
						summary, interrupted := interruptAgainAndAgain(t, signal, 5*time.Millisecond, binary, func(run int) []string {
							return []string{"join", "-f", "p.yaml", "-partitions", partitions[run%len(partitions)]}
						})
						if summary != want {
							t.Errorf("%s partitions: the summary is\n%swant\n%s", partitions, summary, want)
						}
						got, err := os.ReadFile("out.jsonl")
						if err != nil {
							t.Fatal(err)
						}
						if !bytes.Equal(got, whole) {
							t.Errorf("%s partitions: after %d interruptions the output is another one, of %d bytes instead of %d", partitions, interrupted, len(got), len(whole))
						}
						if err := errors.Join(os.RemoveAll("state"), os.Remove("out.jsonl")); err != nil {
							t.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// interruptAgainAndAgain runs the join until it gets to its end, and sends it a
// signal after a while that grows. It returns what the last run printed.
func interruptAgainAndAgain(t *testing.T, signal syscall.Signal, patience time.Duration, name string, args func(run int) []string) (stdout string, interrupted int) {
	t.Helper()
	for ; ; patience = patience * 3 / 2 {
		var out, errs bytes.Buffer
		cmd := exec.Command(name, args(interrupted)...)
		cmd.Stdout, cmd.Stderr = &out, &errs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(patience, func() { _ = cmd.Process.Signal(signal) }) // fails if it has ended
		err := cmd.Wait()
		timer.Stop()
		if err == nil {
			return out.String(), interrupted
		}
		interrupted++
		status := cmd.ProcessState.Sys().(syscall.WaitStatus)
		stopped := status.Signaled() && status.Signal() == signal
		if signal == syscall.SIGTERM && status.ExitStatus() == exitFailed && strings.Contains(errs.String(), "stopped ") {
			stopped = true
		}
		if !stopped {
			t.Fatalf("%v: %s", err, errs.String())
		}
	}
}

// TestAKilledTaxiJoinGoesOn does so to the example over real rides.
func TestAKilledTaxiJoinGoesOn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes a minute; TestAKilledJoinGoesOn runs")
	}
	if os.Getenv("STATELAB_DATA") == "" {
		t.Skip("STATELAB_DATA is not set, so there are no real inputs: see docs/DATA.md")
	}
	binary := build(t)
	example, err := filepath.Abs("../../examples/taxi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var first []byte
	for _, b := range backends.List() {
		t.Chdir(t.TempDir())
		summary, interrupted := interruptAgainAndAgain(t, syscall.SIGKILL, 5*time.Millisecond, binary, func(int) []string {
			return []string{"join", "-f", example, "-backend", b.Name}
		})
		if interrupted == 0 {
			t.Errorf("%s: the join was never interrupted", b.Name)
		}
		if !strings.Contains(summary, "39921 pairs, 53550 samples, 0 negatives dropped; 100000 rows filtered, 0 events rejected") {
			t.Errorf("%s: %s", b.Name, summary)
		}
		output, err := os.ReadFile("samples.jsonl")
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = output
		}
		if !bytes.Equal(output, first) {
			t.Errorf("%s: after %d interruptions the output is not that of other backends", b.Name, interrupted)
		}
	}
}

func TestProgressText(t *testing.T) {
	got := progressText(pipeline.Progress{Rows: 1500000, Watermark: 1356998400000000}, 3<<20, 3*time.Second)
	if want := "1500000 rows, 500000 rows/s, event time 2013-01-01 00:00:00, state 3.0 MiB"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestAHotKeyIsNamedInTheSummary(t *testing.T) {
	var input strings.Builder
	input.WriteString("id,kind,at\n")
	for i := range 12_000 {
		id := "hot"
		if i%4 > 0 {
			id = fmt.Sprint(i)
		}
		fmt.Fprintf(&input, "%s,view,%d\n", id, i)
	}
	files := map[string]string{"p.yaml": views, "in.csv": input.String()}
	code, stdout, stderr := joinIn(t, files, "-f", "p.yaml", "-partitions", "2")
	if code != exitDone || !regexp.MustCompile(`^hot keys \["hot"\] 2[3-7]\.\d%\n`).MatchString(stdout) {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
	code, stdout, stderr = joinIn(t, files, "-f", "p.yaml", "-summary", "json")
	if code != exitDone || !strings.Contains(stdout, `"hot_keys":[{"key":["hot"],"share":0.2`) {
		t.Errorf("exit code %d, %s%s", code, stdout, stderr)
	}
}
