package pebble

import (
	"fmt"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/internal/spec"
)

// Engine is the name of the store.
const Engine = "pebble"

// Options configure Open. The zero value is the tuning that the package
// comment describes.
type Options struct {
	kv.Options

	// Memtable is the size of a memtable in bytes; zero is a quarter of Memory.
	Memtable int64

	// L0 is how many sublevels of level 0 start a compaction; zero is 4.
	L0 int

	// Blobs is the least size, in bytes, of values that are kept in blob
	// files; zero is 256. One that no value has keeps all of them in tables.
	Blobs int64
}

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
		spec.Size("memtable", "Size of a memtable; of two at most. 0 is a quarter of memory.", "0", 0, 1<<32,
			func(o *Options) *int64 { return &o.Memtable }),
		spec.Int("l0", "Sublevels of level 0 that start a compaction. 0 is Pebble's default, 4.", "0", 0, 64,
			func(o *Options) *int { return &o.L0 }),
		spec.Size("blobs", "Least size of values that are kept in blob files, apart from their keys. 1GiB keeps none there.", "256B", 1, 1<<30,
			func(o *Options) *int64 { return &o.Blobs }),
	}
}

// minMemtable is the least that Pebble begins with anyway, in bytes.
const minMemtable = 64 << 10

// filterBits are the bits of a filter for each prefix: about one false
// positive in a hundred.
const filterBits = 10

// settings returns Pebble's options.
func (o *Options) settings(p kv.Place) (*pebble.Options, error) {
	memory := p.Memory()
	memtable := o.Memtable
	if memtable == 0 {
		memtable = memory / 4
	}
	compression, err := profile(p.Options.Compression)
	if err != nil {
		return nil, err
	}
	po := &pebble.Options{
		CacheSize:                   memory,
		MemTableSize:                uint64(max(memtable, minMemtable)),
		MemTableStopWritesThreshold: 2,
		L0CompactionThreshold:       o.L0,
		DisableWAL:                  p.Options.Durability == statelab.DurabilityCheckpoint,
		FormatMajorVersion:          pebble.FormatNewest,
		Comparer:                    comparer(p.Split),
		Logger:                      logger{p.Options.Logger},
	}
	for i := range po.Levels {
		po.Levels[i].FilterPolicy = bloom.FilterPolicy(filterBits)
		po.Levels[i].Compression = func() *sstable.CompressionProfile { return compression }
	}
	blobs := o.Blobs
	if blobs == 0 {
		blobs = defaultBlobs
	}
	policy := pebble.ValueSeparationPolicy{
		Enabled:               true,
		MinimumSize:           int(blobs),
		MaxBlobReferenceDepth: blobDepth,
		TargetGarbageRatio:    1, // state dies whole and in order of time: blob files empty by themselves
	}
	po.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy { return policy }
	return po, nil
}

// defaultBlobs, in bytes, takes in what a join waits with, and leaves what is
// hardly larger than the reference to it in its table.
const defaultBlobs = 256

// blobDepth is how many blob files that overlap a table may refer to; the
// value that CockroachDB uses.
const blobDepth = 10

func profile(c statelab.Compression) (*sstable.CompressionProfile, error) {
	switch c {
	case statelab.CompressionDefault:
		return sstable.SnappyCompression, nil
	case statelab.CompressionNone:
		return sstable.NoCompression, nil
	case statelab.CompressionZstd:
		return sstable.ZstdCompression, nil
	}
	return nil, fmt.Errorf("compression %s is not one of Pebble's; it has default (snappy), none and zstd: %w", c, statelab.ErrUnsupported)
}

// comparer orders bytewise, and splits keys where the prefix ends.
func comparer(split func([]byte) int) *pebble.Comparer {
	c := *pebble.DefaultComparer
	if split != nil {
		c.Split = split
		c.Name = "statelab.prefix"
	}
	return &c
}
