package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestAFollowedJoinKilledAsItsFileIsRotatedLosesNothing kills the real program while the file that it follows is added to and rotated, while
// it runs and while it does not, with one partition and with two.
func TestAFollowedJoinKilledAsItsFileIsRotatedLosesNothing(t *testing.T) {
	binary := build(t)
	moments := rand.New(rand.NewPCG(*joinSeed, 1))
	for partitions := 1; partitions <= 2; partitions++ {
		t.Chdir(t.TempDir())
		// The time of the last rows is far ahead, so that all others are decided.
		text := generate(t, 6000) + "end,view,1000000\nend,click,1000000\n"
		f := &rotatedFile{rows: strings.SplitAfter(text, "\n")[1:]}
		want := decidedOf(t, text)
		followed := strings.NewReplacer("file: in.csv", "file: in.csv, follow: true", "dir: state", fmt.Sprintf("dir: state, checkpoint_every: 50s, partitions: %d", partitions)).Replace(views)
		if err := os.WriteFile("p.yaml", []byte(followed), 0o666); err != nil {
			t.Fatal(err)
		}
		f.begin(t)
		parts := 6 * *joinKills
		for part := range parts {
			cmd := exec.Command(binary, "join", "-f", "p.yaml")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Duration(moments.IntN(150)) * time.Millisecond)
			f.grow(t, parts)
			if part%2 == 1 {
				f.rotate(t)
			}
			f.grow(t, parts)
			last := part == parts-1
			switch {
			case part == 0: // of a header alone the file could not be told from the one that comes in its place
				awaitOutput(t, cmd, want[:1])
			case last:
				awaitOutput(t, cmd, want)
			default:
				time.Sleep(time.Duration(moments.IntN(700)) * time.Millisecond)
			}
			signal := syscall.SIGKILL
			if part == 0 || last {
				signal = syscall.SIGTERM // which commits
			}
			if err := cmd.Process.Signal(signal); err != nil {
				t.Fatalf("%v: %s", err, stderr.Bytes())
			}
			if err := cmd.Wait(); err == nil || stderr.Len() > 0 && signal == syscall.SIGKILL {
				t.Fatalf("seed %d, %d partitions: it ended by itself: %v, %s", *joinSeed, partitions, err, stderr.Bytes())
			}
		}
		got, err := os.ReadFile("out.jsonl.part")
		if err != nil || string(got) != want {
			t.Fatalf("seed %d, %d partitions: the output is another one, of %d bytes instead of %d; %v", *joinSeed, partitions, len(got), len(want), err)
		}
	}
}

// decidedOf is what a join of a file that is not followed emits, but for what only its end decides.
func decidedOf(t *testing.T, text string) string {
	t.Helper()
	if err := os.WriteFile("whole.csv", []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	whole := strings.NewReplacer("file: in.csv", "file: whole.csv", "{backend: skiplist, dir: state}", "{backend: skiplist}").Replace(views)
	if err := os.WriteFile("whole.yaml", []byte(whole), 0o666); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := runs("join", "-f", "whole.yaml"); code != exitDone {
		t.Fatal(stderr)
	}
	out, err := os.ReadFile("out.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	decided, _, ok := strings.Cut(string(out), `{"key":["end"]`)
	if !ok || decided == "" {
		t.Fatal("nothing is decided, or all is")
	}
	return decided
}

// awaitOutput waits until the output that is not whole yet has so many bytes.
func awaitOutput(t *testing.T, cmd *exec.Cmd, want string) {
	t.Helper()
	for range 3000 {
		if info, err := os.Stat("out.jsonl.part"); err == nil && info.Size() >= int64(len(want)) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	_ = cmd.Process.Kill() // the test has failed
	got, _ := os.ReadFile("out.jsonl.part")
	same := 0
	for same < min(len(got), len(want)) && got[same] == want[same] {
		same++
	}
	t.Fatalf("the output does not grow to %d bytes: it has %d, of which the first %d are as they should be", len(want), len(got), same)
}

// A rotatedFile is in.csv, whose rows are added in half parts.
type rotatedFile struct {
	rows      []string
	written   int
	halves    int
	rotations int
}

func (f *rotatedFile) begin(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("in.csv", []byte("id,kind,at\n"), 0o666); err != nil {
		t.Fatal(err)
	}
}

// grow adds half of one of so many parts.
func (f *rotatedFile) grow(t *testing.T, parts int) {
	t.Helper()
	f.halves++
	end := len(f.rows) * f.halves / (2 * parts)
	file, err := os.OpenFile("in.csv", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(strings.Join(f.rows[f.written:end], "")); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	f.written = end
}

// rotate gives the file another name, with a number that is the less the later it is, and puts another in its place. There is a
// file of the name all the time: a join that begins where there is none ends.
func (f *rotatedFile) rotate(t *testing.T) {
	t.Helper()
	f.rotations++
	err := os.Link("in.csv", fmt.Sprintf("in.csv.%d", 10000-f.rotations))
	if err == nil {
		err = os.WriteFile("next", []byte("id,kind,at\n"), 0o666)
	}
	if err == nil {
		err = os.Rename("next", "in.csv")
	}
	if err != nil {
		t.Fatal(err)
	}
}
