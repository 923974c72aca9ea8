//go:build lmdb && cgo

package peer

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/lmdb"
	"github.com/statelab/statelab/internal/catalog"
)

func lmdbEntry(b catalog.Backend) catalog.Entry {
	return catalog.Describe(b, lmdb.Params(), func(o *lmdb.Options) *statelab.Options { return &o.Options.Options }, lmdb.Open)
}
