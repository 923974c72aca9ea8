package lmdb

import (
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/internal/spec"
)

// Engine is the name of the store.
const Engine = "lmdb"

// Options configure Open. The zero value is the tuning that the package
// comment describes.
type Options struct {
	kv.Options

	// WriteMap writes through the map instead of copying changed pages.
	WriteMap bool

	// Unsafe commits at each Apply without waiting for the disk.
	Unsafe bool
}

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
		spec.Bool("writemap", "Change pages in the map instead of in copies; the file then looks as large as the map, 64 GiB.", "false",
			func(o *Options) *bool { return &o.WriteMap }),
		spec.Bool("unsafe", "Commit each Apply without waiting for the disk, as many users do; a crash of the machine may destroy the store.", "false",
			func(o *Options) *bool { return &o.Unsafe }),
	}
}
