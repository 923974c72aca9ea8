// Package lmdb is LMDB, the memory-mapped B+tree of OpenLDAP, as a backend of the
// benchmark, by way of a few lines of cgo over the system's liblmdb (Debian: liblmdb-dev).
// It is built with
//
//	go build -tags lmdb ./cmd/statelab
//
// # How it is tuned
//
// All work goes through one write transaction that stays open from commit to
// commit, since LMDB's documentation calls few large transactions the way to
// write fast. LMDB's own locks are off (MDB_NOLOCK): the store's directory is
// locked already, and one lock of package single keeps readers and the writer
// apart. Nothing is read ahead (MDB_NORDAHEAD), as it advises where the data
// is larger than memory or read at random. Changed pages are copies in the process's
// memory until the commit; with writemap=true they are changed in the map
// (MDB_WRITEMAP), and the file then looks as large as the map, 64 GiB, though it
// holds only what was written.
//
// # What it promises
//
//	checkpoint  the transaction is committed at each Sync: after a crash the store opens exactly there
//	interval    it is committed at each interval too
//	always      it is committed, with its two flushes, before each Apply returns
//
// With unsafe=true, as many users run it, each Apply is a commit that does not wait for the
// disk (MDB_NOSYNC), and Sync flushes. A crash of the machine may then leave
// nothing that opens: pages of the last flushed root may have been used again.
// Results say so.
//
// # What it does not promise
//
// LMDB has no memory budget: it lives in the page cache, and in the copies of
// changed pages. Its pages have no checksums; keys are at most 511 bytes long, one of
// which the adapter takes. An iterator that is open while the store changes first
// copies its range, since a transaction sees its own writes.
package lmdb
