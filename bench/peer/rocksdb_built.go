//go:build rocksdb && cgo

package peer

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/rocksdb"
	"github.com/statelab/statelab/internal/catalog"
)

func rocksdbEntry(b catalog.Backend) catalog.Entry {
	return catalog.Describe(b, rocksdb.Params(), func(o *rocksdb.Options) *statelab.Options { return &o.Options.Options }, rocksdb.Open)
}
