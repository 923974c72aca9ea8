package memstore

import (
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// An element is one piece of the arena, unless it is the first of a record: that
// lies in the record's piece, whose header begins with the element's. What
// readers look at is atomic or never changes; the other fields are the
// writer's.
//
//	OFFSET  SIZE  FIELD
//	0       8     expiry
//	8       6     born: the sequence of the batch that brought it (low 4 bytes, high 2)
//	14      1     kind of piece: 0 appended element, 1 record, 2 record without a first element
//	15      1     flags, the writer's
//	16      4     length
//	20      4     next older element; of a record, its newest element
//	24      4     next newer element; of the newest, the record (the writer's)
//	28      4     next in a list: of its wheel slot, or of what a view holds (the writer's)
//	32      4     previous in its wheel slot; of garbage, low half of the sequence since which it is (the writer's)
//	36      4     of a record, its end; of an appended element, a bound on the bytes up to it (the writer's)
//	40            bytes, if it is an appended element
type element struct {
	expireAt int64
	bornLow  uint32
	bornHigh uint16
	kind     uint8
	flags    uint8
	size     uint32
	older    atomic.Uint32
	newer    arena.Ref
	next     arena.Ref
	prev     arena.Ref
	extra    atomic.Uint32
}

// A record is the header of a piece that bears a key:
//
//	OFFSET  SIZE  FIELD
//	0       40    its first element, and its newest and its end
//	40      4     older record of the same key; zero is none
//	44      4     next record of the same join key; see groups.go
//	48      4     previous dirty record; of a replaced record, the one in its place
//	52      4     next dirty record
//	56      2     length of the key
//	58      1     number of links
//	59      1     state, the writer's
//	60            links of the index, 4 bytes each
//	              key
//	              bytes of the first element
type record struct {
	element
	prior     atomic.Uint32
	chain     atomic.Uint32
	dirtyPrev arena.Ref
	dirtyNext arena.Ref
	keyLen    uint16
	links     uint8
	state     uint8
}

// Kinds of pieces.
const (
	appended   = iota // an element of its own
	withFirst         // a record with its first element
	withoutAny        // a record whose first element is gone
)

// Flags of an element.
const (
	elementGarbage = 1 << iota // dead or shadowed, and waiting to be freed
	elementSaved               // it was written to a file
)

// States of a record.
const (
	recordDirty    = 1 << iota // changed since the last Sync
	recordSaved                // something of it may live in the files as of the last Sync
	recordReplaced             // another record is in its place in the index
)

const (
	elementHead = int(unsafe.Sizeof(element{}))
	headSize    = int(unsafe.Offsetof(record{}.state)) + 1
	linkSize    = 4 // bytes
)

func (r *records) rec(ref arena.Ref) *record { return (*record)(r.mem.Ptr(ref)) }

func (r *records) elem(ref arena.Ref) *element { return (*element)(r.mem.Ptr(ref)) }

func (e *element) born() uint64 { return uint64(e.bornHigh)<<32 | uint64(e.bornLow) }

func (e *element) setBorn(seq uint64) { e.bornLow, e.bornHigh = uint32(seq), uint16(seq>>32) }

// valueAt returns where in the piece the element's bytes are.
func (e *element) valueAt() int {
	if e.kind == appended {
		return elementHead
	}
	rec := (*record)(unsafe.Pointer(e))
	return headSize + linkSize*int(rec.links) + int(rec.keyLen)
}

// value returns the element's bytes, which alias the arena.
func (e *element) value() []byte {
	return arena.Slice(unsafe.Pointer(e), e.valueAt(), int(e.size))
}

// keyAndFirst returns the key and the bytes of the first element, which is there.
// They alias the arena.
func (rec *record) keyAndFirst() []byte {
	return arena.Slice(unsafe.Pointer(rec), rec.valueAt()-int(rec.keyLen), int(rec.keyLen)+int(rec.size))
}

// pieceSize returns the size of the piece that e begins.
func (e *element) pieceSize() int {
	if e.kind == withoutAny {
		return e.valueAt()
	}
	return e.valueAt() + int(e.size)
}

func (rec *record) newest() arena.Ref { return arena.Ref(rec.older.Load()) }

func (rec *record) setNewest(ref arena.Ref) { rec.older.Store(uint32(ref)) }

// A record ends when it is deleted: those who read from a later sequence on do
// not see it. Its end is the low half of that sequence, which is not zero; see
// nextSeq. Readers are never so far behind that it could be mistaken: those
// that are bounded by an epoch are quick, views are given up in time
// (maxViewDistance), and when no view can see the record it is emptied.
func (rec *record) endedBy(seq uint64) bool {
	end := rec.extra.Load()
	return end != 0 && int32(uint32(seq)-end) >= 0
}

func (rec *record) ended() bool { return rec.extra.Load() != 0 }

// nextSeq returns the sequence of the next batch. The low half of a sequence is
// never zero.
func nextSeq(seq uint64) uint64 {
	if seq++; uint32(seq) == 0 {
		seq++
	}
	return seq
}

// newRecord makes a record of one element that is in no index yet. It is the
// only one in its own list of elements.
func (r *records) newRecord(op statelab.Op, seq uint64) (arena.Ref, error) {
	links := r.index.Links(op.Key)
	ref, err := r.mem.Alloc(headSize + linkSize*links + len(op.Key) + len(op.Value))
	if err != nil {
		return 0, err
	}
	rec := r.rec(ref)
	*rec = record{keyLen: uint16(len(op.Key)), links: uint8(links)}
	rec.init(op, seq, withFirst, r.loading)
	rec.setNewest(ref)
	rec.newer = ref
	p := unsafe.Pointer(rec)
	clear(arena.Slice(p, headSize, linkSize*links))
	copy(arena.Slice(p, headSize+linkSize*links, len(op.Key)), op.Key)
	copy(rec.value(), op.Value)
	return ref, nil
}

// newElement makes an element that is in no record yet.
func (r *records) newElement(op statelab.Op, seq uint64) (arena.Ref, error) {
	ref, err := r.mem.Alloc(elementHead + len(op.Value))
	if err != nil {
		return 0, err
	}
	e := r.elem(ref)
	*e = element{}
	e.init(op, seq, appended, r.loading)
	copy(e.value(), op.Value)
	return ref, nil
}

func (e *element) init(op statelab.Op, seq uint64, kind uint8, saved bool) {
	e.expireAt, e.size, e.kind = op.ExpireAt, uint32(len(op.Value)), kind
	e.setBorn(seq)
	if saved {
		e.flags = elementSaved
	}
}

// size of a piece as the arena counts it.
func (r *records) sizeOf(e *element) int { return r.mem.SizeOf(e.pieceSize()) }

func (r *records) freePiece(ref arena.Ref) { r.mem.Free(ref, r.elem(ref).pieceSize()) }

// push makes an element the newest of its record.
func (r *records) push(recRef, ref arena.Ref) {
	rec, e := r.rec(recRef), r.elem(ref)
	newest := rec.newest()
	e.extra.Store(uint32(min(r.bound(recRef)+uint64(e.size), 1<<32-1)))
	e.older.Store(uint32(newest))
	e.newer = recRef
	if newest != 0 {
		r.elem(newest).newer = ref
	}
	rec.setNewest(ref)
}

// unlinkElement takes an element out of the list of its record, and returns
// what then is newer than its older one: the record, if it was the newest. The
// first element of a record is the oldest in its list, which leads back to the
// record; it goes by cutting the list behind the second.
func (r *records) unlinkElement(ref arena.Ref) (newer arena.Ref) {
	e := r.elem(ref)
	if e.kind != appended {
		r.elem(e.newer).older.Store(0)
		return e.newer
	}
	older := arena.Ref(e.older.Load())
	r.elem(e.newer).older.Store(uint32(older))
	if older != 0 {
		r.elem(older).newer = e.newer
	}
	return e.newer
}

// bound returns a bound on the bytes of the record's live elements.
func (r *records) bound(ref arena.Ref) uint64 {
	switch newest := r.rec(ref).newest(); newest {
	case 0:
		return 0
	case ref:
		return uint64(r.rec(ref).size)
	default:
		return uint64(r.elem(newest).extra.Load())
	}
}
