package memstore

import (
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// MaxLinks is how many links a record can have.
const MaxLinks = 255

// Keys shows an index the keys and links of records. Key and number of links
// never change; links are the index's to read and to write.
type Keys struct{ Mem *arena.Arena }

// Of returns the record's key, which aliases the record.
func (k Keys) Of(ref arena.Ref) []byte {
	rec := (*record)(k.Mem.Ptr(ref))
	return arena.Slice(unsafe.Pointer(rec), headSize+linkSize*int(rec.links), int(rec.keyLen))
}

// Links returns the number of the record's links.
func (k Keys) Links(ref arena.Ref) int { return int((*record)(k.Mem.Ptr(ref)).links) }

// Link returns a link of the record, the first of which is 0.
func (k Keys) Link(ref arena.Ref, i int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Add(k.Mem.Ptr(ref), headSize+linkSize*i))
}

// NewRecord makes a record of no elements, with links that are zero, which can
// be put into an index. Stores make theirs themselves; this is for tests of
// indexes.
func (k Keys) NewRecord(key []byte, links int) (arena.Ref, error) {
	size := headSize + linkSize*links
	ref, err := k.Mem.Alloc(size + len(key))
	if err != nil {
		return 0, err
	}
	clear(k.Mem.Bytes(ref, 0, size))
	rec := (*record)(k.Mem.Ptr(ref))
	rec.keyLen, rec.links, rec.kind = uint16(len(key)), uint8(links), withoutAny
	copy(k.Of(ref), key)
	return ref, nil
}

// FreeRecord frees what NewRecord made.
func (k Keys) FreeRecord(ref arena.Ref) {
	k.Mem.Free(ref, (*element)(k.Mem.Ptr(ref)).pieceSize())
}
