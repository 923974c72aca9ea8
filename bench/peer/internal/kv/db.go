package kv

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/spec"
	"github.com/statelab/statelab/vfs"
)

// A DB is an ordered key-value store. Get, Cursor and Fill may be called
// from any goroutine; the rest is called by one at a time, and nothing during
// or after Close. Slices passed to it are the caller's.
type DB interface {
	// Get appends the value of key to dst, and says whether there is one.
	Get(dst, key []byte) (value []byte, found bool, err error)

	// Begin returns an empty batch. The one before has been committed or
	// discarded, and may be used again.
	Begin() Batch

	// Cursor opens a snapshot of the keys k with lower <= k < upper. lower and
	// upper stay as they are until the cursor is closed. prefix says that
	// they bound the keys of one whole Options.Prefix, for filters.
	Cursor(lower, upper []byte, prefix bool) (Cursor, error)

	// Sync makes durable what has been committed.
	Sync() error

	// Checkpoint writes an openable copy, durable, to dir, which does not exist.
	// If the error is statelab.ErrUnsupported, the adapter copies key by key.
	Checkpoint(dir string) error

	// Fill sets those fields of s that the store knows.
	Fill(s *statelab.Stats)

	// Close closes the store. Under DurabilityCheckpoint it need not keep what
	// was not synced.
	Close() error
}

// A Batch collects changes that Commit makes visible together.
type Batch interface {
	Put(key, value []byte) error
	Delete(key []byte) error
	// Merge appends operand to the value of key. It is called only if
	// Config.Merges.
	Merge(key, operand []byte) error
	// Commit applies the batch; if durable, it returns once that survives a crash.
	Commit(durable bool) error
	Discard()
}

// A Cursor stands on a key of its snapshot, or on none. Seeks are given keys
// within the bounds. After a move that returned false only First, Last and
// seeks follow.
type Cursor interface {
	First() bool
	Last() bool
	SeekGE(key []byte) bool
	SeekLT(key []byte) bool
	Next() bool
	Prev() bool
	// Key and Value are valid until the next move.
	Key() []byte
	Value() ([]byte, error)
	Err() error
	Close() error
}

// A Place is where a DB is opened, and how.
type Place struct {
	Dir     string // exists
	FS      vfs.FS
	Meter   *meter.Meter // for the files of a DB that reaches them through FS
	Options statelab.Options
	// Split returns the length of the part of a key that Options.Prefix
	// names, with the byte before it; nil if there is no Prefix.
	Split func(key []byte) int
}

// Memory returns the budget in bytes, which is the default if none was set.
func (p *Place) Memory() int64 {
	if p.Options.Memory == 0 {
		return statelab.DefaultMemory
	}
	return p.Options.Memory
}

// Options are those that every peer has.
type Options struct {
	statelab.Options

	// Expiry says who gives back the space of dead records.
	Expiry Expiry
}

// A Config says what the adapter has to know of a peer.
type Config struct {
	Engine  string
	Options Options

	// Settings are fixed when a store is made, beside Expiry.
	Settings map[string]string

	MaxKey int  // bytes of the longest key that the peer takes; 0 is no limit
	Merges bool // whether its batches can Merge
	Inline bool // whether all it does, it does on the caller's goroutine
	RealFS bool // whether it reaches files only through the operating system

	// Notes are what a reader of figures must know: that a setting does not
	// survive a crash, that memory is not bounded. Each is a short phrase.
	Notes []string

	Open func(Place) (DB, error)
}

// Expiry is who gives back the space of what has died.
type Expiry uint8

const (
	// ExpiryDriver leaves dead records where they are: the caller deletes.
	ExpiryDriver Expiry = iota
	// ExpiryIndex keeps a time index in the store, and sweeps it at Advance.
	ExpiryIndex
)

// ExpiryNames are the schemes as they are written in a spec.
func ExpiryNames() []string { return []string{"driver", "index"} }

func (e Expiry) String() string { return ExpiryNames()[e] }

// ExpiryParam is the parameter of a spec that chooses the scheme; usual is its
// default.
func ExpiryParam[O any](usual Expiry, field func(*O) *Expiry) spec.Param[O] {
	return spec.Enum("expiry", "Who gives back the space of dead records: the caller by deletes (driver), or the adapter by a time index (index).",
		usual.String(), ExpiryNames(), field)
}
