package statelab

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/statelab/statelab/vfs"
)

// Options are common to all engines. The zero value works.
type Options struct {
	// Memory bounds, in bytes, caches, buffers and memory-resident state
	// together. Zero is DefaultMemory for engines that keep state on disk and
	// no bound for memory-resident ones.
	Memory int64

	// Durability says what survives a crash; zero is DurabilityCheckpoint.
	Durability Durability

	// SyncInterval is the longest time between syncs of the log under
	// DurabilityInterval; zero is one second.
	SyncInterval time.Duration

	// Prefix says where the join key ends in a key, so that engines can build
	// filters and hashes on it. Zero means that keys have no such part. Its
	// name is stored, and opening with another is refused.
	Prefix Prefix

	// Compression of what goes to disk; zero is the engine's default.
	Compression Compression

	// FS is the file system; nil is vfs.OS.
	FS vfs.FS

	// Logger gets what an operator would want to know (recovery, slow
	// maintenance); nil discards it.
	Logger *slog.Logger

	// Maintenance says who runs flushes, compactions and sweeps; zero is
	// MaintenanceBackground.
	Maintenance Maintenance

	// OnMaintenance is called when a flush, a compaction, a stall or the like
	// has ended, if it is not nil. Any goroutine may call it, several may at a time, and
	// they may hold locks of the store: it must be quick, and must not call the
	// store. What a store reports, and whether it does, is up to it.
	OnMaintenance func(MaintenanceEvent)

	// OnBlockAccess, if not nil, is told of every look-up of a block in the
	// engine's own cache, and of blocks that come into being and go. Each
	// look-up that Stats.Cache counts is told once, but for those whose read
	// failed. It is called on the goroutine that the store works on,
	// from several at a time if several do, and with locks of the store held:
	// it must be safe for that, quick, and must not call the store. With
	// MaintenanceInline and a single caller, two runs of the same calls tell the
	// same in the same order. Memory-resident stores have no blocks and tell nothing.
	OnBlockAccess func(BlockAccess)
}

// Defaults and bounds of Options.
const (
	DefaultMemory       = 64 << 20 // bytes, for engines that keep state on disk
	MinMemory           = 64 << 10 // bytes; less holds no page and no buffer
	DefaultSyncInterval = time.Second
)

// Prefix tells engines where the join key ends.
type Prefix struct {
	Name string
	// Len returns the length of key's prefix, at most len(key). It must depend
	// on the prefix alone: Len(key) == Len(key[:Len(key)]) == Len(key[:Len(key)] + anything).
	Len func(key []byte) int
}

// Durability says what survives a crash. It means the same in every engine.
type Durability uint8

const (
	// DurabilityCheckpoint: the store opens exactly at its last completed
	// Sync. There is no log; what lives and dies between two Syncs need never
	// be written. (D1)
	DurabilityCheckpoint Durability = iota
	// DurabilityInterval: a log, synced every SyncInterval; a crash loses at
	// most that much of the end of the history, plus one sync. (D2)
	DurabilityInterval
	// DurabilityAlways: a log, synced before Apply and Advance return;
	// concurrent callers share a sync. (D3)
	DurabilityAlways
)

var durabilities = []string{"checkpoint", "interval", "always"}

func (d Durability) String() string { return nameOf(durabilities, uint8(d)) }

// ParseDurability is the inverse of String.
func ParseDurability(s string) (Durability, error) {
	i, err := parseName("durability", durabilities, s)
	return Durability(i), err
}

// Compression is how blocks and pages are compressed on disk.
type Compression uint8

const (
	CompressionDefault Compression = iota // the engine's choice, named in its documentation
	CompressionNone
	CompressionS2
	CompressionZstd
)

var compressions = []string{"default", "none", "s2", "zstd"}

func (c Compression) String() string { return nameOf(compressions, uint8(c)) }

// ParseCompression is the inverse of String.
func ParseCompression(s string) (Compression, error) {
	i, err := parseName("compression", compressions, s)
	return Compression(i), err
}

// Maintenance says which goroutine runs flushes, compactions and sweeps.
type Maintenance uint8

const (
	// MaintenanceBackground runs them on goroutines of the store's own.
	MaintenanceBackground Maintenance = iota
	// MaintenanceInline runs them on the calling goroutine, triggered by
	// counted events, so that two runs of one caller write the same bytes. (O3)
	MaintenanceInline
)

var maintenances = []string{"background", "inline"}

func (m Maintenance) String() string { return nameOf(maintenances, uint8(m)) }

// ParseMaintenance is the inverse of String.
func ParseMaintenance(s string) (Maintenance, error) {
	i, err := parseName("maintenance", maintenances, s)
	return Maintenance(i), err
}

// Resolve returns a copy of o (which may be nil) with zero fields replaced by
// their defaults, or an error that names every fault at once. Memory is left
// zero: its default depends on the engine.
func (o *Options) Resolve() (Options, error) {
	var r Options
	if o != nil {
		r = *o
	}
	var faults []error
	if r.Memory != 0 && r.Memory < MinMemory {
		faults = append(faults, fmt.Errorf("Memory is %d bytes, less than the least of %d", r.Memory, MinMemory))
	}
	if int(r.Durability) >= len(durabilities) {
		faults = append(faults, fmt.Errorf("Durability %d is unknown", r.Durability))
	}
	if int(r.Compression) >= len(compressions) {
		faults = append(faults, fmt.Errorf("Compression %d is unknown", r.Compression))
	}
	if int(r.Maintenance) >= len(maintenances) {
		faults = append(faults, fmt.Errorf("Maintenance %d is unknown", r.Maintenance))
	}
	if r.SyncInterval < 0 {
		faults = append(faults, fmt.Errorf("SyncInterval %v is negative", r.SyncInterval))
	}
	if (r.Prefix.Name == "") != (r.Prefix.Len == nil) {
		faults = append(faults, errors.New("Prefix needs both Name and Len, or neither"))
	}
	if len(faults) > 0 {
		return r, fmt.Errorf("options: %w", errors.Join(faults...))
	}
	if r.SyncInterval == 0 {
		r.SyncInterval = DefaultSyncInterval
	}
	if r.FS == nil {
		r.FS = vfs.OS
	}
	if r.Logger == nil {
		r.Logger = slog.New(slog.DiscardHandler)
	}
	return r, nil
}

func nameOf(names []string, i uint8) string {
	if int(i) < len(names) {
		return names[i]
	}
	return fmt.Sprintf("unknown(%d)", i)
}

func parseName(what string, names []string, s string) (int, error) {
	for i, name := range names {
		if name == s {
			return i, nil
		}
	}
	return 0, fmt.Errorf("unknown %s %q; one of %q", what, s, names)
}
