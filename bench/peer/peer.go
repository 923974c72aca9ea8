// Package peer is the table of stores that are not ours: those that a user
// would pick instead of the engines of this module, as backends of the
// benchmark. Package backends stays free of them, so that who imports the
// engines does not build their competitors.
//
// One, objects, is no one's: a variant of how state is held in memory, which needs
// the same adapter.
//
// Each has a package of its own below this one, whose comment says how the
// store is tuned for the job and by which advice, and what it does not promise.
// All sit behind one adapter, which gives a plain key-value store elements,
// event time and the contract's exact reads. See docs/PEERS.md.
package peer

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/badger"
	"github.com/statelab/statelab/bench/peer/bbolt"
	"github.com/statelab/statelab/bench/peer/goleveldb"
	"github.com/statelab/statelab/bench/peer/inmemory"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/lmdb"
	"github.com/statelab/statelab/bench/peer/objects"
	"github.com/statelab/statelab/bench/peer/pebble"
	"github.com/statelab/statelab/bench/peer/rocksdb"
	"github.com/statelab/statelab/internal/catalog"
)

// Catalog returns the table, sorted by name. A peer is added here and nowhere else.
func Catalog() catalog.Catalog {
	return catalog.Catalog{
		catalog.Describe(catalog.Backend{
			Name: badger.Engine,
			Doc:  "Badger, Dgraph's log-structured merge tree with a value log (a peer)",
		}, badger.Params(), func(o *badger.Options) *statelab.Options { return &o.Options.Options }, badger.Open),
		catalog.Describe(catalog.Backend{
			Name: bbolt.Engine,
			Doc:  "bbolt, etcd's memory-mapped B+tree, with writes gathered in memory (a peer)",
		}, bbolt.Params(), func(o *bbolt.Options) *statelab.Options { return &o.Options.Options }, bbolt.Open),
		catalog.Describe(catalog.Backend{
			Name: goleveldb.Engine,
			Doc:  "goleveldb, the log-structured merge tree LevelDB in Go (a peer)",
		}, goleveldb.Params(), func(o *goleveldb.Options) *statelab.Options { return &o.Options.Options }, goleveldb.Open),
		inMemory(inmemory.Google, "google/btree, a B-tree on the Go heap, without durability (a peer)", inmemory.OpenGoogle),
		inMemory(inmemory.Huandu, "huandu/skiplist, a skip list of linked nodes on the Go heap, without durability (a peer)", inmemory.OpenHuandu),
		lmdbEntry(catalog.Backend{
			Name: lmdb.Engine,
			Doc:  "LMDB, OpenLDAP's memory-mapped B+tree (a peer)",
		}),
		catalog.Describe(catalog.Backend{
			Name: objects.Engine, MemoryResident: true,
			Doc: "decoded records as objects on the Go heap, in a map and a tree, without durability (a variant)",
		}, objects.Params(), func(o *objects.Options) *statelab.Options { return &o.Options.Options }, objects.Open),
		catalog.Describe(catalog.Backend{
			Name: pebble.Engine,
			Doc:  "Pebble, CockroachDB's log-structured merge tree (a peer)",
		}, pebble.Params(), func(o *pebble.Options) *statelab.Options { return &o.Options.Options }, pebble.Open),
		rocksdbEntry(catalog.Backend{
			Name: rocksdb.Engine,
			Doc:  "RocksDB as Debian builds it, with assertions on (a peer)",
		}),
		inMemory(inmemory.Tidwall, "tidwall/btree, a B-tree on the Go heap, without durability (a peer)", inmemory.OpenTidwall),
	}
}

func inMemory(name, doc string, open func(string, *inmemory.Options) (*kv.Store, error)) catalog.Entry {
	return catalog.Describe(catalog.Backend{Name: name, Doc: doc, MemoryResident: true},
		inmemory.Params(), func(o *inmemory.Options) *statelab.Options { return &o.Options.Options }, open)
}
