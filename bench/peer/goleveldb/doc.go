// Package goleveldb opens goleveldb, the LevelDB of Go, as a state store: a
// log-structured merge tree with leveled compaction.
// (github.com/syndtr/goleveldb, BSD 2-clause)
//
// # How it is tuned, and by which advice
//
//   - Memory. WriteBuffer is an eighth of the budget; there may be two such buffers, and
//     the block cache has the rest. (Both defaults, 4 and 8 MiB, are for small machines.)
//   - Filters. Bloom filters of 10 bits a key, as the documentation of package filter
//     recommends. They serve Gets alone: goleveldb asks none for a scan.
//   - DisableSeeksCompaction, since option's comment says of compactions that reads
//     trigger that they "might generate many small compaction".
//   - NoSync stays off. It would not only spare the journal's syncs, but also those of tables and of the
//     manifest, after which nothing survives; leaving WriteOptions.Sync off does the former alone.
//
// # Durability
//
// The journal cannot be left out, so that every byte is written at least twice.
//
//	checkpoint  the journal is synced at Sync. A crash leads back to some point after the last Sync
//	interval    the journal is synced at each interval
//	always      the journal is synced by each Apply
//
// A journal that is closed because its buffer is full is synced here, which goleveldb
// itself does not do: a later Sync would speak for the new journal only.
//
// # What it does not promise
//
// A journal's damage is not told from its torn end, so clause F4 of package
// statelab is not claimed.
package goleveldb
