// Package memstore is the memory-resident store: all records in memory, behind
// an ordered [Index] that its users choose, and their history in files. It is
// what the skip list store and the memory variant of the B+tree are made of, so
// that they differ in nothing but the index and where memory comes from.
//
//	          Apply, Advance                     Get, Iter
//	                |                                |
//	 log <----------+                                |
//	                v                                v
//	index:  k1 ------------ k2 --------------------- k3
//	        |               |                        |
//	      record          record                   record ----prior---> record
//	      + element       + element <- element     + element            + garbage
//	           :                          :             :                    :
//	wheel: . . * . . . . . . . . . . . . .* . . . . . . * . .   by expiry    :
//	limbo: pieces that wait for readers to leave  <--------------------------+
//
// # Words
//
// Records and elements are pieces of an arena (package internal/arena), linked
// by 32-bit references; nothing of a record is a Go object. The piece of a
// record bears its header, the links of the index, its key and its first
// element; elements that are appended are pieces of their own. A Put over a
// record makes another one, which takes its place in the index: the old one is
// replaced, and prior leads to it.
//
// An element becomes garbage when it is dead, or its record is replaced or
// deleted. A view is a moment of the history: a sequence, which is the number of
// the last batch that it sees, and a watermark. A Get reads by the view of the
// present; an iterator, a snapshot and a checkpoint keep one open. Garbage that
// an open view sees is held: by the newest view that does, in a list. When that
// view closes, what it held are orphans until they are given to an older view or
// let go. Garbage that is let go is in limbo until it is freed. A record is
// dirty if it has changed since the last Sync, which matters under checkpoint
// durability: then it is noted in a bitmap over the arena.
//
// # Readers
//
// Readers take no lock. They enter an epoch (package internal/epoch), load the
// view of the present, look up, copy what they want, and leave.
//
// A batch is prepared in full before the sequence is stored that makes it take
// effect: its elements are linked, but born at a sequence that nobody reads by
// yet. So it is seen whole or not at all. A reader who comes to a record that is
// too young for him goes on to the prior one. A record that is replaced or
// deleted notes since which sequence; readers of an earlier one see it as it
// was. What expires is the reader's own business, by the watermark of his view.
//
// The present may move on while a reader looks up; he still finds all that his
// view sees, since garbage stays linked until the readers have left who were
// there when it became garbage, and is unlinked then, and freed when those have
// left who were there when it was unlinked. So two grace periods pass, and no
// reader ever has to begin again. Get is linearisable: what it returns was so at
// the moment at which it loaded the sequence.
//
// An iterator over a range with two bounds that holds few records, as a probe of
// a join does, copies them all when it is opened, in one epoch, and holds
// nothing. Another one opens a view, and copies some records at a time, in an
// epoch each; what it has copied by then it keeps, if nothing has changed since.
// What moves is a cursor, which others use again when the iterator is closed; the
// iterator itself is not used again, so that a call after its Close harms nobody.
//
// With Options.Hash there is a hash table over join keys beside the index, for
// which it is not asked then; see groups.go.
//
// # Invariants
//
//	R1  A record in the index has an element, or leads to a prior record, or is dirty and in the files as of the last Sync, which has yet to be told that it is gone.
//	R2  The elements that were appended to a record are doubly linked from newest to oldest, in the order in which they were applied; the first element, if it is still there, is older.
//	R3  Of the records of a key the newest is in the index, all others are replaced, have elements, and are linked to and fro in the order in which they came.
//	R4  Garbage is in exactly one list: of the newest open view that sees it, of the orphans, or in limbo.
//	R5  All elements of a record that was replaced or deleted are garbage.
//	R6  Exactly the dirty records are in the set of dirty records; none of them is replaced.
//	R7  An element that is no garbage is in the wheel, in the right slot, if and only if it ever expires.
//	R8  What is counted (bytes in use, of live records, of what is pinned) is what is there, and no record's bound is less than its live bytes.
//	R9  What readers look at does not change from its publication to its freeing, or is atomic.
//	R10 If there is a hash table, each record in the index is found through the entry of its group, the chains of short groups hold nothing else, and what is noted to be loose, or to lead, is of a long group, and in no chain.
//
// # Time
//
// What is dead is never returned by a read, which looks at expiries itself. Its
// memory comes back in steps, each of which is bounded:
//
//	                        looks at elements    lets go of pieces
//	an Advance              1024                 4096
//	an operation applied    16                   64
//
// An element is looked at nine times at most: once for each level of the wheel
// and once when it is due. So what is due cannot pile up: after an Advance over
// the expiries of n elements at once, the last of them has been found when 9n/1024
// Advances have been made or 9n/16 operations applied, and what comes meanwhile
// costs an operation nine of its sixteen. What is found goes through limbo twice,
// as an element to unlink and as a piece to free, and now and then takes a block
// of the index there; so a step lets go of more than it finds, and limbo is
// empty after each unless a reader is in his epoch. Those are microseconds unless
// he stalls: a reader who is kept from running delays all that dies meanwhile,
// which is let go of in bounded steps when he is gone. When memory is short, a
// batch reclaims all that is dead before it is refused, and waits for the readers
// that are active.
//
// Stats.LongestAdvance tells what the worst Advance has taken so far; the metric
// advance_longest_us of the benchmark is the same. Inline maintenance writes a
// snapshot, where one is due, in the call that makes it due, so under interval and
// always an Advance may then take as long as that.
//
// # Budget
//
// Options.Memory bounds the bytes that are in use of the arena and of the hash
// table, as Stats.Memory tells them. A batch that would exceed it is refused, after everything that is
// dead has been reclaimed. Deletes and Advances take no memory, so they always
// work; of a deleted record that the files have, under checkpoint, the key
// stays until the next Sync. What replaces an element needs room beside it until
// it has taken effect. Opening is not refused for what is in the files.
// Beyond the budget come the holes that freed elements leave until others of
// their size fill them, some KiB for each file, and the batch in flight. With no
// budget nothing bounds what iterators pin.
//
// # Footprint
//
// What a record takes beyond its own bytes, in a sample join of 500-byte
// values, of which 40 in 100 are impressions, 46 timers without a value and 10
// actions of 80 bytes (workload J1s with 60,000 live, after its last Sync;
// 150,000 records with 36.8 million bytes of keys and values):
//
//	                                  bytes a record
//	keys and values                        244.9
//	header                                  40
//	expiry                                   8
//	rounding up to the arena's classes       4.5
//	index in blocks                         17.8
//	hash table, over 62,000 join keys        7.8
//	                                       323.0, 1.32 times keys and values
//	note of which are dirty                  1.7
//	mapped and not in use                   25.7, which makes that 1.43
//
// The last are pieces of spans that are not full, and free pages; see package
// arena. Small records cost relatively more: a timer of 36 bytes takes 88, and
// its entry in the index. While a snapshot is written, what dies meanwhile is
// held for it. TestAWeekOfChurn of package skiplist bounds all this.
//
// # Files
//
//	STORE          whose directory it is (package storedir)
//	LOCK           who has it open
//	LOG/*.log      the log (package wal); its records are described at replay
//	000007.snap    snapshot: the image of all live records, as of the beginning
//	               of log segment 7; its format is described in image.go
//
// Under interval and always, the log holds each batch and Advance. Under
// checkpoint it holds for each Sync a delta: the records that have changed, in
// their live form, deletions of those that are gone, and the watermark. What
// lived and died between two Syncs is never written; what merely died needs no
// word. When the log has grown to the size of what is live (twice that under
// checkpoint), a snapshot is written: the log is rotated, a view opened, and
// what it sees written while others go on, to a temporary name that is synced
// and renamed. Then the segments before it, and the snapshot before it, are
// removed. So opening replays about as much as is live. In the background a
// snapshot is held back to four bytes for each that is applied meanwhile, unless
// nothing is, or the log has grown by half, or a batch waits for the memory that
// its view pins; see snapshot_pace.go.
//
// That is the scheme of Redis's append-only file and its rewriting; the deltas
// are ours.
package memstore
