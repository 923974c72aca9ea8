package btree

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/pool"
	"github.com/statelab/statelab/internal/spec"
)

// Options are the settings of a store. The zero value works.
type Options struct {
	// Compression is of leaves (compress.go), in IndexPaged only. It is fixed when the
	// store is made: CompressionDefault is none then, and takes what is found later.
	statelab.Options

	// Index says where the tree is kept; zero is IndexPaged. It is fixed when
	// the store is made.
	Index Index

	// PageSize is the size of a page in bytes, a power of two; zero is 4 KiB. It
	// is fixed when the store is made: opening with zero takes what is found.
	// It is of IndexPaged only.
	PageSize int

	// Update says how pages of the last commit are changed; zero is UpdateCOW. It is fixed
	// when the store is made, and of IndexPaged without Compression only.
	Update Update

	// LogLimit is the length of the log in bytes at which the tree is committed
	// and the log begun anew, so that recovery has no more to replay; zero is as
	// much as Memory, since a commit empties the write buffer. With UpdateInPlace the images
	// count too, and are never more than that by themselves: where they would be, changed pages get other
	// places, and the file becomes longer until the next commit. Commits come more often then, and let the log
	// keep what the write buffer holds (fuzzy.go). There is no log with DurabilityCheckpoint,
	// but for UpdateInPlace: then it is Syncs that commit the tree. It is of IndexPaged only.
	LogLimit int64

	// Pool chooses which page of the buffer pool is given up for another; zero is
	// PoolClock. It is of IndexPaged only.
	Pool PoolPolicy

	// WriteBuffer is how much of Memory, in bytes, the write buffer may take of
	// the pool's pages when it has something to hold; zero is three quarters, and WriteBufferOff
	// is none: every change then goes to its leaf at once. So it is with a Memory
	// of fewer than 32 pages. It is of IndexPaged only.
	WriteBuffer int64

	// Defrag is how many leaves merges may write for no other reason than that
	// neighbours stand side by side in the file again, in hundredths of the leaves
	// that are written because something came to them. It is of IndexPaged only.
	Defrag int
}

// PoolPolicy names a policy of the buffer pool.
type PoolPolicy = pool.Kind

const (
	// PoolClock gives up the first page, going round, that was not used since it was last
	// considered. A use costs a load, and takes no lock.
	PoolClock = pool.KindClock
	// PoolLRU gives up the page that was not used for longest. A use takes a lock.
	PoolLRU = pool.KindLRU
	// Pool2Q keeps what comes back soon after it was given up apart from what is used
	// once, lately. A use takes a lock.
	Pool2Q = pool.Kind2Q
	// PoolS3FIFO keeps what was used more than once since it came, or comes back
	// soon. A use costs a load or two, and takes no lock.
	PoolS3FIFO = pool.KindS3FIFO
)

// WriteBufferOff is the Options.WriteBuffer of a tree that has none.
const WriteBufferOff = -1

// Update says how pages of the last commit are changed.
type Update uint8

const (
	// UpdateCOW copies them: what the last commit leads to stays as it is until the next one is durable.
	UpdateCOW Update = iota
	// UpdateInPlace writes over them, and keeps images of what was there (image.go). There is
	// a log under every Durability then.
	UpdateInPlace
)

var updates = []string{"cow", "inplace"}

func (u Update) String() string {
	if int(u) < len(updates) {
		return updates[u]
	}
	return fmt.Sprintf("unknown(%d)", uint8(u))
}

// Index says where the tree is kept.
type Index uint8

const (
	// IndexPaged keeps it in pages of a file, with a buffer pool.
	IndexPaged Index = iota
	// IndexMemory keeps it in memory, as a github.com/google/btree of pointers
	// with a log and snapshots on disk (package internal/memstore): a reference
	// for what pages cost and gain. Options.Memory bounds all its state then.
	IndexMemory
)

var indexes = []string{"paged", "memory"}

func (i Index) String() string {
	if int(i) < len(indexes) {
		return indexes[i]
	}
	return fmt.Sprintf("unknown(%d)", uint8(i))
}

// Defaults and bounds of Options.
const (
	DefaultPageSize = 4 << 10 // bytes: what a disk moves at a time
	MinPageSize     = 4 << 10
	MaxPageSize     = 64 << 10 // offsets in a page have 16 bits
	MinLogLimit     = 64 << 10
	MaxDefrag       = 1000 // hundredths

	maxAutoSize = 1 << 40 // of LogLimit and WriteBuffer

	// minMemoryPages is how many pages Options.Memory must hold: a pool that the
	// writer cannot exhaust, and its scratch space.
	minMemoryPages = 16

	// bufferedPages is how many it must hold for a write buffer besides.
	bufferedPages = 32
)

