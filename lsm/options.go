package lsm

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/internal/spec"
)

// Options are the settings of a store. The zero value works.
type Options struct {
	statelab.Options // CompressionDefault is s2

	// Compaction is the policy that chooses which tables to merge; zero is
	// CompactionAuto.
	Compaction Compaction

	// Segments is into how many segments CompactionWindow cuts the window; zero
	// is 16. The more there are, the less space is held by what is dead, 1 part in
	// Segments, and the more runs there are to look into: up to six times as many of
	// each level. How long the window is shows in the expiries of what is stored.
	Segments int

	// Memtable is what has the order of a memtable's keys; zero is MemtableBlocks.
	Memtable Memtable

	// Subcompactions is into how many ranges of keys a large compaction is cut at
	// most, which are merged side by side; zero is 1. Each has as much as a table
	// at least. With MaintenanceInline they are merged one after the other.
	Subcompactions int

	// BlobThreshold is the size from which on an element is kept in a blob file,
	// apart from its key, so that merges of tables do not rewrite it, in bytes; zero
	// is DefaultBlobThreshold, or BlobsOff with CompactionWindow, which rewrites little
	// of what expires, and with CompactionAuto and a Prefix, since the state of joins does. It can change from one opening to the next: what is merged afterwards
	// goes by it, but for what lies in a blob file already.
	BlobThreshold int

	// BlockSize is the size to which data blocks are filled, in bytes before
	// compression; zero is 4 KiB. It can change from one opening to the next.
	BlockSize int

	// BloomBits is the size of the filters, in bits per key; zero is 10, which
	// makes one look-up in about a hundred pass in vain. It can change from one
	// opening to the next.
	BloomBits int

	// Index says how indexes and filters are kept in memory; zero is IndexResident.
	Index Index

	// CachePolicy chooses what the block cache gives up first; zero is CacheLRU.
	CachePolicy CachePolicy
}

// Memtable names what has the order of a memtable's keys. All have the same hash
// table beside them, by which keys and join keys are found.
type Memtable uint8

const (
	// MemtableBlocks is the skip list's index in blocks, in an arena off the Go heap.
	MemtableBlocks Memtable = iota
	// MemtableBTree is github.com/google/btree, whose nodes are on the Go heap: for
	// comparison.
	MemtableBTree
	// MemtableHuandu is github.com/huandu/skiplist, whose nodes are on the Go heap,
	// one for each record: for comparison.
	MemtableHuandu
)

var memtableKinds = []string{"blocks", "btree", "huandu"}

func (m Memtable) String() string {
	if int(m) < len(memtableKinds) {
		return memtableKinds[m]
	}
	return fmt.Sprintf("unknown(%d)", uint8(m))
}

// CachePolicy names a policy of the block cache.
type CachePolicy = cache.Policy

const (
	// CacheLRU gives up the block that was not used for longest.
	CacheLRU = cache.LRU
	// CacheClock gives up the first block in order of arrival that was not used
	// since it was last considered.
	CacheClock = cache.Clock
	// CacheS3FIFO keeps what was used more than once since it came, or comes back
	// soon, from what is used once: scans take little else along.
	CacheS3FIFO = cache.S3FIFO
)

// Compaction names a policy of compaction.
type Compaction uint8

const (
	// CompactionAuto is CompactionWindow, which merges what never expires as
	// CompactionTiered does.
	CompactionAuto Compaction = iota
	// CompactionTiered merges neighbouring runs of similar size: see tiered.
	CompactionTiered
	// CompactionLeveled keeps one run a level, each a multiple of the one above:
	// see leveled.
	CompactionLeveled
	// CompactionLazyLeveled keeps most of the data in one run, and merges newer
	// ones as CompactionTiered does: see lazyLeveled.
	CompactionLazyLeveled
	// CompactionWindow keeps together what dies together: see window.
	CompactionWindow
)

var compactions = []string{"auto", "tiered", "leveled", "lazyleveled", "window"}

