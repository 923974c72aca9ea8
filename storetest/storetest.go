// Package storetest proves that a Store keeps the contract of package statelab.
// One call runs everything, over a store of ours or a stranger's:
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, storetest.Config{Open: func(dir string, o *statelab.Options) (statelab.Store, error) {
//			return mystore.Open(dir, &mystore.Options{Options: *o})
//		}})
//	}
//
// What runs, in subtests:
//
//	K1/... to C2/...   cases, at least one for each clause, named by it
//	random/...         seeded random histories, compared with a model after each step, by
//	                   themselves and with readers beside the writer
//
// Those of D1 to D4 and D8 cut the power of a file system in memory at, and
// between, the store's syncs; those of F1 to F3 and F7 make the n-th file
// operation of each kind fail; that of F4 damages every file.
//
// More of the same runs for as long as one likes. With Effort.For the random
// histories are ever new until that time is over, and with Effort.Crashes there
// is a subtest that crashes and fails the store in ever new histories until so
// many crash points were tried; both tell what they did. Flags puts them on the
// command line:
//
//	var effort = storetest.Flags(flag.CommandLine) // and Effort: *effort in Config
//
//	go test . -v -timeout 0 -run 'TestStore$/random' -storetest.for 1h
//	go test . -v -timeout 0 -run 'TestStore$/crashes' -storetest.crashes 10000
//
// The text of a failure begins with the id of the clause that is broken and
// ends with its sentence. A random history that fails is shrunk, and printed
// with its seed and the command that runs it again; Replay plays it as printed.
//
// What a store says it cannot do (Config) is skipped in view: the subtest is
// there, and says why it did not run.
package storetest

import (
	"testing"

	"github.com/statelab/statelab"
)

// Config says how to open the store to prove, what it cannot do, and how hard to try.
type Config struct {
	// Open opens the store in dir, making it if need be. It must honour the
	// options as far as the fields below do not say otherwise.
	Open func(dir string, o *statelab.Options) (statelab.Store, error)

	// MemoryResident says that all state is held within Options.Memory, so
	// that O2 applies.
	MemoryResident bool

	// IgnoresFS says that the store does not reach files through Options.FS.
	// It then works in temporary directories, and nothing can be said about
	// crashes, failures and damage.
	IgnoresFS bool

	// NoInline says that the store does not know MaintenanceInline.
	NoInline bool

	// Durabilities are those that the store supports; nil means all.
	Durabilities []statelab.Durability

	// Compressions are those that the store knows beside the default.
	Compressions []statelab.Compression

	// MaxKey is the longest key that the store takes, in bytes, where that is
	// less than statelab.MaxKeySize; longer ones must be ErrTooLarge. It is at least 400.
	MaxKey int

	// Volatile says that the store keeps nothing when it is closed. What the
	// kit proves by reopening is then left out; clauses that are about nothing
	// else are for Waive.
	Volatile bool

	// Waive maps the ids of clauses, and "random", that the store does not
	// claim to keep to the reason why. Their subtests are skipped with it.
	Waive map[string]string

	Effort

	tally *tally // of what the run does, if it is to be told
}

// maxKey returns the longest key that the store takes.
func (c *Config) maxKey() int {
	if c.MaxKey > 0 {
		return c.MaxKey
	}
	return statelab.MaxKeySize
}

// Run proves the store that cfg opens, in subtests of t.
func Run(t *testing.T, cfg Config) {
	if cfg.Open == nil {
		t.Fatal("storetest: Config.Open is nil")
	}
	run(testingT{t}, &cfg, "")
}

// tb is what the kit needs of *testing.T. The kit's own tests run it with
// another, to see it fail.
type tb interface {
	Helper()
	Name() string
	TempDir() string
	Failed() bool
	Log(args ...any)
	Error(args ...any)
	Fatal(args ...any)
	Skip(args ...any)
	Run(name string, f func(tb)) bool
}

type testingT struct{ *testing.T }

func (t testingT) Run(name string, f func(tb)) bool {
	return t.T.Run(name, func(t *testing.T) { f(testingT{t}) })
}
