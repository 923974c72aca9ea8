package memstore

import (
	"io"

	"github.com/statelab/statelab/internal/arena"
)

// An Index is an ordered map from keys to records. Records are pieces of the
// arena that this package makes and frees; they carry their keys, and links
// that are the index's own (see Keys).
//
// Thread safety: there is one writer, which is who calls Seek, Insert, Replace,
// Remove and Check. Beside it any number of readers may call Find, Ascend and
// Descend, each within an epoch (package epoch). They take no lock that the
// writer holds for longer than one call. What a reader must find are the records
// that are in the index all the time from its entering the epoch on; of those
// that come, go or are replaced meanwhile it may find any. What it has found stays
// intact until it leaves the epoch.
type Index interface {
	// Find returns the record of key, or 0 if there is none.
	Find(key []byte) arena.Ref
	// Ascend appends to dst, as far as its capacity goes, the records with a
	// key >= key, or > key if after is set, in ascending order of keys. If it
	// does not fill dst there are no more.
	Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref
	// Descend appends to dst, as far as its capacity goes, the records with a
	// key < key, or all if fromEnd is set, in descending order of keys. If it
	// does not fill dst there are no more.
	Descend(dst []arena.Ref, key []byte, fromEnd bool) []arena.Ref

	// Seek is Find for the writer, who may go on to Insert or Replace the record of
	// the same key: it may remember the way there.
	Seek(key []byte) arena.Ref
	// Links returns how many links the record of key must have. It is the same
	// for a key each time.
	Links(key []byte) int
	// Insert puts in a record whose key is not there. Its links are zero. The
	// only error is that there is no memory; nothing is changed then.
	Insert(ref arena.Ref) error
	// Replace puts new in the place of old, which has the same key, and whose
	// links stay as they are for readers who stand on it. The links of new may
	// hold anything. It takes no memory.
	Replace(old, new arena.Ref)
	// Remove takes a record out, whose links stay as they are for readers who
	// stand on it. It takes no memory, or has some in reserve.
	Remove(ref arena.Ref)

	// Len returns the number of records. It may be called at any time.
	Len() int
	// Overhead returns how many bytes of the arena, as its InUse counts them,
	// belong to no record and have not been retired.
	Overhead() int64
	// Check verifies the structure.
	Check() error
	// Dump prints what it looks like.
	Dump(w io.Writer)
}

// A Retirer takes what an index has made in the arena and unlinked: readers may
// still look at it. It frees the piece of size bytes when none can. It is for
// the writer.
type Retirer interface {
	Retire(ref arena.Ref, size int)
}
