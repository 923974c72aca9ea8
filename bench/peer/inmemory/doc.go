// Package inmemory is ordered trees of the Go world as backends of the benchmark: what
// a user takes who needs no disk.
//
//	tidwall      github.com/tidwall/btree, a generic B-tree
//	googlebtree  github.com/google/btree, a generic B-tree
//	huandu       github.com/huandu/skiplist, a skip list of linked nodes
//
// Each is used as its documentation shows for one goroutine at a time, with keys
// and values as byte slices on the Go heap: one object for a key and its value
// together, which is the cheapest that the collector can be given without
// hiding memory from it. tidwall/btree is used without its locks and with its
// cursors; google/btree, which has none, is read through callbacks a few items at a time.
//
// They keep nothing: durability is none, whatever was asked for, Sync does nothing, and
// a store that is opened anew is empty. Results say so. They also take no notice
// of a memory budget.
//
// The variants btree?index=memory and skiplist?index=huandu keep the contract
// over two of the same trees: multi-version records, a log, expiry. The
// difference is what that costs.
package inmemory
