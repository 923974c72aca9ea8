package memstore

import (
	"io"

	"github.com/statelab/statelab/internal/arena"
)

// An OldIndex is an ordered map from keys to records. It keeps each record, with
// its key and whatever links it needs, in one piece of the arena that it was
// made with; the piece begins with RecordSize bytes that belong to this
// package. It need not be safe for concurrent use but by readers among
// themselves.
type OldIndex interface {
	// Find returns the record of key, or 0.
	Find(key []byte) arena.Ref
	// Insert returns the record of key, and makes one, with zero in its first
	// RecordSize bytes, if there is none. The only error is that there is no
	// memory; nothing is changed then.
	Insert(key []byte) (ref arena.Ref, added bool, err error)
	// Remove takes a record out and frees its piece.
	Remove(ref arena.Ref)

	// First, Last, SeekGE, SeekLT, Next and Prev return 0 where there is no record.
	First() arena.Ref
	Last() arena.Ref
	SeekGE(key []byte) arena.Ref
	SeekLT(key []byte) arena.Ref
	Next(ref arena.Ref) arena.Ref
	Prev(ref arena.Ref) arena.Ref

	// Key returns the record's key, which aliases the piece.
	Key(ref arena.Ref) []byte
	// Size returns how many bytes of the arena the record takes.
	Size(ref arena.Ref) int
	// Len returns the number of records.
	Len() int

	// Fixed returns how many bytes of the arena belong to no record.
	Fixed() int
	// Check verifies the structure.
	Check() error
	// Dump prints what it looks like.
	Dump(w io.Writer)
}

// An OldScanner is an OldIndex whose step from a record to the next costs as much as
// a look-up, but for those that it takes together.
type OldScanner interface {
	OldIndex
	// Scan appends to dst, up to its capacity, the records in order from the
	// first with a key >= key on, or > key if after is set.
	Scan(dst []arena.Ref, key []byte, after bool) []arena.Ref
}
