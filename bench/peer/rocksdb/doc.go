// Package rocksdb is RocksDB as a backend of the benchmark, by way of
// github.com/linxGnu/grocksdb (MIT) at v1.7.14, the last version that fits the
// RocksDB 7.8 that Debian packages (librocksdb-dev). It is built with
//
//	go build -tags rocksdb ./cmd/statelab
//
// Debian builds the library with its assertions on, which cost time: no claim
// about RocksDB's speed may rest on a result of that build, and results say so.
//
// # How it is tuned, and by which advice
//
//   - Memory. Two memtables of an eighth of the budget each, and a block cache of
//     the rest that holds index and filter blocks too (RocksDB's Memory Usage page).
//   - Log. None under checkpoint (disableWAL), as the Tuning Guide advises where the application
//     can make good what is lost; Sync is a flush.
//   - Filters. Bloom filters of 10 bits a key, and of key prefixes: a fixed-length prefix extractor,
//     since one in Go would be called back for every key. It takes the first bytes of an
//     event's key (parameter prefix). A scan of one join key sets prefix_same_as_start, without
//     which the filters are not asked; all others set total_order_seek.
//   - Level 0. A compaction starts at 4 files; at most two background jobs.
//   - Large values. With blobs=N values of N bytes and more are kept in blob files, which
//     are collected as their age says (BlobDB page).
//   - Statistics are kept, by which Stats.Written is known. RocksDB's documentation puts
//     their cost at 5 to 10 percent; no_statistics=true does without.
//
// # Durability
//
//	checkpoint  no log; Sync flushes the memtables. A crash leads back to the last flush, which covers the last Sync and may be later
//	interval    a log, synced at each interval
//	always      a log, synced by each write
package rocksdb
