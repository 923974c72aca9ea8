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
	Stalls         int64   // times a writer had to wait for maintenance
	StallTime      time.Duration
	LongestAdvance time.Duration

	// Reads.
	Cache       []CacheStats // by kind of block or page
	CacheBytes  int64        // memory that blocks or pages may take in the cache
	CachePolicy string       // what the cache gives up first: "lru", "clock"
	Filter      FilterStats

	// Gauges, in bytes unless said otherwise.
	Memory  int64 // held in caches, buffers and memory-resident state
	Pinned  int64 // of it, or of disk space, held only for open iterators
	Disk    int64 // files
	Records int64 // live or not yet reclaimed records; -1 if not counted
	Files   int64 // number of files that hold data
}

// Written counts the bytes an engine wrote, by purpose.
type Written struct {
	Log        int64 // the append-only log
	Flush      int64 // write buffer to sorted table
	Compaction int64 // sorted tables to sorted tables
	Page       int64 // pages of a tree
	Snapshot   int64 // a memory-resident store's image, which shortens its log
	Checkpoint int64 // copies that Checkpoint made
	Meta       int64 // manifest, roots, identity: the store's description of itself
}

// Total returns the sum over all purposes.
func (w Written) Total() int64 {
	return w.Log + w.Flush + w.Compaction + w.Page + w.Snapshot + w.Checkpoint + w.Meta
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
