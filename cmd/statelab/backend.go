package main

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/bench/peer"
	"github.com/statelab/statelab/internal/catalog"
)

// catalogue returns the stores that bench knows: the engines and, to compare them
// with, the peers. Joins run on engines only.
func catalogue() catalog.Catalog { return append(backends.Catalog(), peer.Catalog()...) }

// openBackend is bench's Opener.
func openBackend(spec, dir string, opts *statelab.Options) (statelab.Store, error) {
	return catalogue().Open(spec, dir, opts)
}
