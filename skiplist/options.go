package skiplist

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/spec"
)

// Options are the settings of a store. The zero value works.
type Options struct {
	// Zero Memory is no bound. CompressionDefault is none, and no other
	// compression is supported.
	statelab.Options

	// Index is what keeps the records in order; zero is IndexArena. It can
	// change from one opening to the next.
	Index Index

	// Hash is what finds the records of a join key beside the index; zero is
	// HashPrefix. It can change from one opening to the next. IndexHuandu is
	// always by itself.
	Hash Hash

	// Layout is how IndexArena lays out the list; zero is LayoutBlocks. It can
	// change from one opening to the next.
	Layout Layout

	// MaxHeight is the greatest number of levels of LayoutTowers, from 1 to 24;
	// zero is 16.
	MaxHeight int
	// Branching is how many records of a level of LayoutTowers there are for one
	// that also stands on the next, from 2 to 256; zero is 4, Pugh's advice where
	// memory counts: a third of a link more than a plain list, at the price of a
	// few more comparisons.
	Branching int

	// Fanout is how many keys of a level LayoutBlocks has for one of the next,
	// from 4 to 64; zero is 32.
	Fanout int

	// LogLimit is the length in bytes up to which the log is not shortened by a
	// snapshot, however little is live; zero is 512 KiB.
	LogLimit int64
}

// Bounds of Options.
const (
	DefaultLogLimit = memstore.DefaultLogLimit
	MinLogLimit     = 1 << 10

	maxHeight        = 24
	defaultHeight    = 16
	maxBranching     = 256
	defaultBranching = 4
)

// Index names what keeps the records in order.
type Index uint8

const (
	// IndexArena is a list of this package, and records in off-heap memory.
	IndexArena Index = iota
	// IndexHuandu is github.com/huandu/skiplist, and records on the Go heap:
	// the reference that the arena is judged against.
	IndexHuandu
)

var indexes = []string{"arena", "huandu"}

func (i Index) String() string {
	if int(i) < len(indexes) {
		return indexes[i]
	}
	return fmt.Sprintf("unknown(%d)", uint8(i))
}

// Layout says what a node of the list is.
type Layout uint8

const (
	// LayoutBlocks is a node for neighbouring keys, with their heads beside the
	// references: a look-up reads a few cache lines on each level.
	LayoutBlocks Layout = iota
	// LayoutTowers is a node for each key, with a link for each of its levels.
	LayoutTowers
)

var layouts = []string{"blocks", "towers"}

func (l Layout) String() string {
	if int(l) < len(layouts) {
		return layouts[l]
	}
	return fmt.Sprintf("unknown(%d)", uint8(l))
}

// Hash says what finds the records of a join key, or single ones.
type Hash uint8

const (
	// HashPrefix is a hash table over join keys (Options.Prefix), or over keys
	// if there is no prefix.
	HashPrefix Hash = iota
	// HashOff is the index alone.
	HashOff
)

var hashes = []string{"prefix", "off"}

func (h Hash) String() string {
	if int(h) < len(hashes) {
		return hashes[h]
	}
	return fmt.Sprintf("unknown(%d)", uint8(h))
}

// Params describes what a backend spec can set.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		spec.Enum("index", "What keeps the records in order.", "arena", indexes,
			func(o *Options) *Index { return &o.Index }),
		spec.Enum("hash", "What finds the records of a join key; the huandu index is always by itself.", "prefix", hashes,
			func(o *Options) *Hash { return &o.Hash }),
		spec.Enum("layout", "What a node of the arena's list is: a key with its tower of links, or a block of neighbouring keys.", "blocks", layouts,
			func(o *Options) *Layout { return &o.Layout }),
		spec.Int("fanout", "How many keys of a level there are for one of the next in a list of blocks.", fmt.Sprint(defaultFanout), minFanout, maxFanout,
			func(o *Options) *int { return &o.Fanout }),
		spec.Int("max_height", "The greatest number of levels of the arena's list.", fmt.Sprint(defaultHeight), 1, maxHeight,
			func(o *Options) *int { return &o.MaxHeight }),
		spec.Int("branching", "How many keys of a level of the arena's list there are for one of the next.", fmt.Sprint(defaultBranching), 2, maxBranching,
			func(o *Options) *int { return &o.Branching }),
		spec.Size("log_limit", "Length up to which the log is not shortened by a snapshot.",
			spec.FormatSize(DefaultLogLimit), MinLogLimit, 1<<40,
			func(o *Options) *int64 { return &o.LogLimit }),
	}
}

// resolve returns a copy of o, which may be nil, with zeros replaced by
// defaults, or an error that names every fault.
func (o *Options) resolve() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	common, commonErr := r.Options.Resolve()
	r.Options = common
	err := errors.Join(commonErr, memstore.CheckCompression(r.Compression))
	if r.MaxHeight == 0 {
		r.MaxHeight = defaultHeight
	}
	if r.MaxHeight < 1 || r.MaxHeight > maxHeight {
		err = errors.Join(err, fmt.Errorf("options: MaxHeight is %d, not from 1 to %d", r.MaxHeight, maxHeight))
	}
	if r.Branching == 0 {
		r.Branching = defaultBranching
	}
	if r.Branching < 2 || r.Branching > maxBranching {
		err = errors.Join(err, fmt.Errorf("options: Branching is %d, not from 2 to %d", r.Branching, maxBranching))
	}
	if int(r.Index) >= len(indexes) {
		err = errors.Join(err, fmt.Errorf("options: Index %d is unknown", r.Index))
	}
	if int(r.Hash) >= len(hashes) {
		err = errors.Join(err, fmt.Errorf("options: Hash %d is unknown", r.Hash))
	}
	if int(r.Layout) >= len(layouts) {
		err = errors.Join(err, fmt.Errorf("options: Layout %d is unknown", r.Layout))
	}
	if r.Fanout != 0 && (r.Fanout < minFanout || r.Fanout > maxFanout) {
		err = errors.Join(err, fmt.Errorf("options: Fanout is %d, not from %d to %d", r.Fanout, minFanout, maxFanout))
	}
	if r.LogLimit != 0 && r.LogLimit < MinLogLimit {
		err = errors.Join(err, fmt.Errorf("options: LogLimit is %d bytes, less than the least of %d", r.LogLimit, MinLogLimit))
	}
	return r, err
}
