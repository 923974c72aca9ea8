package cachegrind

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// A Simulator is one of valgrind's tools that simulate caches. Both use the same
// model of them.
type Simulator string

const (
	// Cachegrind counts a program from its first instruction to its last.
	Cachegrind Simulator = "cachegrind"

	// Callgrind counts from Reset to Stop, with caches as the program leaves them between
	// Start and Reset. Until Start it counts nothing, and the program is only some
	// times slower than without it.
	Callgrind Simulator = "callgrind"
)

// ErrUnmarked says that a program cannot speak to Callgrind here.
var ErrUnmarked = errors.New("how a program tells callgrind what to count is only known on amd64")

// ParseSimulator reads the name of a simulator. The error is ErrUnmarked if it is of no
// use here.
func ParseSimulator(name string) (Simulator, error) {
	s := Simulator(name)
	if s != Cachegrind && s != Callgrind {
		return "", fmt.Errorf("%q is neither %s nor %s", name, Cachegrind, Callgrind)
	}
	if s == Callgrind && !canRequest {
		return "", ErrUnmarked
	}
	return s, nil
}

// counts is the file in a directory that a simulator writes its counts to.
func (s Simulator) counts(dir string) string { return filepath.Join(dir, string(s)+".out") }

// args are the options of valgrind that a run takes.
func (s Simulator) args(g Geometry, dir, log string) []string {
	args := []string{
		"--tool=" + string(s), "--cache-sim=yes", "--branch-sim=yes",
		"--I1=" + g.I1.String(), "--D1=" + g.D1.String(), "--LL=" + g.LL.String(),
		fmt.Sprintf("--%s-out-file=%s", s, strings.ReplaceAll(s.counts(dir), "%", "%%")), "--log-file=" + strings.ReplaceAll(log, "%", "%%"),
	}
	if s == Callgrind {
		args = append(args, "--instr-atstart=no", "--dump-line=no")
	}
	return args
}
