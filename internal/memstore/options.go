package memstore

import (
	"fmt"
	"path/filepath"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
)

// Options say what a store is made of.
type Options struct {
	statelab.Options

	Engine   string            // as Stats and the directory name it
	Settings map[string]string // fixed when the directory is made

	// LogLimit is the length of the log in bytes that is worth no snapshot, which
	// costs a few syncs and files whatever its size; zero is DefaultLogLimit.
	LogLimit int64

	// NewArena makes the memory of records.
	NewArena func() *arena.Arena
	// NewIndex makes the order of records, which may use that memory too.
	NewIndex func(*arena.Arena, Retirer) (Index, error)
	// Hash adds a hash table that finds the records of a join key (Prefix), or
	// single records if there is no prefix. It counts in Options.Memory.
	Hash bool
}

// DefaultLogLimit is replayed in some milliseconds.
const DefaultLogLimit = 512 << 10

const (
	formatVersion = 1
	logDirName    = "LOG"
	firstSegment  = 1 // of a new store's log
	logPurpose    = meter.Log
)

func (o *Options) identity() storedir.Identity {
	return storedir.Identity{Engine: o.Engine, Version: formatVersion, Prefix: o.Prefix.Name, Settings: o.Settings}
}

// CheckCompression says whether files can be compressed as asked: they cannot.
func CheckCompression(c statelab.Compression) error {
	if c == statelab.CompressionDefault || c == statelab.CompressionNone {
		return nil
	}
	return fmt.Errorf("Compression %s is not supported by a memory-resident store; allowed: default, none", c)
}

func (s *Store) logOptions(dir string, purpose meter.Purpose) wal.Options {
	return wal.Options{
		FS:            s.fs,
		Dir:           filepath.Join(dir, logDirName),
		Meter:         &s.meter,
		Purpose:       purpose,
		Policy:        s.o.Durability,
		Interval:      s.o.SyncInterval,
		Deterministic: s.o.Maintenance == statelab.MaintenanceInline,
		OnTick: func(start time.Time) {
			s.o.ReportMaintenance(statelab.EventLogSync, start, 0)
		},
	}
}
