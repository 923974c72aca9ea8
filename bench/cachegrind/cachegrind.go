// Package cachegrind runs a program under valgrind's cachegrind or callgrind, which
// simulate a processor's caches and branch predictor, and reads what they counted.
//
//	program ──► valgrind --tool=cachegrind ──► counts file ──► Counts
//	             I1  D1   first level, by instruction and by data
//	              \  /
//	               LL     last level
//
// Cachegrind counts a program as a whole. A program that knows which part of it is of interest says
// so by Start, Reset and Stop, which callgrind hears:
//
//	not counted, fast │ caches warm up │ counted │ not counted, fast
//	                Start            Reset     Stop
//
// The caches have a fixed geometry, which is stated, so that the figures do not
// depend on the machine; and Run gives the program one processor, no collector, no
// preemption and a fixed address layout, so that they hardly depend on the run.
// What is left are the Go runtime's own threads, which look at the clock, and
// its random hash seeds.
//
// What it does not model: the TLB, prefetching, a middle level, other cores, the
// kernel (system calls count nothing), physical addresses, time. Every access is one
// line in one inclusive hierarchy with least-recently-used replacement. A
// figure says how a structure uses lines, not how long that takes.
package cachegrind

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Cache is the geometry of one cache.
type Cache struct {
	Size int `json:"size_bytes"`
	Ways int `json:"ways"` // lines that one address may be in
	Line int `json:"line_bytes"`
}

func (c Cache) String() string { return fmt.Sprintf("%d,%d,%d", c.Size, c.Ways, c.Line) }

// A Geometry is that of the caches that are simulated.
type Geometry struct {
	I1 Cache `json:"i1"`
	D1 Cache `json:"d1"`
	LL Cache `json:"ll"`
}

// DefaultGeometry is that of a core of a present server: 32 KiB for
// instructions and data each, and 32 MiB that all cores share.
func DefaultGeometry() Geometry {
	first := Cache{32 << 10, 8, 64}
	return Geometry{I1: first, D1: first, LL: Cache{32 << 20, 16, 64}}
}

func (g Geometry) String() string { return fmt.Sprintf("I1 %v, D1 %v, LL %v", g.I1, g.D1, g.LL) }

// ErrMissing says that valgrind is not installed.
var ErrMissing = errors.New("valgrind is not installed (on Debian: apt-get install valgrind)")

// A Tool is an installed valgrind.
type Tool struct {
	path    string
	Version string // such as "valgrind-3.19.0"
}

// Find looks for valgrind on the PATH; ErrMissing if it is not there.
func Find(ctx context.Context) (Tool, error) {
	path, err := exec.LookPath("valgrind")
	if err != nil {
		return Tool{}, ErrMissing
	}
	version, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		return Tool{}, fmt.Errorf("%s --version: %w", path, err)
	}
	return Tool{path, string(bytes.TrimSpace(version))}, nil
}

// A Run is what became of a program.
type Run struct {
	Counts Counts
	Fixed  bool // the address layout was fixed; some sandboxes forbid it
}

// Run runs a Go program as cmd describes it, but under a simulator, which writes into
// dir; cmd's Path and Args name the program itself. An error is that of cmd.Run, or says
// what was wrong with valgrind.
func (t Tool) Run(ctx context.Context, s Simulator, cmd *exec.Cmd, g Geometry, dir string) (Run, error) {
	log := filepath.Join(dir, "valgrind.log")
	args := append(s.args(g, dir, log), "--", cmd.Path)
	under := exec.CommandContext(ctx, t.path, append(args, cmd.Args[1:]...)...)
	under.Stdin, under.Stdout, under.Stderr = cmd.Stdin, cmd.Stdout, cmd.Stderr
	under.WaitDelay = cmd.WaitDelay
	under.Env = quiet(cmd.Environ())
	fixed, err := startFixed(under)
	if err != nil {
		return Run{}, fmt.Errorf("start %s: %w", t.path, err)
	}
	if err := under.Wait(); err != nil {
		return Run{}, errors.Join(err, complaint(log))
	}
	f, err := os.Open(s.counts(dir))
	if err != nil {
		return Run{}, errors.Join(fmt.Errorf("read counts: %w", err), complaint(log))
	}
	defer f.Close()
	counts, err := Parse(f)
	if err != nil {
		return Run{}, fmt.Errorf("read counts: %w", err)
	}
	if counts.Instructions == 0 {
		return Run{}, errors.New("nothing was counted: the program did not start the simulation")
	}
	return Run{counts, fixed}, nil
}

// quiet returns the environment in which a Go program does the same from run to
// run as far as its runtime can be told.
func quiet(env []string) []string {
	debug := "asyncpreemptoff=1"
	for _, pair := range env {
		if set, ok := strings.CutPrefix(pair, "GODEBUG="); ok && set != "" {
			debug = set + "," + debug
		}
	}
	return append(env, "GOMAXPROCS=1", "GOGC=off", "GOMEMLIMIT=off", "GODEBUG="+debug)
}

// complaint is what valgrind itself said was wrong, if anything.
func complaint(log string) error {
	text, err := os.ReadFile(log)
	if err != nil {
		return nil // it did not come that far
	}
	for line := range strings.Lines(string(text)) {
		if i := strings.Index(line, "valgrind:"); i >= 0 {
			return errors.New(strings.TrimSpace(line[i:]))
		}
	}
	return nil
}
