package goleveldb

import (
	"fmt"

	"github.com/syndtr/goleveldb/leveldb/filter"
	"github.com/syndtr/goleveldb/leveldb/opt"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/internal/spec"
)

// Engine is the name of the store.
const Engine = "goleveldb"

// Options configure Open. The zero value is the tuning that the package
// comment describes.
type Options struct {
	kv.Options

	// WriteBuffer is the size of a write buffer in bytes; zero is an eighth of Memory.
	WriteBuffer int64
}

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
		spec.Size("write_buffer", "Size of a write buffer; of two at most. 0 is an eighth of memory.", "0", 0, 1<<32,
			func(o *Options) *int64 { return &o.WriteBuffer }),
	}
}

// filterBits are the bits of a filter for each key.
const filterBits = 10

// settings returns goleveldb's options.
func (o *Options) settings(p kv.Place) (*opt.Options, error) {
	memory := p.Memory()
	buffer := o.WriteBuffer
	if buffer == 0 {
		buffer = memory / 8
	}
	settings := &opt.Options{
		WriteBuffer:            int(buffer),
		BlockCacheCapacity:     int(max(memory-2*buffer, 0)),
		Filter:                 filter.NewBloomFilter(filterBits),
		DisableSeeksCompaction: true,
	}
	if settings.BlockCacheCapacity == 0 {
		settings.DisableBlockCache = true
	}
	switch p.Options.Compression {
	case statelab.CompressionDefault:
		settings.Compression = opt.SnappyCompression
	case statelab.CompressionNone:
		settings.Compression = opt.NoCompression
	default:
		return nil, fmt.Errorf("compression %s is not one of goleveldb's; it has default (snappy) and none: %w",
			p.Options.Compression, statelab.ErrUnsupported)
	}
	return settings, nil
}
