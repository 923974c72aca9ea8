// Package memstore is the memory-resident store: all records in memory, behind
// an ordered [OldIndex] that its users choose, and their history in files. It is
// what the skip list store and the memory variant of the B+tree are made of, so
// that they differ in nothing but the index and where memory comes from.
//
//	          Apply, Advance                     Get, Iter
//	                |                                |
//	 log <----------+                                |
//	                v                                v
//	index:  k1 ------------ k2 --------------------- k3
//	        |               |                        |
//	      record          record                   record
//	        |               |                        |
//	      element         element -> element       element -> garbage
//	                        :          :             :
//	wheel:  . . . . . . . . * . . . .  * . . . . . . * . .   by expiry
//
// # Words
//
// Records and elements are pieces of an arena (package internal/arena), linked
// by 32-bit references; nothing of a record is a Go object. A view is a moment
// of the history that an iterator, a snapshot or a checkpoint reads by. An
// element becomes garbage when it is dead or shadowed; garbage is freed at
// once, or, if an open view sees it, held: by the newest view that does, in a
// list. When that view closes, what it held are orphans until they are given
// to an older view or freed. A record is dirty if it has changed since the last
// Sync, which matters under checkpoint durability.
//
// # Invariants
//
//	R1  A record has an element, or is dirty and in the files as of the last Sync, which has yet to be told that it is gone.
//	R2  The elements of a record are doubly linked from newest to oldest, in the order in which they were applied.
//	R3  All elements older than a shadowed one are shadowed, and all shadowed ones are garbage.
//	R4  Garbage is in exactly one list: of the newest open view that sees it, or of the orphans.
//	R5  Exactly the dirty records are in the list of dirty records, in the order in which they became so.
//	R6  An element that is no garbage is in the wheel, in the right slot, if and only if it ever expires.
//	R7  What is counted (bytes in use, of live records, of what is pinned) is what is there.
//
// # Time
//
// What is dead is never returned by a read, which looks at expiries itself. Its
// memory comes back in steps: an Advance looks at 1024 elements at most, and
// each operation applied at 16. An element is looked at nine times at most, so
// that what is due cannot pile up for long: after an Advance over the expiries
// of n elements at once the last of them is freed at the latest when 9n/16
// operations have been applied, or 9n/1024 Advances made, or when memory is
// short.
//
// # Budget
//
// Options.Memory bounds the bytes of the arena that are in use, as Stats.Memory
// tells them. A batch that would exceed it is refused, after everything that is
// dead has been reclaimed. Deletes and Advances take no memory, so they always
// work; of a deleted record that the files have, under checkpoint, the key
// stays until the next Sync. What replaces an element needs room beside it until
// it has taken effect. Opening is not refused for what is in the files.
// Beyond the budget come the holes that freed elements leave until others of
// their size fill them, some KiB for each file, and the batch in flight. With no
// budget nothing bounds what iterators pin.
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
// removed. So opening replays about as much as is live.
//
// That is the scheme of Redis's append-only file and its rewriting; the deltas
// are ours.
package memstore