func (c Compaction) String() string {
	if int(c) < len(compactions) {
		return compactions[c]
	}
	return fmt.Sprintf("unknown(%d)", uint8(c))
}

// Defaults and bounds of Options.
const (
	DefaultSegments       = 16 // so that a state of ten times the memory is not rewritten
	MaxSegments           = 1024
	DefaultSubcompactions = 1
	MaxSubcompactions     = 64
	DefaultBlobThreshold  = 1 << 10 // bytes; docs/LSM.md has what was measured
	BlobsOff              = -1      // BlobThreshold of stores without blob files
	MaxBlobThreshold      = 1 << 30
	DefaultBlockSize      = 4 << 10 // bytes, what a disk and a page of memory move at a time
	MinBlockSize          = 512
	MaxBlockSize          = 1 << 20
	DefaultBloomBits      = 10
	MaxBloomBits          = 40
)

// Params describes what a backend spec can set.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		spec.Enum("compaction", "Which tables are merged; auto is window, which merges what never expires as tiered does.", "auto", compactions,
			func(o *Options) *Compaction { return &o.Compaction }),
		spec.Int("segments", "Segments that compaction=window cuts the window into.", fmt.Sprint(DefaultSegments), 1, MaxSegments,
			func(o *Options) *int { return &o.Segments }),
		spec.Enum("memtable", "What has the order of a memtable's keys: the skip list's index in blocks, or a map on the Go heap.", "blocks", memtableKinds,
			func(o *Options) *Memtable { return &o.Memtable }),
		spec.Int("subcompactions", "Ranges of keys that a large compaction is cut into at most, merged side by side.", fmt.Sprint(DefaultSubcompactions), 1, MaxSubcompactions,
			func(o *Options) *int { return &o.Subcompactions }),
		spec.AutoSize("blob_threshold", "Size from which on an element is kept in a blob file, which merges do not rewrite; auto is "+
			spec.FormatSize(DefaultBlobThreshold)+", or off with compaction=window, or auto where there is a prefix.", []string{"auto", "off"}, 1, MaxBlobThreshold,
			func(o *Options) *int { return &o.BlobThreshold }),
		spec.Size("block_size", "Size to which data blocks are filled, before compression.", spec.FormatSize(DefaultBlockSize), MinBlockSize, MaxBlockSize,
			func(o *Options) *int { return &o.BlockSize }),
		spec.Int("bloom_bits", "Bits per key in the filters.", fmt.Sprint(DefaultBloomBits), 1, MaxBloomBits,
			func(o *Options) *int { return &o.BloomBits }),
		spec.Enum("index", "How indexes and filters are kept: resident as long as their tables, or cached as other blocks.", "resident", indexNames,
			func(o *Options) *Index { return &o.Index }),
		spec.Enum("cache", "What the block cache gives up first.", "lru", cache.PolicyNames(),
			func(o *Options) *CachePolicy { return &o.CachePolicy }),
	}
}

