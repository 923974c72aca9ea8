package storetest

import (
	"strings"
	"testing"
)

func TestStepsReadBackAsTheyPrint(t *testing.T) {
	for seed := range uint64(20) {
		steps := generate(seed, 300, randomMix)
		printed := printSteps(steps)
		read, err := parseSteps(printed)
		if err != nil {
			t.Fatal(err)
		}
		if again := printSteps(read); again != printed {
			t.Fatalf("seed %d: printed again it is\n%s, was\n%s", seed, again, printed)
		}
	}
}

func TestParseStepsNamesTheLine(t *testing.T) {
	for _, line := range []string{
		"jump", "get", `get "a" "b"`, `get a`, `get "a`, "advance soon", `apply push "k" "v" 1`, `apply put "k" "v"`,
		"first", "first x", `iter 1 "a"`, `seek-ge 1`, `get "k"+99999999999`, "sync now",
	} {
		_, err := parseSteps("sync\n# a remark\n\n" + line)
		if err == nil || !strings.Contains(err.Error(), "line 4") {
			t.Errorf("parsing %q: error %v, want one that names line 4", line, err)
		}
	}
}

func FuzzParseSteps(f *testing.F) {
	f.Add("apply put \"k\" \"v\" 17; append \"k\" \"w\"+5000 never; delete \"z\"\nsync")
	f.Add("iter 3 \"a\" -\nseek-lt 3 \"\\xff\"\nadvance start")
	f.Fuzz(func(t *testing.T, lines string) {
		steps, err := parseSteps(lines)
		if err != nil {
			return
		}
		printed := printSteps(steps)
		again, err := parseSteps(printed)
		if err != nil || printSteps(again) != printed {
			t.Fatalf("%q prints as %q, which reads back as %q, %v", lines, printed, printSteps(again), err)
		}
	})
}

// TestShrinkKeepsWhatIsNeeded shrinks a history that fails if some Put of a
// key is followed by a Sync and then a get.
func TestShrinkKeepsWhatIsNeeded(t *testing.T) {
	play := func(steps []step) *failure {
		stage := 0
		for i, s := range steps {
			switch {
			case stage == 0 && strings.Contains(s.String(), `put "g0/01"`), stage == 1 && s.verb == "sync":
				stage++
			case stage == 2 && s.verb == "get":
				return &failure{clause: "K1", step: i}
			}
		}
		return nil
	}
	steps := generate(3, 400, randomMix)
	f := play(steps)
	if f == nil {
		t.Fatal("the history does not fail")
	}
	short, f := shrink(steps, f, 600, play)
	if len(short) != 3 || len(short[0].ops) != 1 || f.step != 2 {
		t.Fatalf("shrunk to\n%s", printSteps(short))
	}
}

// TestAFailureSaysHowToRepeatIt reads the history from a failure's text and
// plays it as Replay does.
func TestAFailureSaysHowToRepeatIt(t *testing.T) {
	var m mutant
	for _, m = range recordMutants() {
		if m.name == "elements live one moment longer" {
			break
		}
	}
	cfg := Config{Open: m.open, MemoryResident: true, Effort: Effort{Seed: 5, Seeds: 3, Steps: 200}}
	r := &recorder{t: t, name: "TestMutant"}
	run(r, &cfg, randomName)
	if len(r.failures) == 0 {
		t.Fatalf("%s passes", m.name)
	}
	text := r.failures[0]
	_, seed, _ := strings.Cut(text, "the history of seed ")
	seed, _, _ = strings.Cut(seed, ",")
	for _, part := range []string{"-storetest.seed=" + seed + " -storetest.seeds=1 -storetest.steps=200", "^TestMutant$/^random$/^checkpoint$"} {
		if !strings.Contains(text, part) {
			t.Errorf("the failure does not say %q:\n%s", part, text)
		}
	}
	history := historyOf(text)
	if n := strings.Count(history, "\n"); n > 4 {
		t.Errorf("the history has %d steps; three show the flaw:\n%s", n, history)
	}
	broken, whole := &recorder{t: t, name: "Replay"}, &recorder{t: t, name: "Replay"}
	broken.Run("x", func(t tb) { replay(t, &cfg, history) })
	if !broken.Failed() {
		t.Errorf("replayed over the mutant it passes:\n%s", history)
	}
	cfg.Open = openRef
	whole.Run("x", func(t tb) { replay(t, &cfg, history) })
	if whole.Failed() {
		t.Errorf("replayed over the reference store it fails: %s", whole.failures)
	}
}

// historyOf returns the history that a failure prints, with its setting.
func historyOf(failure string) string {
	_, history, _ := strings.Cut(failure, "with run=")
	history, _, _ = strings.Cut("with run="+history, "\n\n")
	return history
}

// TestSkipsSayWhy runs the kit over a store that can do little.
func TestSkipsSayWhy(t *testing.T) {
	r := &recorder{t: t, name: "Poor"}
	cfg := Config{Open: openRef, IgnoresFS: true, NoInline: true, Waive: map[string]string{"K9": "it is too hard", "random": "so is that"}}
	for _, clause := range []string{"K9", "D1", "O2", "O3", randomName} {
		run(r, &cfg, clause)
	}
	all := strings.Join(r.skips, "\n")
	for _, want := range []string{"Poor/K9: waived: it is too hard", "Poor/D1/exactly the last Sync: Config.IgnoresFS", "Poor/O2/over the budget: Config.MemoryResident",
		"Poor/O3/two runs: Config.IgnoresFS", "Poor/random: waived: so is that"} {
		if !strings.Contains(all, want) {
			t.Errorf("no skip says %q; these are there:\n%s", want, all)
		}
	}
	if len(r.failures) > 0 {
		t.Errorf("the kit fails: %s", r.failures)
	}
}
