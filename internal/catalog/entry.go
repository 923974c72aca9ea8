package catalog

import (
	"fmt"
	"maps"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/spec"
)

// An Entry is a line of a catalog.
type Entry struct {
	backend Backend
	// prepare sets options from parameters and returns what opens a store with
	// them; its error names every fault.
	prepare func(params []spec.KV, opts *statelab.Options) (Opener, error)
}

// Describe makes an entry of what a store's package exports. common returns
// the place in its options of those that all stores share.
func Describe[O any, S statelab.Store](b Backend, own []spec.Param[O], common func(*O) *statelab.Options, open func(dir string, o *O) (S, error)) Entry {
	table := slices.Clone(own)
	for _, p := range Shared() {
		if b.MemoryResident && p.Name == "memory" {
			p.Default = ""
		}
		table = append(table, lift(p, common))
	}
	for _, p := range table {
		b.Params = append(b.Params, Param{p.Name, p.Doc, p.Default, p.Values})
	}
	return Entry{b, func(params []spec.KV, opts *statelab.Options) (Opener, error) {
		var o O
		if opts != nil {
			*common(&o) = *opts
		}
		if err := spec.Apply(&o, params, table); err != nil {
			return nil, err
		}
		return func(dir string) (statelab.Store, error) {
			s, err := open(dir, &o)
			if err != nil {
				return nil, err // not s, which may be a nil pointer in an interface that is not nil
			}
			return s, nil
		}, nil
	}}
}

// Absent makes an entry of a store that this program was built without; why
// says how it is built with it.
func Absent(b Backend, why string) Entry {
	b.Doc += "; not in this build: " + why
	return Entry{b, func([]spec.KV, *statelab.Options) (Opener, error) {
		return nil, fmt.Errorf("%s is not in this build: %s", b.Name, why)
	}}
}

// lift makes a parameter of the shared options one of a store's own.
func lift[O any](p spec.Param[statelab.Options], common func(*O) *statelab.Options) spec.Param[O] {
	set := func(o *O, value string) error { return p.Set(common(o), value) }
	return spec.Param[O]{Name: p.Name, Doc: p.Doc, Default: p.Default, Values: p.Values, Set: set}
}

// fixed returns the settings of a store's files that parameters can set.
func (e Entry) fixed(settings map[string]string) []spec.KV {
	var params []spec.KV
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if slices.ContainsFunc(e.backend.Params, func(p Param) bool { return p.Name == name }) {
			params = append(params, spec.KV{Name: name, Value: settings[name]})
		}
	}
	return params
}