// resolve returns a copy of o, which may be nil, with zeros replaced by
// defaults, or an error that names every fault.
func (o *Options) resolve() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	common, err := r.Options.Resolve()
	faults := []error{err}
	r.Options = common
	if r.Memory == 0 {
		r.Memory = statelab.DefaultMemory
	}
	if r.Segments == 0 {
		r.Segments = DefaultSegments
	}
	if r.Segments < 1 || r.Segments > MaxSegments {
		faults = append(faults, fmt.Errorf("Segments is %d, not from 1 to %d", r.Segments, MaxSegments))
	}
	if r.Subcompactions == 0 {
		r.Subcompactions = DefaultSubcompactions
	}
	if r.Subcompactions < 1 || r.Subcompactions > MaxSubcompactions {
		faults = append(faults, fmt.Errorf("Subcompactions is %d, not from 1 to %d", r.Subcompactions, MaxSubcompactions))
	}
	if r.BlobThreshold < BlobsOff || r.BlobThreshold > MaxBlobThreshold {
		faults = append(faults, fmt.Errorf("BlobThreshold is %d bytes, neither BlobsOff nor from 0 to %d", r.BlobThreshold, MaxBlobThreshold))
	}
	if r.BlockSize == 0 {
		r.BlockSize = DefaultBlockSize
	}
	if r.BloomBits == 0 {
		r.BloomBits = DefaultBloomBits
	}
	if r.BlockSize < MinBlockSize || r.BlockSize > MaxBlockSize {
		faults = append(faults, fmt.Errorf("BlockSize is %d bytes, not from %d to %d", r.BlockSize, MinBlockSize, MaxBlockSize))
	}
	if r.BloomBits < 1 || r.BloomBits > MaxBloomBits {
		faults = append(faults, fmt.Errorf("BloomBits is %d, not from 1 to %d", r.BloomBits, MaxBloomBits))
	}
	if int(r.CachePolicy) >= len(cache.PolicyNames()) {
		faults = append(faults, fmt.Errorf("CachePolicy %d is unknown", r.CachePolicy))
	}
	if int(r.Index) >= len(indexNames) {
		faults = append(faults, fmt.Errorf("Index %d is unknown", r.Index))
	}
	if int(r.Memtable) >= len(memtableKinds) {
		faults = append(faults, fmt.Errorf("Memtable %d is unknown", r.Memtable))
	}
	if int(r.Compaction) >= len(compactions) {
		faults = append(faults, fmt.Errorf("Compaction %d is unknown", r.Compaction))
	}
	if r.BlobThreshold == 0 {
		r.BlobThreshold = DefaultBlobThreshold
		if r.Compaction == CompactionWindow || r.Compaction == CompactionAuto && r.Prefix.Len != nil {
			r.BlobThreshold = BlobsOff
		}
	}
	if r.Compaction == CompactionAuto {
		r.Compaction = CompactionWindow
	}
	return r, errors.Join(faults...)
}

// budget is how Options.Memory is shared out, in bytes.
//
//	1/6  the active memtable
//	1/6  the memtable before it, which is flushed when the active one is half full
//	2/3  readers: cached blocks, each read when it is asked for, which give way to up
//	     to 1/4 of extents, to up to 1/3 of extents and of indexes and filters that
//	     are resident together, and to up to 1/4 of flushed memtables that iterators
//	     still read (I8)
//
// So the memtables of one moment take a quarter, and an iterator outlives the flush
// of both. The larger they are, the fewer runs there are to look into or to merge.
//
// Where the state fits, memtables of a third of that size are held back, and have up to
// 7/8 of the memory together, of which readers lack so much (hold.go).
type budget struct {
	memtable int64
	held     int64 // length at which a memtable is rotated that is held back
	readers  int64
	pinned   int64 // of readers
	table    int64 // length at which a table file is ended and the next one begun
}

// A table is at most an eighth of the memory, so that its index and filters,
// one block each, are a small part of the cache; and at most maxTableSize, so
// that dropping a table that is dead takes little else along.
const (
	minTableSize = 16 << 10
	maxTableSize = 64 << 20

	// maxMemtable keeps a memtable within what its hash table and its arena can
	// name: it takes 60 bytes a record at least.
	maxMemtable = 4 << 30

	// maxMemtableSlack is by how much a memtable may come out larger than was
	// thought when it was asked for room, in bytes: by copies of blocks of its
	// index. A small one has a sixteenth of itself.
	maxMemtableSlack = 64 << 10
)

func (o *Options) budget() budget {
	memtable := min(o.Memory/6, maxMemtable) - min(o.Memory/128, maxMemtableSlack)
	return budget{
		memtable: memtable,
		held:     memtable / 3,
		readers:  o.Memory - o.Memory/3,
		pinned:   o.Memory / 4,
		table:    max(minTableSize, min(o.Memory/8, maxTableSize)),
	}
}
