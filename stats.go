package statelab

import "time"

// Stats is what a store says of itself: counters since opening, and gauges of
// now. A field that an engine has no use for is zero.
type Stats struct {
	Engine    string
	Watermark int64

	// Counters.
	Batches        int64   // Applies that took effect
	Ops            int64   // operations in them
	LogicalBytes   int64   // key and element bytes in them
	Written        Written // bytes written to files, by purpose (O4)
	ReadBytes      int64   // bytes read from files
	Syncs          int64   // file syncs asked of the file system
	Flushes        int64   // write buffers turned into files or pages
	Compactions    int64   // merges of files
	DroppedDead    int64   // elements that died before they were written
	DroppedFiles   int64   // files that went unread because all in them was dead
	Stalls         int64   // times a writer had to wait for maintenance; with MaintenanceInline it does it, and does not wait
	StallTime      time.Duration
	LongestStall   time.Duration
	SlowTime       time.Duration // writers were slowed down, so that they need not wait
	LongestAdvance time.Duration // a single Advance, from its turn among writers to its return

	// Reads.
	Cache       []CacheStats // by kind of block or page
	CacheBytes  int64        // memory that blocks or pages may take in the cache
	CachePolicy string       // what the cache gives up first: "lru", "clock", "s3fifo", "2q"
	Filter      FilterStats

	Levels []LevelStats // of files merged into one another, newest level first
	Latest int64        // greatest expiry in the levels but NoExpiry; the watermark if all is dead, or never dies
	Blobs  BlobStats    // of files that large values are kept in, apart from their keys

	// How a tree in pages stood in its file at the last commit since it was opened.
	Leaves         int64
	AdjacentLeaves int64 // that stand behind the one before them in the order of keys

	PageWrites int64 // calls that wrote pages of the tree since it was opened, neighbours at once

	// Pages of a tree that were compressed since it was opened.
	PlainBytes      int64 // of them before
	CompressedBytes int64 // of the places that they took in the file

	// Gauges, in bytes unless said otherwise.
	Memory   int64 // held in caches, buffers and memory-resident state
	Resident int64 // of it, held as long as its files: indexes and filters that are not cached
	Pinned   int64 // of it, or of disk space, held only for open iterators
	Disk     int64 // files
	Records  int64 // live or not yet reclaimed records; -1 if not counted
	Files    int64 // number of files that hold data
}

// Written counts the bytes an engine wrote, by purpose.
type Written struct {
	Log        int64 // the append-only log
	Flush      int64 // write buffer to sorted table
	Compaction int64 // sorted tables to sorted tables
	Page       int64 // pages of a tree
	Images     int64 // pages of a tree as they were, kept because they are overwritten
	Snapshot   int64 // a memory-resident store's image, which shortens its log
	Checkpoint int64 // copies that Checkpoint made
	Meta       int64 // manifest, roots, identity: the store's description of itself
}

// Total returns the sum over all purposes.
func (w Written) Total() int64 {
	return w.Log + w.Flush + w.Compaction + w.Page + w.Images + w.Snapshot + w.Checkpoint + w.Meta
}

// ExpiryParts is into how many parts LevelStats cuts the time that is left to live.
const ExpiryParts = 16

// LevelStats is what there is in a level of sorted files and, since opening,
// what came into it. What level 0 has came from write buffers, what the others
// have from merges.
type LevelStats struct {
	Level     int
	Runs      int   // places to look into: files that together are sorted count as one
	Files     int   // in the runs
	Bytes     int64 // of the files
	Records   int64 // in them
	DeadBytes int64 // of the files, about, in what has expired

	// When the rest dies, in bytes of the files, about: never, or in one of equal
	// parts of the time from the watermark of the files to Stats.Latest.
	NeverBytes int64
	DyingBytes [ExpiryParts]int64

	Written int64 // bytes of files that were written into the level
	Moved   int64 // bytes of files that came into it as they were
}

// BlobStats is what there is in files of large values, which merges of sorted files
// do not rewrite. What was written to them is in Written too, by purpose.
type BlobStats struct {
	Files     int
	Values    int64 // that sorted files refer to
	Bytes     int64 // of the files
	DeadBytes int64 // of the files, at least, in what has expired or is referred to no more
	Written   int64 // bytes of the files that were finished since opening
}

// CacheStats counts look-ups of one kind of block or page in memory.
type CacheStats struct {
	Kind         string // such as "leaf", "inner", "data", "index"
	Hits, Misses int64
}

// FilterStats counts what filters did.
type FilterStats struct {
	Probes         int64 // times a filter was asked
	Negatives      int64 // times it said no
	FalsePositives int64 // times it said maybe and nothing was there
}
