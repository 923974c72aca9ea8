package memstore

import (
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// MaxLinks is how many links a record can have.
const MaxLinks = 127

// Keys shows an index the keys and links of records. Key and number of links
// never change; links are the index's to read and to write.
type Keys struct {
	Mem   *arena.Arena
	saved int // bytes that the records' heads are shorter than those of this package
}

// KeysAfter returns the keys of records that are not of this package, whose
// heads are of so many bytes, at most as many as here, and end as here: with the
// length of the key in 2 bytes, the number of links in 1, whose bit 7 says that 8
// bytes of theirs lie between links and key, and 1 that is theirs.
func KeysAfter(mem *arena.Arena, head int) Keys { return Keys{mem, headSize - head} }

// end returns where the record's head ends.
func (k Keys) end(ref arena.Ref) unsafe.Pointer {
	return unsafe.Add(k.Mem.Ptr(ref), headSize-k.saved)
}

// headEnd is what the heads of all records end with.
type headEnd struct {
	keyLen uint16
	links  linkCount
	_      uint8
}

// A linkCount is the number of links of a record. Its bit 7 is set if the record's
// first element expires: then the expiry lies between links and key.
type linkCount uint8

const expiryLink linkCount = 0x80

func (n linkCount) links() int { return int(n & MaxLinks) }

// size returns how far behind the head the key begins.
func (n linkCount) size() int { return linkSize*n.links() + int(n>>7)*expirySize }

func endOf(p unsafe.Pointer) *headEnd {
	return (*headEnd)(unsafe.Add(p, -int(unsafe.Sizeof(headEnd{}))))
}

// Of returns the record's key, which aliases the record.
func (k Keys) Of(ref arena.Ref) []byte {
	p := k.end(ref)
	end := endOf(p)
	return arena.Slice(p, end.links.size(), int(end.keyLen))
}

// Links returns the number of the record's links.
func (k Keys) Links(ref arena.Ref) int { return endOf(k.end(ref)).links.links() }

// Link returns a link of the record, the first of which is 0.
func (k Keys) Link(ref arena.Ref, i int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Add(k.end(ref), linkSize*i))
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
	rec.keyLen, rec.links, rec.form = uint16(len(key)), linkCount(links), withoutAny
	copy(k.Of(ref), key)
	return ref, nil
}

// FreeRecord frees what NewRecord made.
func (k Keys) FreeRecord(ref arena.Ref) {
	k.Mem.Free(ref, (*element)(k.Mem.Ptr(ref)).pieceSize())
}
