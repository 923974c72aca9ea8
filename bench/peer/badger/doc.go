// Package badger opens Badger, Dgraph's store, as a state store: a
// log-structured merge tree with its large values in a log beside it.
// (github.com/dgraph-io/badger/v4, Apache-2.0)
//
// # How it is tuned, and by which advice
//
//   - Memory. A memtable is an eighth of the budget, and at least 8 MiB, since a
//     transaction may not be larger than 15 % of one; there are two at most
//     (NumMemtables), and the block cache has the rest. Defaults are 64 MiB, five and 256 MiB.
//   - DetectConflicts is off, as its comment advises where no two transactions
//     conflict: there is one writer.
//   - Iterators do not prefetch values (IteratorOptions.PrefetchValues), which starts goroutines:
//     the documentation advises it for key-only walks, and a probe reads a few records.
//     IteratorOptions.Prefix leaves out tables that cannot hold the prefix.
//   - Values stay in tables. With value_threshold=N those of N bytes and more go to the value log,
//     and its garbage is collected at each Sync (DB.RunValueLogGC, which its
//     documentation asks users to call now and then).
//
// The log cannot be left out: Badger writes each entry to a memory-mapped file
// beside its memtable. A system call counter does not see it; the block layer does.
//
// # Durability
//
//	checkpoint  DB.Sync at Sync
//	interval    DB.Sync at each interval
//	always      SyncWrites
//
// # What it does not promise
//
// Badger reaches its files through the operating system and maps them, so no
// crash can be played. DB.Sync syncs the log of the memtable in use; that of a
// memtable which is just being flushed is synced by nobody until its table
// is. Engine bytes are Badger's own counts: of the log without its headers, and of
// flushes before compression. They belong to the process, so two
// stores in one process count each other's. The size of its files holds what it has
// preallocated and mapped, though nothing may be written there yet.
package badger
