// Package btree is a B+tree in pages of a file, written copy-on-write: a page
// that the last commit or an open iterator can see is never changed, but copied
// to a free place, up to a new root. With UpdateInPlace this holds for iterators alone: pages of
// the last commit are written over, when an image of each is safe in a log of its own (image.go).
//
//	slot 0   slot 1            a commit writes new pages, syncs, writes and
//	   \      /                syncs the one slot, then the other
//	     root
//	    /    \                 inner pages: separators, and of each child
//	 inner   inner             when it dies
//	 /   \   /   \
//	leaf leaf leaf leaf        leaves: records, sorted
//	            |
//	         overflow          what is too long for a leaf
//
// In front of it stands a write buffer in memory (buffer.go), so that a leaf is
// written for many records, not for each.
//
// # Files
//
//	STORE    who made the directory (package storedir)
//	1.tree   the pages
//	LOG/     the log (package wal); with DurabilityCheckpoint only if pages are updated in place (redo.go)
//	IMAGES/  the log of images, if pages are updated in place
//
// # Words
//
// A page is page_size bytes of 1.tree; its id is its place. Where leaves are compressed
// (compress.go) its place is an extent of allocation units, eight or for a leaf that a merge
// made fewer, and its id the first of them (extent.go). An epoch is a span
// of the history between two snapshots, and a page's birth the epoch in which it
// was written to its place. A reference names a page by id and birth. A snapshot
// holds a root with all it leads to against change and reuse: that of the last
// commit, which is durable, if that is not overwritten, or that of an iterator. A page is used when the tree
// as it is leads to it, held when only a snapshot does, and free otherwise, but for
// those that are spared: of the last commit, and bare. An image is a page of the last commit as it
// stood in the file before it was overwritten; a page of it of which there is none yet is bare,
// and its image owed once the page may be overwritten.
// A transaction is one change of pages, of an Apply or of a merge, undone whole if a read or
// write fails in its middle. The main tree is the one of the file, as against
// the write buffer, a tree whose pages are frames lent by the buffer pool. A
// record of the buffer covers if it replaces what the main tree has of its key,
// and outlives it if that dies no later; a merge brings records from the buffer
// to the main tree. A stream is bytes in overflow pages; a record's body is
// spilled when it is one, a key long when part of it is.
//
// # Life of a write
//
// Apply changes the write buffer. It finds the leaf there, makes it writable (in
// its place if it was born after the newest snapshot, having noted in an undo log
// (undo.go) what it takes back if the batch fails, else as a copy), changes it,
// and tells its parent about the copy, and so on up until nothing changes. Where
// readers are about, all of it goes on beside them in copies (beside.go). The
// main tree is not asked, but for expiries in its inner pages. With a log the
// batch is appended to it, then made durable as the durability says. With UpdateInPlace
// there is always a log, and under DurabilityCheckpoint what it has since the last Sync does not count.
//
// When the buffer is full, one stretch of keys after the other is merged into the
// main tree (merge.go), round and round. The merge writes anew, packed and in
// order, the leaves that get something, and what dies in the buffer never comes
// to one. It makes new pages only, so that readers wait for no more than the
// moment at its end in which the trees change. Pages stay in the buffer pool
// (package pool) until it is full or a commit writes them; compressed leaves the merge
// writes itself.
//
// A commit merges everything, writes all pages, and then the root. Without a log
// Sync is one; with a log it comes when the log is long enough, and on Close,
// and the log begins anew. With UpdateInPlace commits are fuzzy (fuzzy.go): merging is spread over the changes, and what
// the buffer holds stays there, as it is in the log. One comes whenever a sixteenth of LogLimit has, under
// DurabilityCheckpoint with the next Sync, which else syncs the log alone; Close commits nothing there.
//
// Between two commits dirty pages are written whenever the pool needs room, with
// UpdateInPlace also over pages of the last one. Nothing depends on which of them
// came down: an opening puts all images back, so that the file is as the last commit
// left it, and replays the log.
//
// A batch too large for the buffer, or any where there is none, is applied to
// the main tree in the same way, after what is buffered.
//
// Load and Checkpoint make a new store, each page of it written once (load.go).
//
// # Life of a read
//
// A look-up goes to the buffer, and unless a record there covers to the main tree:
// what both have of a key are the elements of one record. An iterator goes through
// both side by side (overlay.go), each in its snapshot.
//
// # Time
//
// Readers judge every element by its expiry, so dead ones are gone at once. Their
// space comes back in three ways. Every inner page knows of each child when the
// last element below it dies, and when the first leaf below it is wholly dead;
// by that Advance goes straight to dead leaves and takes them out, without
// reading them. A leaf that is copied, full or merged into is first rid of its dead
// elements. A spilled body is swept when its length has doubled.
//
// # Maintenance
//
// All work is done on the goroutine that calls, under either Maintenance; the
// one exception is the clock of DurabilityInterval, which syncs the log.
//
// # Invariants
//
// Check verifies these, and names the one that is broken.
//
//	B1  Keys ascend, in a page and from leaf to leaf; a slot's head is that of its key; those below an inner page's cell are not less than its separator, and less than the next one's.
//	B2  Every page is exactly one of: root slot, reachable once from the root or a root slot, held, spared, free; the bitmaps say which.
//	B3  A page that is read has the checksum of its bytes and says its own id; its birth, kind and level are what the reference to it says.
//	B4  All leaves are at level 0, no page but the root of an empty tree is empty, and the first separator of an inner page is empty.
//	B5  A leaf's dieAt is its last expiry, an inner page's the last of its children; firstDeath is the least dieAt of the leaves below; spills says whether leaves below own overflow pages.
//	B6  No page that a snapshot sees is changed or free; with UpdateInPlace the last commit has none.
//	B7  A stream's pages are full but the last at each level; a spill's payload and dieAt are those of its elements.
//	B8  But during a commit, both root slots name the last one.
//	B9  The write buffer's pages are those that it leads to and those held of it, and these are the frames that are lent; a record of it outlives only if it covers, and has elements unless it covers.
//	B10 With UpdateInPlace each page of the last commit stands in the file as that left it, and is bare, or has an image.
//	B15 With each fuzzy commit is kept up to which record of the log each range of keys is merged; the log has all that come after the least of them.
//	B14 The image of a bare page is owed from before the page is changed where it is, or free; images that there are and that are owed take no more than LogLimit.
//
// Check cannot see these, on which B10 rests. Tests cut the power to try them.
//
//	B11 An image is durable before the first write to its page's place since the last commit, and stays until the next one is durable.
//	B16 When a fuzzy commit writes its root the log is durable to its end, and so is the record of its progress; under DurabilityCheckpoint the log ends with a Sync.
//	B12 No page is written between the moment in which a commit begins the log of images anew, when all its pages are durable, and that in which its root is: so the images that a root names are of its own commit.
//	B13 Under DurabilityCheckpoint records of the log are pending until a Sync completes them, and none but a Sync commits the tree.
//
// # Limits
//
// A file has at most 335 map pages, which is 42 GiB in pages of 4 KiB and 10 TiB
// in pages of 64 KiB; with compression, where bits are those of allocation units, an eighth of that.
//
// Version 1 of the format, which had no prefixes and
// heads, is refused by name.
//
// # Sources
//
// Copy-on-write trees with two roots go back to System R's shadow pages; LMDB and
// bbolt are today's. Images of pages before they are overwritten are those of SQLite's rollback
// journal. Fuzzy checkpoints, after which the log is applied only where a page lacks it, are those of ARIES;
// here ranges of keys and not pages know how far they are. With them a log of changes to records, not to pages, is enough for all that comes after. Births in references, and held lists that pass from snapshot
// to snapshot, are those of ZFS. A buffer of updates in front of a B-tree's leaves
// is that of Graefe's write-optimised B-trees and, in inner nodes, of the buffer
// trees of Arge and the B-epsilon-trees after them; ours is in memory alone.
// Prefixes and short separators are those of Bayer and Unterauer's prefix
// B-trees, heads of keys beside the slots are Graefe and Larson's poor man's normalized
// keys. Expiry bounds in inner pages are our own counterpart of the expiry bounds of
// an LSM-tree's tables.
package btree
