//go:build !race

package cachegrind

import (
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// markedName is the argument with which the program of these tests is the
// one that is counted.
const markedName = "marked"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == markedName {
		runMarked(os.Args[2])
		return
	}
	os.Exit(m.Run())
}

// runMarked does some work in each part of a program, most of it in parts that are not to be
// counted.
func runMarked(turns string) {
	n, err := strconv.Atoi(turns)
	if err != nil {
		os.Exit(2)
	}
	lines := make([]byte, 1<<20)
	walk(lines, 50)
	Start()
	walk(lines, 20)
	Reset()
	walk(lines, n)
	Stop()
	walk(lines, 50)
}

// walk changes each line once a turn.
func walk(lines []byte, turns int) {
	for range turns {
		for i := 0; i < len(lines); i += 64 {
			lines[i]++
		}
	}
}

// Of what is marked, every instruction is counted and nothing else: each turn has 16,384 lines, none
// of which is in the first level and all of which are in the last.
func TestOnlyWhatIsMarkedIsCounted(t *testing.T) {
	tool := findOrSkip(t)
	if !canRequest {
		t.Skip("not tried here: ", ErrUnmarked)
	}
	const turns, lines = 3, 1 << 20 / 64
	cmd := exec.Command(os.Args[0], markedName, strconv.Itoa(turns))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	run, err := tool.Run(context.Background(), Callgrind, cmd, DefaultGeometry(), t.TempDir())
	if err != nil {
		t.Fatal(err, stderr.String())
	}
	c := run.Counts
	if c.D1Misses < turns*lines || c.D1Misses > turns*lines*1.01 || c.LLMisses > 0.01*turns*lines {
		t.Errorf("%v misses of the first level and %v of the last where there are %d and none", c.D1Misses, c.LLMisses, turns*lines)
	}
	if perLine := c.Instructions / (turns * lines); perLine < 3 || perLine > 10 {
		t.Errorf("%v instructions for each line", perLine)
	}
}
