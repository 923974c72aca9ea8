package storetest

import (
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
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

	// For, if not zero, makes Run play random histories until that time is
	// over, with seeds that no run had before unless Seed says where to begin,
	// and Crashes, if not zero, adds crash points and failures in such
	// histories until there were so many. Both tell by Log how far they are and
	// what they have done.
	For     time.Duration
	Crashes int
}

// Defaults of Effort.
const (
	defaultSeeds  = 8
	defaultSteps  = 400
	defaultPoints = 60
)

// Flags defines on fs the flags -storetest.seed, .seeds, .steps, .points, .for
// and .crashes that set the Effort it returns, for tests that want it set from
// the command line:
//
//	var effort = storetest.Flags(flag.CommandLine)
func Flags(fs *flag.FlagSet) *Effort {
	e := new(Effort)
	fs.Uint64Var(&e.Seed, "storetest.seed", 0, "seed of the first random history (0: 1)")
	fs.IntVar(&e.Seeds, "storetest.seeds", 0, fmt.Sprintf("random histories for each setting (0: %d)", defaultSeeds))
	fs.IntVar(&e.Steps, "storetest.steps", 0, fmt.Sprintf("operations in each history (0: %d)", defaultSteps))
	fs.IntVar(&e.Points, "storetest.points", 0, fmt.Sprintf("places to crash, fail or damage in each run (0: %d, -1: all)", defaultPoints))
	fs.DurationVar(&e.For, "storetest.for", 0, "how long to play random histories (0: as many as there are seeds)")
	fs.IntVar(&e.Crashes, "storetest.crashes", 0, "crash points to try beside the cases")
	return e
}

func (e *Effort) setDefaults() {
	if e.Seed == 0 {
		e.Seed = 1
		if e.For > 0 || e.Crashes > 0 {
			e.Seed = uint64(time.Now().UnixMicro())
		}
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
func (e *Effort) rerun(testName string, seed uint64, more ...string) string {
	parts := strings.Split(testName, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	command := fmt.Sprintf("go test . -run '%s'", strings.Join(parts, "/"))
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") && !strings.HasPrefix(f.Name, "storetest.") {
			command += fmt.Sprintf(" '-%s=%s'", f.Name, f.Value)
		}
	})
	if flag.Lookup("storetest.seed") == nil {
		return fmt.Sprintf("%s   with Config.Effort{Seed: %d, Seeds: 1, Steps: %d}", command, seed, e.Steps)
	}
	command += fmt.Sprintf(" -storetest.seed=%d -storetest.seeds=1 -storetest.steps=%d", seed, e.Steps)
	return strings.Join(append([]string{command}, more...), " ")
}
