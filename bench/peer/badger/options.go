package badger

import (
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/internal/spec"
)

// Engine is the name of the store.
const Engine = "badger"

// Options configure Open. The zero value is the tuning that the package
// comment describes.
type Options struct {
	kv.Options

	// ValueThreshold is the least size, in bytes, of values that go to the value
	// log; zero keeps all of up to a megabyte in tables.
	ValueThreshold int64
}

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
		spec.Size("value_threshold", "Least size of values that go to the value log, whose garbage is collected at each Sync. 0 keeps them in tables.", "0", 0, 1<<20,
			func(o *Options) *int64 { return &o.ValueThreshold }),
	}
}

// minMemtable is the least size of a memtable, in bytes: a transaction may have 15 % of it.
const minMemtable = 8 << 20

// memtables is how many memtables there may be.
const memtables = 2

// settings returns Badger's options.
func (o *Options) settings(p kv.Place) (badger.Options, error) {
	memory := p.Memory()
	memtable := max(memory/8, minMemtable)
	bo := badger.DefaultOptions(p.Dir).
		WithMemTableSize(memtable).
		WithNumMemtables(memtables).
		WithBlockCacheSize(max(memory-memtables*memtable, 1<<20)).
		WithSyncWrites(p.Options.Durability == statelab.DurabilityAlways).
		WithDetectConflicts(false).
		WithNumCompactors(2).
		WithValueLogFileSize(64 << 20).
		WithLogger(nil)
	bo.ValueThreshold = min(bo.ValueThreshold, memtable/10)
	if o.ValueThreshold > 0 {
		bo.ValueThreshold = min(o.ValueThreshold, bo.ValueThreshold)
	}
	switch p.Options.Compression {
	case statelab.CompressionDefault:
		bo.Compression = options.Snappy
	case statelab.CompressionNone:
		bo.Compression = options.None
	case statelab.CompressionZstd:
		bo.Compression = options.ZSTD
	default:
		return bo, fmt.Errorf("compression %s is not one of Badger's; it has default (snappy), none and zstd: %w",
			p.Options.Compression, statelab.ErrUnsupported)
	}
	return bo, nil
}
