// Package lsm is a log-structured merge tree: a store for state that is written
// fast, mostly dies soon, and may be larger than memory.
//
//	Apply ──▶ log (unless DurabilityCheckpoint)
//	  │
//	  ▼
//	memtable        records with their versions, written to
//	memtable        the one before, until it is flushed          newest
//	  │ flush: fold each key's versions, leave out the dead         ▲
//	  ▼                                                             │
//	run             000041.tbl                                      │
//	run             000038.tbl 000039.tbl                           │
//	  │ compaction: fold neighbouring runs into one                 ▼
//	run             000012.tbl 000013.tbl ... 000031.tbl         oldest
//
// # Words
//
// A memtable is the newest part of the history, in memory; one is active, the
// one before it may be waiting to be flushed, and several may be held back until
// they are spent, when next to all in them is dead (hold.go). Rotating makes the active one
// immutable and begins another. A table is a file of records in the order of
// their keys, never changed (table_format.go). A blob file holds large elements
// that tables refer to. A run is one or more tables that
// do not overlap. The layers of a store are its memtables and runs, from newest
// to oldest. A record in a table is a base, which replaces what older layers
// hold of the key, or a merge, whose elements follow theirs (record.go); a base
// without elements is a tombstone. To fold is to put together what layers hold
// of a key, from the newest down to the first base. A level says how often the
// data of a run was merged, or as the policy counts; level 0 was flushed. A
// segment is a part of the window of event time in which state lives, at the
// end of which what was written together dies (policy_window.go); those of the
// log are files. A version is the runs at
// one moment, a view a version with the memtables beside it. The manifest is
// the log of versions that are durable (manifest.go).
//
// # Life of a write
//
// Apply takes the write lock, makes room in the active memtable if need be,
// appends the batch to the log, adds its operations to the memtable under the
// next sequence, and then publishes that sequence: readers ask for no later one
// than was published when they began. Without the lock it waits for the log to
// be synced, if the durability asks for it, sharing the sync with others.
//
// A full memtable is rotated, and flushed by the time that the next one is
// full, or, if all that lives has room in memory, when it is spent: each key's
// versions are folded into one record, elements that are dead are left out, and
// so are tombstones if no older table may hold their key. So
// tables know no sequences; that the newer layer wins is all there is. Readers
// from before hold on to the memtable, which keeps every version.
//
// Large elements are written to a blob file beside the tables (blob_format.go), if
// the policy rewrites much, and the record has a reference to each. Merges move
// references, so a large element is written once and not in each level. What is of
// no use in a blob file is known without reading it: what tables refer to no more,
// since merges have dropped it, and what has expired by the bounds and octiles of
// the file. A version holds the blob files that its tables refer to and in which
// something lives. So one in which all is dead goes as a whole, unread, though
// references to it may stay: nobody follows a dead one. When a third of all bytes in
// blob files is dead, files that are as worn are rewritten: merges write anew the
// live values of theirs that they meet, and the tables that refer to them are
// merged for that sake if nothing else is to be done (blob.go).
//
// Runs pile up, and a policy (policy.go), a pure function of a version, chooses
// what to do: tiered, leveled, lazyleveled or window. Tables whose elements are
// all dead and which hide nothing older go without being read. Of a merge, the
// tables that nothing overlaps change their run without being read or written
// (pieces.go); what is rewritten and large may be cut into shares that are merged
// side by side (shares.go). The old tables are removed when no reader, no version and not
// even the last durable version needs them. In the background, compactions
// follow the rate of writes, and writes slow down before they have to wait
// (pace.go).
//
// Sync, with DurabilityCheckpoint, rotates and flushes, syncs the tables that
// are new since the last Sync and still needed, and commits the version to the
// manifest. Flushes and compactions in between are known to this process only.
// With a log, each of them commits its version, and Sync is a sync of the log.
//
// # Life of a read
//
// Get asks the memtables, which find a join key's records by its hash
// (memtable_groups.go), then the runs from newest to oldest, of each the one table
// whose bounds hold the key, if its filter says that it may; it stops at the first
// base. An iterator merges the layers that bounds, expiry and, for the range of a
// whole prefix, the prefix filter do not exclude.
//
// Of all tables that were written since the store was opened the store knows
// which hold a join key's records, and in which block, if they are in one, from a
// few hash tables that they share (extents.go, directory.go). So a probe goes to
// those blocks without a look at other tables, at filters or at indexes, and a Get
// asks filters only of the tables before the last. Blocks are read through one
// cache, but for indexes and filters that are resident (resident.go). MultiGet does
// so for many keys side by side: it touches memory for all of them before it looks
// at any, and reads the blocks that they want at the same time (multiget.go).
//
// # Why nothing shadowed reappears
//
// A Put or Delete shadows what is older of its record, for ever (K9), and no
// policy can undo that, because a policy says only which runs to merge or which
// tables to drop, and both keep L1 and L5:
//
//   - A merge takes neighbours in age, or some tables of neighbours. The outcome
//     takes the place of the oldest, so what is merged gets older among the
//     runs. It would pass something only if that were between and stayed; a
//     choice in which such a table has keys in common with one that is merged is
//     refused (choice.unsound). All else keeps its place, so newer stays newer.
//   - A merge folds from the newest down to the first base, so of a key only
//     what nothing shadows goes into the outcome, and with the mark of a base if
//     there was one. A base goes with its last element only if no table older
//     than all that is merged may hold the key; else it stays as a tombstone.
//   - A table moves only if nothing that is merged overlaps it, which is the same
//     as merging it.
//   - A dead table is dropped if it has no bases, and then it shadows nothing, or
//     if no older table that stays overlaps it, and then there is nothing to
//     shadow. Being dead is no excuse: a Put that died first still shadows.
//   - What is dead is so by the version's watermark, which every reader and every
//     recovery has at least (L4), so no step of time brings it back.
//
// None of this knows which policy chose, so a store may change its policy from
// one opening to the next. TestNothingShadowedReappears does so at random.
//
// # Invariants
//
//	L1  All that a layer holds of a key is newer than all that the older layers hold of it.
//	L2  The tables of a run do not overlap, and keys ascend strictly in a table, within its bounds and those of its index.
//	L3  A table's figures are true, the same in the manifest and in the table, and its filters and extents lead to all its keys and prefixes.
//	L4  What a version lacks because it is dead is dead at the version's watermark, and whoever reads the version, or recovers it, has at least that watermark.
//	L5  A record of a base stays, if only as a tombstone, as long as an older table may hold its key.
//	L6  A file is there as long as the current version, the durable version or a reader needs it, and goes when none does.
//	L7  A version that becomes durable is an exact point of the history: all up to one Apply or Advance, and nothing after it.
//	L8  Each live element that lies in a blob file is there, and dies within the bounds of that file; the version holds the file.
//
// The shape is that of O'Neil and others, "The log-structured merge-tree"
// (1996), by way of Bigtable, LevelDB and its descendants. Folding at the flush,
// so that tables hold list state with an expiry per element, is what streaming
// asks for: Flink's list state with time to live is the same thing unfolded.
package lsm
