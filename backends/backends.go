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
	"github.com/statelab/statelab/internal/spec"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/vfs"
)

// A Backend describes an engine.
type Backend struct {
	Name string
	Doc  string // one line

	// MemoryResident says that the engine, with its default parameters, keeps
	// all its state in memory, so that Options.Memory bounds the state.
	MemoryResident bool

	// ResidentWith is the parameter, such as "index=memory", with which an
	// engine that is not MemoryResident is so all the same; empty if none does it.
	ResidentWith string

	Params []Param // the engine's own, then those that all engines share
}

// A Param describes a parameter of a spec.
type Param struct {
	Name    string
	Doc     string   // one sentence
	Default string   // as it would be written; empty if there is none
	Values  []string // the allowed values, or one phrase that describes them
}

// String returns the parameter with its default, as it would be written.
func (p Param) String() string {
	if p.Default == "" {
		return p.Name + " (no default)"
	}
	return p.Name + "=" + p.Default
}

// A SpecError says what is wrong with a spec, in one line. It names every fault
// and what would be allowed instead.
type SpecError struct {
	Spec string
	Err  error // names the spec too
}

func (e *SpecError) Error() string { return strings.ReplaceAll(e.Err.Error(), "\n", "; ") }
func (e *SpecError) Unwrap() error { return e.Err }

// List returns all backends, sorted by name.
func List() []Backend {
	var list []Backend
	for _, e := range engines() {
		list = append(list, e.backend)
	}
	return list
}

// Validate returns a *SpecError if spec does not name a backend and parameters
// that it takes. It opens nothing.
func Validate(spec string) error {
	_, err := parse(spec, nil)
	return err
}

// MemoryResident says whether the store that spec names keeps all its state in
// memory. A spec that Validate refuses names none.
func MemoryResident(text string) bool {
	name, params, err := spec.Parse(text)
	if err != nil {
		return false
	}
	e, err := find(name)
	if err != nil {
		return false
	}
	return e.backend.MemoryResident || slices.ContainsFunc(params, func(p spec.KV) bool {
		return p.Name+"="+p.Value == e.backend.ResidentWith
	})
}

// Open opens the store in dir, made if it does not exist, with the engine and
// the parameters that spec names. What spec sets overrides opts, which may be
// nil. If spec is at fault the error is a *SpecError.
func Open(spec, dir string, opts *statelab.Options) (statelab.Store, error) {
	open, err := parse(spec, opts)
	if err != nil {
		return nil, err
	}
	return open(dir)
}

// An opener opens a store with settings that were checked.
type opener func(dir string) (statelab.Store, error)

func parse(text string, opts *statelab.Options) (opener, error) {
	name, params, err := spec.Parse(text)
	if err != nil {
		return nil, &SpecError{text, err}
	}
	e, err := find(name)
	var open opener
	if err == nil {
		open, err = e.prepare(params, opts)
	}
	if err != nil {
		return nil, &SpecError{text, fmt.Errorf("backend spec %q: %w", text, err)}
	}
	return open, nil
}

// find returns the engine of that name.
func find(name string) (engine, error) {
	all := engines()
	names := make([]string, len(all))
	for i, e := range all {
		if e.backend.Name == name {
			return e, nil
		}
		names[i] = e.backend.Name
	}
	return engine{}, fmt.Errorf("unknown backend %s; one of %s", name, strings.Join(names, ", "))
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
	e, err := find(found.Engine)
	if err != nil {
		return nil, found, fmt.Errorf("open store %s: %w: %w", dir, err, statelab.ErrMismatch)
	}
	for _, p := range prefixes {
		if p.Name == found.Prefix {
			o.Prefix = p
		}
	}
	open, err := e.prepare(e.fixed(found.Settings), &o)
	if err != nil {
		return nil, found, fmt.Errorf("open store %s: settings of its files: %w: %w", dir, err, statelab.ErrMismatch)
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
