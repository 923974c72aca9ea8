package bbolt

import (
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/internal/spec"
)

// Engine is the name of the store.
const Engine = "bbolt"

// Options configure Open. The zero value is the tuning that the package
// comment describes.
type Options struct {
	kv.Options

	// Unbuffered makes each Apply a transaction of its own.
	Unbuffered bool

	// NoSync leaves out the syncs of commits but for those of Sync. What a
	// crash then leaves may not open.
	NoSync bool
}

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
		spec.Bool("unbuffered", "Whether each Apply is a transaction of its own, instead of writes being gathered in half of the memory.", "false",
			func(o *Options) *bool { return &o.Unbuffered }),
		spec.Bool("nosync", "Whether commits between Syncs are not synced. UNSAFE: a crash may leave a file that does not open.", "false",
			func(o *Options) *bool { return &o.NoSync }),
	}
}
