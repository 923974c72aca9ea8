package catalog

import (
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/spec"
)

// maxMemory is far beyond any machine, in bytes.
const maxMemory = 16 << 40

// Shared returns the parameters that all stores take.
func Shared() []spec.Param[statelab.Options] {
	return []spec.Param[statelab.Options]{
		spec.Size("memory", "Bounds caches, buffers and memory-resident state together, in bytes.",
			spec.FormatSize(statelab.DefaultMemory), statelab.MinMemory, maxMemory,
			func(o *statelab.Options) *int64 { return &o.Memory }),
		word("durability", "What survives a crash: the last Sync, all but the last interval, or everything.",
			[]statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways},
			func(o *statelab.Options) *statelab.Durability { return &o.Durability }),
		spec.Duration("sync_interval", "The longest time between syncs of the log with durability=interval.",
			statelab.DefaultSyncInterval.String(), time.Millisecond, time.Hour,
			func(o *statelab.Options) *time.Duration { return &o.SyncInterval }),
		word("compression", "How blocks and pages are compressed on disk.",
			[]statelab.Compression{statelab.CompressionDefault, statelab.CompressionNone, statelab.CompressionS2, statelab.CompressionZstd},
			func(o *statelab.Options) *statelab.Compression { return &o.Compression }),
		word("maintenance", "Whether flushes, compactions and sweeps run in the background or inline, on the caller's goroutine.",
			[]statelab.Maintenance{statelab.MaintenanceBackground, statelab.MaintenanceInline},
			func(o *statelab.Options) *statelab.Maintenance { return &o.Maintenance }),
	}
}

// word is a parameter that takes the names of values, which count from zero;
// the zero value is the default.
func word[E interface {
	~uint8
	String() string
}](name, doc string, values []E, field func(*statelab.Options) *E) spec.Param[statelab.Options] {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	return spec.Enum(name, doc, names[0], names, field)
}
