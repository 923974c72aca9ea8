package backends

import (
	"maps"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/btree"
	"github.com/statelab/statelab/internal/spec"
	"github.com/statelab/statelab/lsm"
	"github.com/statelab/statelab/skiplist"
)

// engines is the table. An engine is added here and nowhere else.
func engines() []engine {
	return []engine{
		describe(Backend{
			Name: btree.Engine,
			Doc:  "a paged, copy-on-write B+tree on disk with a buffer pool",

			ResidentWith: "index=memory",
		}, btree.Params(), func(o *btree.Options) *statelab.Options { return &o.Options }, btree.Open),
		describe(Backend{
			Name: lsm.Engine,
			Doc:  "a log-structured merge tree: memtables, and tables on disk with filters and a block cache",
		}, lsm.Params(), func(o *lsm.Options) *statelab.Options { return &o.Options }, lsm.Open),
		describe(Backend{
			Name:           skiplist.Engine,
			Doc:            "a skip list in memory, with an append-only log and snapshots on disk",
			MemoryResident: true,
		}, skiplist.Params(), func(o *skiplist.Options) *statelab.Options { return &o.Options }, skiplist.Open),
	}
}

// An engine is a line of the table.
type engine struct {
	backend Backend
	// prepare sets options from parameters and returns what opens a store with
	// them; its error names every fault.
	prepare func(params []spec.KV, opts *statelab.Options) (opener, error)
}

// describe makes a line of the table from what an engine's package exports.
// common returns the place in its options of those that all engines share.
func describe[O any, S statelab.Store](b Backend, own []spec.Param[O], common func(*O) *statelab.Options, open func(dir string, o *O) (S, error)) engine {
	table := slices.Clone(own)
	for _, p := range shared() {
		if b.MemoryResident && p.Name == "memory" {
			p.Default = ""
		}
		table = append(table, lift(p, common))
	}
	for _, p := range table {
		b.Params = append(b.Params, Param{p.Name, p.Doc, p.Default, p.Values})
	}
	return engine{b, func(params []spec.KV, opts *statelab.Options) (opener, error) {
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

// lift makes a parameter of the shared options one of an engine's.
func lift[O any](p spec.Param[statelab.Options], common func(*O) *statelab.Options) spec.Param[O] {
	set := func(o *O, value string) error { return p.Set(common(o), value) }
	return spec.Param[O]{Name: p.Name, Doc: p.Doc, Default: p.Default, Values: p.Values, Set: set}
}

// fixed returns the settings of a store's files that parameters can set.
func (e engine) fixed(settings map[string]string) []spec.KV {
	var params []spec.KV
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if slices.ContainsFunc(e.backend.Params, func(p Param) bool { return p.Name == name }) {
			params = append(params, spec.KV{Name: name, Value: settings[name]})
		}
	}
	return params
}
