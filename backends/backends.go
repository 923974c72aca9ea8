// Package backends is the one place that names every engine: a table from
// names to openers, which turns a spec such as
//
//	lsm?compaction=tiered&durability=always&memory=64MiB
//
// into an open store. What stands before the question mark is the engine;
// behind it stand, in any order, its own parameters and those that all engines
// share (memory, durability, compression, maintenance, sync_interval). [List]
// names them all.
package backends

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/btree"
	"github.com/statelab/statelab/internal/catalog"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/lsm"
	"github.com/statelab/statelab/skiplist"
	"github.com/statelab/statelab/vfs"
)

// Catalog returns the table. An engine is added here and nowhere else.
func Catalog() catalog.Catalog {
	return catalog.Catalog{
		catalog.Describe(Backend{
			Name: btree.Engine,
			Doc:  "a paged B+tree on disk with a buffer pool, updated copy-on-write or in place",

			ResidentWith: "index=memory",
		}, btree.Params(), func(o *btree.Options) *statelab.Options { return &o.Options }, btree.Open),
		catalog.Describe(Backend{
			Name: lsm.Engine,
			Doc:  "a log-structured merge tree: memtables, and tables on disk with filters and a block cache",
		}, lsm.Params(), func(o *lsm.Options) *statelab.Options { return &o.Options }, lsm.Open),
		catalog.Describe(Backend{
			Name:           skiplist.Engine,
			Doc:            "a skip list in memory, with an append-only log and snapshots on disk",
			MemoryResident: true,
		}, skiplist.Params(), func(o *skiplist.Options) *statelab.Options { return &o.Options }, skiplist.Open),
	}
}

// A Backend describes an engine, a Param a parameter of its spec, and a
// SpecError says what is wrong with a spec.
type (
	Backend   = catalog.Backend
	Param     = catalog.Param
	SpecError = catalog.SpecError
)

// List returns all backends, sorted by name.
func List() []Backend { return Catalog().List() }

// Validate returns a *SpecError if spec does not name a backend and parameters
// that it takes. It opens nothing.
func Validate(spec string) error { return Catalog().Validate(spec) }

// MemoryResident says whether the store that spec names keeps all its state in
// memory. A spec that Validate refuses names none.
func MemoryResident(spec string) bool { return Catalog().MemoryResident(spec) }

// Open opens the store in dir, made if it does not exist, with the engine and
// the parameters that spec names. What spec sets overrides opts, which may be
// nil. If spec is at fault the error is a *SpecError.
func Open(spec, dir string, opts *statelab.Options) (statelab.Store, error) {
	return Catalog().Open(spec, dir, opts)
}

// An Existing is what the files of a store say of it.
type Existing struct {
	Engine   string
	Version  int               // of the engine's format
	Prefix   string            // the name of Options.Prefix; empty if none
	Settings map[string]string // fixed when the store was made
}

func (e Existing) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, format version %d", e.Engine, e.Version)
	if e.Prefix != "" {
		fmt.Fprintf(&b, ", prefix %s", e.Prefix)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Settings)) {
		fmt.Fprintf(&b, ", %s=%s", name, e.Settings[name])
	}
	return b.String()
}

// ErrNotStore is found in OpenExisting's error if there is no store.
var ErrNotStore = errors.New("not a store")

// OpenExisting opens the store in dir, which must exist, with the engine and
// the fixed settings that its files name; nothing need be known of it but for
// its prefix, which must be one of those given or opts.Prefix. opts may be nil.
func OpenExisting(dir string, opts *statelab.Options, prefixes ...statelab.Prefix) (statelab.Store, Existing, error) {
	var o statelab.Options
	if opts != nil {
		o = *opts
	}
	found, err := Identify(o.FS, dir)
	if err != nil {
		return nil, found, err
	}
	for _, p := range prefixes {
		if p.Name == found.Prefix {
			o.Prefix = p
		}
	}
	open, err := Catalog().Prepare(found.Engine, found.Settings, &o)
	if err != nil {
		return nil, found, fmt.Errorf("open store %s: %w: %w", dir, err, statelab.ErrMismatch)
	}
	s, err := open(dir)
	return s, found, err
}

// Identify returns what the files in dir say of the store they are. fsys may
// be nil for vfs.OS.
func Identify(fsys vfs.FS, dir string) (Existing, error) {
	if fsys == nil {
		fsys = vfs.OS
	}
	info, err := fsys.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Existing{}, fmt.Errorf("%s does not exist: %w", dir, ErrNotStore)
	case err != nil:
		return Existing{}, err
	case !info.IsDir:
		return Existing{}, fmt.Errorf("%s is not a directory: %w", dir, ErrNotStore)
	}
	id, err := storedir.Read(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return Existing{}, fmt.Errorf("%s holds no file %s: %w", dir, storedir.IdentityName, ErrNotStore)
	}
	return Existing(id), err
}
