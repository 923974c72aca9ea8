// Package skiplist is the memory-first engine: a skip list in off-heap memory
// with a log and snapshots. Its list in blocks is the index of the lsm's memtable
// too ([NewIndex]).
//
// # The store
//
// A [Store] holds all records in memory. Its files are a log and a snapshot
// that shortens it; package internal/memstore, which the store is built on,
// says how they work, what an Advance costs at most, and what Options.Memory
// bounds. Ten million records are some sixty objects to the garbage collector.
//
// Any number of goroutines may use a Store. Reads take no lock and do not wait for
// changes; package internal/memstore says why what they return is right.
//
// # Variants
//
// Options.Index chooses what keeps the records in order:
//
//	skiplist                a list in blocks (B1 to B7), all memory off the heap
//	skiplist?hash=off       the same without the hash table over join keys, by
//	                        which probes and Gets find records otherwise
//	skiplist?layout=towers  the same, over a list of towers in place of blocks:
//	                        the links of a record are a part of the record
//	skiplist?index=huandu   github.com/huandu/skiplist, with nodes, keys and
//	                        elements on the Go heap
//
// They make the same files and open each other's. The last has a lock around
// its list, for readers beside a writer, and keeps references where pointers would
// do, so that it can share the rest of the store: a record is found through two
// look-ups in a table that a store made for pointers alone would not need.
package skiplist
