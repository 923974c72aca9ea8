// Package pebble opens Pebble, CockroachDB's storage engine, as a state store:
// a log-structured merge tree after RocksDB, in Go.
// (github.com/cockroachdb/pebble/v2, BSD 3-clause)
//
// # How it is tuned, and by which advice
//
//   - Memory. Options.CacheSize is the whole budget: Pebble reserves the memory of
//     memtables in its block cache (docs/memory.md), so that the cache gives way
//     to them. A memtable is a quarter of it, and there are two at most. (With an eighth,
//     J1s wrote nearly half as much again.)
//   - Log. None under checkpoint (Options.DisableWAL); Sync is DB.Flush.
//   - Filters. Bloom filters of 10 bits a key on every level, as docs/rocksdb.md and
//     bloom.FilterPolicy recommend, over the prefix that Comparer.Split ends where Options.Prefix
//     does. Probes of a whole prefix use SeekPrefixGE, without which the filters
//     are not asked.
//   - Level 0. L0CompactionThreshold is 4, Pebble's default, or as parameter l0 says.
//   - Large values. Those of 256 bytes and more are kept in blob files, and compactions
//     rewrite the keys alone (ValueSeparationPolicy, format major version
//     FormatValueSeparation). On J1s that halves what is written; blobs=1GiB does without.
//   - Appends are merges: Pebble's default Merger concatenates.
//
// Snapshots of a few records are what a join does most, so a cursor is a plain
// Iterator with bounds, not a Snapshot with an Iterator on it.
//
// # Durability
//
//	checkpoint  no log; Sync flushes the memtable. A crash leads back to the last flush, which covers the last Sync and may be later
//	interval    a log, synced at each interval
//	always      a log, synced by each commit
//
// # What it does not promise
//
// When Pebble cannot write or sync its log or its manifest it ends the process
// (Logger.Fatalf; here a panic), so clauses F1, F2 and F7 of package statelab
// are not claimed, nor is D1 beyond what is said above.
package pebble
