package cachegrind

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sample is what cachegrind writes, without most of its functions.
const sample = `desc: I1 cache:         32768 B, 64 B, 8-way associative
desc: D1 cache:         32768 B, 64 B, 8-way associative
desc: LL cache:         33554432 B, 64 B, 16-way associative
cmd: statelab bench-run
events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim
fl=/usr/local/go/src/runtime/proc.go
fn=runtime.main
147 40 1 1 20 2 2 10 3 3 5 1 1 0
summary: 1000 20 10 500 60 7 300 40 8 90 30 9 3
`

func TestCountsAreReadBySummary(t *testing.T) {
	got, err := Parse(strings.NewReader(sample))
	want := Counts{Instructions: 1000, I1Misses: 20, D1Misses: 100, LLMisses: 25, Mispredicted: 33}
	if err != nil || got != want {
		t.Errorf("error %v, counts %+v", err, got)
	}
}

func TestFilesThatAreNoCountsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "no summary",
		"events: Ir I1mr\n":             "no summary",
		"events: Ir I1mr\nsummary: 5\n": "1 numbers for 2 events",
		"events: Ir\nsummary: 5\n":      "I1mr was not counted",
		strings.Replace(sample, "1000 20", "1e3 20", 1):       "event Ir: ",
		strings.Replace(sample, "1000 20", "-1000 20", 1):     "event Ir: ",
		strings.Replace(sample, "summary:", "summary", 1):     "no summary",
		strings.Replace(sample, "events: Ir", "events:", 1):   "13 numbers for 12 events",
		marked + "totals: 1 2 3 4 5 6 7 8 9 10 11 12 13 14\n": "14 numbers for 13 events",
	} {
		if _, err := Parse(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v of a file that is wrong: %q", err, want)
		}
	}
}

// marked is what callgrind writes of a program that it was told to count a part of:
// the summary is of the time since the last reset, less what was before it.
const marked = `events: Ir Dr Dw I1mr D1mr D1mw ILmr DLmr DLmw Bc Bcm Bi Bim
summary: 18446744073637098756 5 18446744073703922764 40 5 6 7 8 9 10 11 12 13

totals: 1000 500 300 20 60 40 10 7 8 90 30
`

func TestCountsOfAPartAreReadByTotals(t *testing.T) {
	got, err := Parse(strings.NewReader(marked))
	want := Counts{Instructions: 1000, I1Misses: 20, D1Misses: 100, LLMisses: 25, Mispredicted: 30}
	if err != nil || got != want {
		t.Errorf("error %v, counts %+v", err, got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte(marked))
	f.Add([]byte("events: Ir\nsummary: 5\n"))
	f.Add([]byte("summary: 18446744073709551615\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse(strings.NewReader(string(text)))
		if err == nil && (c.Instructions < 0 || c.D1Misses < 0 || c.LLMisses < 0) {
			t.Errorf("counts %+v", c)
		}
	})
}

func TestTheEnvironmentIsQuiet(t *testing.T) {
	env := quiet([]string{"HOME=/root", "GODEBUG=gctrace=1", "GOGC=50"})
	for _, want := range []string{"HOME=/root", "GOMAXPROCS=1", "GOGC=off", "GODEBUG=gctrace=1,asyncpreemptoff=1"} {
		i := slices.Index(env, want)
		name, _, _ := strings.Cut(want, "=")
		if i < 0 || slices.ContainsFunc(env[i+1:], func(pair string) bool { return strings.HasPrefix(pair, name+"=") }) {
			t.Errorf("%s is not what counts in %q", want, env)
		}
	}
}

// findOrSkip says in one line why what follows is not tried.
func findOrSkip(t *testing.T) Tool {
	t.Helper()
	tool, err := Find(context.Background())
	if err != nil {
		t.Skipf("not tried here: %v", err)
	}
	return tool
}

func TestAProgramIsCounted(t *testing.T) {
	tool := findOrSkip(t)
	if !strings.HasPrefix(tool.Version, "valgrind-") {
		t.Errorf("version %q", tool.Version)
	}
	var out strings.Builder
	cmd := exec.Command("/bin/echo", "hello")
	cmd.Stdout = &out
	run, err := tool.Run(context.Background(), Cachegrind, cmd, DefaultGeometry(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != "hello\n" || run.Counts.Instructions < 1000 || run.Counts.D1Misses < 1 || run.Counts.LLMisses < 1 {
		t.Errorf("counts %+v of a program that printed %q", run.Counts, out.String())
	}
}

func TestWhatIsWrongWithARunIsSaid(t *testing.T) {
	tool := findOrSkip(t)
	if _, err := tool.Run(context.Background(), Cachegrind, exec.Command("/bin/false"), DefaultGeometry(), t.TempDir()); err == nil {
		t.Error("a program that failed has counts")
	}
	_, err := tool.Run(context.Background(), Callgrind, exec.Command("/bin/true"), DefaultGeometry(), t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "nothing was counted") {
		t.Errorf("error %v of a program that never started the simulation", err)
	}
	var stderr strings.Builder
	cmd := exec.Command("/bin/true")
	cmd.Stderr = &stderr
	g := DefaultGeometry()
	g.D1.Line = 60 // no power of two
	if _, err := tool.Run(context.Background(), Cachegrind, cmd, g, t.TempDir()); err == nil || !strings.Contains(stderr.String(), "power of two") {
		t.Errorf("error %v of a cache that cannot be; stderr %q", err, stderr.String())
	}
}

// What valgrind complains of once it runs is in its log.
func TestComplaintsAreFoundInTheLog(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	text := "==7== Cachegrind, a cache and branch-prediction profiler\n==7== valgrind: the 'impossible' happened:\n==7==  more\n"
	if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := complaint(log); err == nil || err.Error() != "valgrind: the 'impossible' happened:" {
		t.Errorf("error %v", err)
	}
	if err := complaint(log + "s"); err != nil {
		t.Errorf("error %v without a log", err)
	}
}