// Params describes what a backend spec can set.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		spec.Enum("index", "Where the tree is kept: in pages of a file behind a buffer pool, or in memory, as a google/btree with a log.", "paged", indexes,
			func(o *Options) *Index { return &o.Index }),
		spec.Size("page_size", "Size of a page, a power of two, fixed when the store is made.",
			spec.FormatSize(DefaultPageSize), MinPageSize, MaxPageSize,
			func(o *Options) *int { return &o.PageSize }),
		spec.Enum("update", "What becomes of pages of the last commit that change: cow copies them, inplace writes over them and keeps images and a log; fixed when the store is made.",
			"cow", updates, func(o *Options) *Update { return &o.Update }),
		spec.Enum("pool", "Which page of the buffer pool is given up for another: clock and s3fifo take no lock for a page that is there, lru and 2q do.",
			"clock", pool.KindNames(), func(o *Options) *PoolPolicy { return &o.Pool }),
		spec.AutoSize("log_limit", "Length of the log at which the tree is committed and the log begun anew, and the most that images take; auto is as much as memory.",
			[]string{"auto"}, MinLogLimit, maxAutoSize, func(o *Options) *int64 { return &o.LogLimit }),
		spec.AutoSize("write_buffer", "How much of the memory may hold changes that have yet to be merged into leaves, many into each; auto is three quarters.",
			[]string{"auto", "off"}, MinPageSize, maxAutoSize, func(o *Options) *int64 { return &o.WriteBuffer }),
		spec.Int("defrag", "Leaves that may be written so that neighbours stand side by side in the file, in hundredths of those that must be.",
			"0", 0, MaxDefrag, func(o *Options) *int { return &o.Defrag }),
	}
}

// resolve returns a copy of o, which may be nil, with zeros replaced by
// defaults, or an error that names every fault. PageSize may be left zero.
func (o *Options) resolve() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	common, err := r.Options.Resolve()
	faults := []error{err}
	r.Options = common
	if int(r.Index) >= len(indexes) {
		faults = append(faults, fmt.Errorf("Index %d is unknown", r.Index))
	}
	if r.Index == IndexMemory {
		faults = append(faults, memstore.CheckCompression(r.Compression))
	}
	switch {
	case r.Index == IndexPaged:
		faults = append(faults, r.resolvePaged())
	case r.PageSize != 0 || r.LogLimit != 0 || r.WriteBuffer != 0 || r.Defrag != 0 || r.Pool != 0 || r.Update != 0:
		faults = append(faults, fmt.Errorf("PageSize, Update, LogLimit, WriteBuffer, Defrag and Pool are of index paged, not %s", r.Index))
	}
	return r, errors.Join(faults...)
}

func (r *Options) resolvePaged() error {
	var faults []error
	if r.Memory == 0 {
		r.Memory = statelab.DefaultMemory
	}
	if r.LogLimit == 0 {
		r.LogLimit = max(r.Memory, MinLogLimit)
	}
	if r.WriteBuffer == 0 {
		r.WriteBuffer = r.Memory / 4 * 3
	}
	if r.WriteBuffer < WriteBufferOff || r.WriteBuffer > r.Memory {
		faults = append(faults, fmt.Errorf("WriteBuffer is %d bytes, not up to the %d of Memory", r.WriteBuffer, r.Memory))
	}
	if r.Defrag < 0 || r.Defrag > MaxDefrag {
		faults = append(faults, fmt.Errorf("Defrag is %d hundredths, not up to %d", r.Defrag, MaxDefrag))
	}
	if int(r.Pool) >= len(pool.KindNames()) {
		faults = append(faults, fmt.Errorf("Pool %d is unknown", r.Pool))
	}
	if r.Update == UpdateInPlace && r.compresses() {
		faults = append(faults, fmt.Errorf("Compression %s is not for Update %s, where pages keep whole places", r.Compression, r.Update))
	}
	if int(r.Update) >= len(updates) {
		faults = append(faults, fmt.Errorf("Update %d is unknown", r.Update))
	}
	if r.LogLimit < MinLogLimit {
		faults = append(faults, fmt.Errorf("LogLimit is %d bytes, less than the least of %d", r.LogLimit, int64(MinLogLimit)))
	}
	switch {
	case r.PageSize == 0:
	case !validPageSize(r.PageSize):
		faults = append(faults, fmt.Errorf("PageSize is %d bytes, not a power of two from %d to %d", r.PageSize, MinPageSize, MaxPageSize))
	default:
		faults = append(faults, r.checkMemory())
	}
	return errors.Join(faults...)
}

// checkMemory says whether the memory is enough for pages of r.PageSize.
func (r *Options) checkMemory() error {
	if least := int64(minMemoryPages * r.PageSize); r.Memory < least {
		return fmt.Errorf("Memory of %d bytes is less than the least of %d for pages of %d bytes", r.Memory, least, r.PageSize)
	}
	return nil
}

func validPageSize(n int) bool { return n >= MinPageSize && n <= MaxPageSize && n&(n-1) == 0 }
