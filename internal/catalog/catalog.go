// Package catalog is a table of stores by name. It turns a spec such as
//
//	lsm?compaction=tiered&durability=always&memory=64MiB
//
// into an open store. Packages backends and bench/peer each fill a table: one
// with the engines of this module, one with other people's stores.
package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/spec"
)

// A Backend describes a store.
type Backend struct {
	Name string
	Doc  string // one line

	// MemoryResident says that the store, with its default parameters, keeps
	// all its state in memory, so that Options.Memory bounds the state.
	MemoryResident bool

	// ResidentWith is the parameter, such as "index=memory", with which a
	// store that is not MemoryResident is so all the same; empty if none does it.
	ResidentWith string

	Params []Param // the store's own, then those that all share
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

// A Catalog is a table of stores, sorted by name.
type Catalog []Entry

// List returns the descriptions of all stores, in their order.
func (c Catalog) List() []Backend {
	var list []Backend
	for _, e := range c {
		list = append(list, e.backend)
	}
	return list
}

// Validate returns a *SpecError if text does not name a store and parameters
// that it takes. It opens nothing.
func (c Catalog) Validate(text string) error {
	_, err := c.parse(text, nil)
	return err
}

// MemoryResident says whether the store that text names keeps all its state in
// memory. A spec that Validate refuses names none.
func (c Catalog) MemoryResident(text string) bool {
	name, params, err := spec.Parse(text)
	if err != nil {
		return false
	}
	e, err := c.find(name)
	if err != nil {
		return false
	}
	return e.backend.MemoryResident || slices.ContainsFunc(params, func(p spec.KV) bool {
		return p.Name+"="+p.Value == e.backend.ResidentWith
	})
}

// Open opens the store in dir, made if it does not exist, as text names it and
// its parameters. What text sets overrides opts, which may be nil. If text is
// at fault the error is a *SpecError.
func (c Catalog) Open(text, dir string, opts *statelab.Options) (statelab.Store, error) {
	open, err := c.parse(text, opts)
	if err != nil {
		return nil, err
	}
	return open(dir)
}

// Prepare returns what opens the store of this name with the settings given, of
// which those that are no parameters are passed over.
func (c Catalog) Prepare(name string, settings map[string]string, opts *statelab.Options) (Opener, error) {
	e, err := c.find(name)
	if err != nil {
		return nil, err
	}
	return e.prepare(e.fixed(settings), opts)
}

// An Opener opens a store with settings that were checked.
type Opener func(dir string) (statelab.Store, error)

func (c Catalog) parse(text string, opts *statelab.Options) (Opener, error) {
	name, params, err := spec.Parse(text)
	if err != nil {
		return nil, &SpecError{text, err}
	}
	e, err := c.find(name)
	var open Opener
	if err == nil {
		open, err = e.prepare(params, opts)
	}
	if err != nil {
		return nil, &SpecError{text, fmt.Errorf("backend spec %q: %w", text, err)}
	}
	return open, nil
}

// find returns the entry of that name.
func (c Catalog) find(name string) (Entry, error) {
	names := make([]string, len(c))
	for i, e := range c {
		if e.backend.Name == name {
			return e, nil
		}
		names[i] = e.backend.Name
	}
	return Entry{}, fmt.Errorf("unknown backend %s; one of %s", name, strings.Join(names, ", "))
}
