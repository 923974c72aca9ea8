// Package bbolt opens bbolt, etcd's store, as a state store: a copy-on-write
// B+tree in one memory-mapped file. (go.etcd.io/bbolt, MIT)
//
// # How it is tuned, and by which advice
//
//   - Writes are gathered in memory and committed together, sorted by key, when they
//     fill half of the budget and at each Sync: a commit copies the path to every page
//     it touches and ends with two syncs of the file, so its README advises to batch
//     ("Batch read-write transactions"), and etcd itself commits once in ten thousand
//     writes. With buffer=0 each Apply is a transaction of its own.
//   - FreelistType is the map, and the free list is not written with each commit
//     (NoFreelistSync), as etcd opens it.
//   - InitialMmapSize is larger than any file here, since a commit that has to map
//     anew waits for all readers, and would wait for ever for one of its own goroutine.
//   - AllocSize, the step in which the file grows, is an eighth of the budget.
//
// bbolt keeps nothing in memory of its own: what it reads is the page cache, which
// lies outside the budget. So its memory is not bounded by Options.Memory, and a
// comparison is fair only under a limit on the whole process.
//
// # Durability
//
// Every commit is synced, so nothing is lost that was committed:
//
//	checkpoint  commits at Sync and when the buffer is full. A crash leads back to the last commit, which covers the last Sync and may be later
//	interval    commits at each interval too
//	always      each Apply is a commit
//
// With nosync=true commits are not synced, only Sync is. It is faster, and a
// crash may then leave a file that does not open: a page that the last synced root
// still needs may have been overwritten. Results say so.
//
// # What it does not promise
//
// bbolt reaches its file through the operating system and maps it, so it cannot be
// run over another file system, and damage other than to its two meta pages is not
// found: only those carry checksums. A key is at most 32,767 bytes long.
package bbolt
