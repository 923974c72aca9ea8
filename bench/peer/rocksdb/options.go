package rocksdb

import (
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/internal/spec"
)

// Engine is the name of the store.
const Engine = "rocksdb"

// Options configure Open. The zero value is the tuning that the package
// comment describes.
type Options struct {
	kv.Options

	// Memtable is the size of a memtable in bytes; zero is an eighth of Memory.
	Memtable int64

	// Blobs is the least size, in bytes, of values that are kept in blob
	// files; zero keeps all of them in tables.
	Blobs int64

	// PrefixBytes is how many bytes of a key its prefix has; zero is 12.
	PrefixBytes int

	// NoStatistics does without RocksDB's counters.
	NoStatistics bool
}

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
		spec.Size("memtable", "Size of a memtable; of two at most. 0 is an eighth of memory.", "0", 0, 1<<32,
			func(o *Options) *int64 { return &o.Memtable }),
		spec.Size("blobs", "Least size of values that are kept in blob files, apart from their keys. 0 keeps none there.", "0", 0, 1<<20,
			func(o *Options) *int64 { return &o.Blobs }),
		spec.Int("prefix", "Bytes of a key that are its prefix, for filters. 0 is 12.", "0", 0, 64,
			func(o *Options) *int { return &o.PrefixBytes }),
		spec.Bool("no_statistics", "Do without RocksDB's counters, and so without the bytes it wrote.", "false",
			func(o *Options) *bool { return &o.NoStatistics }),
	}
}
