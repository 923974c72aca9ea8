package storetest

import (
	"flag"
	"fmt"
	"strings"
	"testing"
)

// Effort is how hard the kit tries. Zero fields mean defaults that let one
// store pass in some ten seconds, and half of them with -short.
type Effort struct {
	Seed  uint64 // of the first random history; zero is 1
	Seeds int    // random histories for each durability and maintenance
	Steps int    // operations in each
	// Points bounds, for each run, how many places are tried at which power is
	// cut, an operation fails or a byte is damaged; they are spread evenly over
	// all there are. A negative number tries all.
	Points int
}

// Defaults of Effort.
const (
	defaultSeeds  = 8
	defaultSteps  = 400
	defaultPoints = 60
)

// Flags defines on fs the flags -storetest.seed, .seeds, .steps and .points
// that set the Effort it returns, for tests that want it set from the command
// line:
//
//	var effort = storetest.Flags(flag.CommandLine)
func Flags(fs *flag.FlagSet) *Effort {
	e := new(Effort)
	fs.Uint64Var(&e.Seed, "storetest.seed", 0, "seed of the first random history (0: 1)")
	fs.IntVar(&e.Seeds, "storetest.seeds", 0, fmt.Sprintf("random histories for each setting (0: %d)", defaultSeeds))
	fs.IntVar(&e.Steps, "storetest.steps", 0, fmt.Sprintf("operations in each history (0: %d)", defaultSteps))
	fs.IntVar(&e.Points, "storetest.points", 0, fmt.Sprintf("places to crash, fail or damage in each run (0: %d, -1: all)", defaultPoints))
	return e
}

func (e *Effort) setDefaults() {
	if e.Seed == 0 {
		e.Seed = 1
	}
	less := 1
	if testing.Short() {
		less = 2
	}
	if e.Seeds == 0 {
		e.Seeds = defaultSeeds / less
	}
	if e.Steps == 0 {
		e.Steps = defaultSteps / less
	}
	if e.Points == 0 {
		e.Points = defaultPoints / less
	}
}

// part returns the effort with one of n points, for runs that are many.
func (e Effort) part(n int) *Effort {
	if e.Points > 0 {
		e.Points = max(1, e.Points/n)
	}
	return &e
}

// sample returns at most e.Points of the numbers 0 to n-1, spread evenly.
func (e *Effort) sample(n int) []int {
	points := e.Points
	if points < 0 || points > n {
		points = n
	}
	picked := make([]int, points)
	for i := range picked {
		picked[i] = (2*i + 1) * n / (2 * points)
	}
	return picked
}

// rerun is the command that runs the test of this name again from one seed.
func (e *Effort) rerun(testName string, seed uint64) string {
	parts := strings.Split(testName, "/")
	for i, p := range parts {
		parts[i] = "^" + p + "$"
	}
	command := fmt.Sprintf("go test . -run '%s'", strings.Join(parts, "/"))
	if flag.Lookup("storetest.seed") == nil {
		return fmt.Sprintf("%s   with Config.Effort{Seed: %d, Seeds: 1, Steps: %d}", command, seed, e.Steps)
	}
	return fmt.Sprintf("%s -storetest.seed=%d -storetest.seeds=1 -storetest.steps=%d", command, seed, e.Steps)
}
