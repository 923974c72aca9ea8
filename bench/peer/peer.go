// Package peer is the table of stores that are not ours: those that a user
// would pick instead of the engines of this module, as backends of the
// benchmark. Package backends stays free of them, so that who imports the
// engines does not build their competitors.
//
// Each has a package of its own below this one, whose comment says how the
// store is tuned for the job and by which advice, and what it does not promise.
// All sit behind one adapter, which gives a plain key-value store elements,
// event time and the contract's exact reads. See docs/PEERS.md.
package peer

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/pebble"
	"github.com/statelab/statelab/internal/catalog"
)

// Catalog returns the table, sorted by name. A peer is added here and nowhere else.
func Catalog() catalog.Catalog {
	return catalog.Catalog{
		catalog.Describe(catalog.Backend{
			Name: pebble.Engine,
			Doc:  "Pebble, CockroachDB's log-structured merge tree (a peer)",
		}, pebble.Params(), func(o *pebble.Options) *statelab.Options { return &o.Options }, pebble.Open),
	}
}
