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
//	0       6     born: the sequence of the batch that brought it (low 4 bytes, high 2)
//	6       1     form: kind of piece (0 appended element, 1 record, 2 record without a first element); bit 7 set if it expires
//	7       1     flags, the writer's
//	8       4     length
//	12      4     next older appended element; of a record, its newest one; zero is none
//	16      4     next in a list: of its wheel slot, or of what a view holds (the writer's)
//	20      4     previous in its wheel slot; of garbage, what is said below (the writer's)
//	24      4     of a record, its end; of an appended element, a bound on the bytes up to it (the writer's)
//
// and an appended element goes on:
//
//	28      4     next newer element; of the newest, the record (the writer's)
//	32      8     expiry, if it expires
//	              bytes
//
// What is previous is, of garbage, the low half of the sequence since which an
// appended element is garbage, and of a record that was replaced the one in its
// place.
type element struct {
	bornLow  uint32
	bornHigh uint16
	form     uint8
	flags    uint8
	size     uint32
	older    atomic.Uint32
	next     arena.Ref
	prev     arena.Ref
	extra    atomic.Uint32
}

// An appendedElement is an element that is a piece of its own.
type appendedElement struct {
	element
	newer arena.Ref
}

// A record is the header of a piece that bears a key:
//
//	OFFSET  SIZE  FIELD
//	0       28    its first element, and its newest and its end
//	28      4     older record of the same key; zero is none
//	32      4     next record of the same join key; see groups.go
//	36      2     length of the key
//	38      1     number of links; bit 7 set if the first element expires
//	39      1     state, the writer's
//	40            links of the index, 4 bytes each
//	        8     expiry of the first element, if it expires
//	              key
//	              bytes of the first element
type record struct {
	element
	prior  atomic.Uint32
	chain  atomic.Uint32
	keyLen uint16
	links  linkCount
	state  uint8
}

// Kinds of pieces.
const (
	appended   = iota // an element of its own
	withFirst         // a record with its first element
	withoutAny        // a record whose first element is gone

	formExpires = 0x80 // in a form, beside the kind
)

// Flags of an element.
const (
	elementGarbage  = 1 << iota // dead or shadowed, and waiting to be freed
	elementSaved                // it was written to a file
	elementUnlinked             // it is the first of a record, and nobody sees it any more
)

// States of a record.
const (
	recordDirty    = 1 << iota // changed since the last Sync
	recordSaved                // something of it may live in the files as of the last Sync
	recordReplaced             // another record is in its place in the index
	recordLoose                // its group is long, and it is in no chain; see groups.go
	recordLeads                // and the group's entry leads to it
)

const (
	elementHead = int(unsafe.Sizeof(appendedElement{}))
	headSize    = int(unsafe.Sizeof(record{}))
	linkSize    = 4 // bytes
	expirySize  = 8
)

func (r *records) rec(ref arena.Ref) *record { return (*record)(r.mem.Ptr(ref)) }

func (r *records) elem(ref arena.Ref) *element { return (*element)(r.mem.Ptr(ref)) }

func (r *records) appended(ref arena.Ref) *appendedElement {
	return (*appendedElement)(r.mem.Ptr(ref))
}

func (e *element) born() uint64 { return uint64(e.bornHigh)<<32 | uint64(e.bornLow) }

func (e *element) setBorn(seq uint64) { e.bornLow, e.bornHigh = uint32(seq), uint16(seq>>32) }

func (e *element) kind() uint8 { return e.form &^ formExpires }

func (e *element) expires() bool { return e.form&formExpires != 0 }

// expireAt returns the element's expiry.
func (e *element) expireAt() int64 {
	if !e.expires() {
		return statelab.NoExpiry
	}
	return *e.expiry()
}

// expiry returns the place of the expiry of an element that expires.
func (e *element) expiry() *int64 {
	at := elementHead
	if e.kind() != appended {
		at = headSize + linkSize*(*record)(unsafe.Pointer(e)).links.links()
	}
	return (*int64)(unsafe.Add(unsafe.Pointer(e), at))
}

// valueAt returns where in the piece the element's bytes are.
func (e *element) valueAt() int {
	if e.kind() != appended {
		return e.keyEnd()
	}
	return elementHead + int(e.form>>7)*expirySize
}

// keyEnd returns where in a record's piece the key ends.
func (e *element) keyEnd() int {
	rec := (*record)(unsafe.Pointer(e))
	return headSize + rec.links.size() + int(rec.keyLen)
}

// value returns the element's bytes, which alias the arena.
func (e *element) value() []byte {
	return arena.Slice(unsafe.Pointer(e), e.valueAt(), int(e.size))
}

// pieceSize returns the size of the piece that e begins.
func (e *element) pieceSize() int {
	if e.kind() == withoutAny {
		return e.valueAt()
	}
	return e.valueAt() + int(e.size)
}

// shadowedBy says whether garbage was replaced or deleted by a batch up to seq,
// unless it had died before.
func (e *element) shadowedBy(seq uint64) bool {
	since := uint32(e.prev)
	if e.kind() != appended {
		if since = e.extra.Load(); since == 0 {
			return false
		}
	}
	return int32(uint32(seq)-since) >= 0
}

// newest returns the newest element that was appended to the record, or 0.
func (rec *record) newest() arena.Ref { return arena.Ref(rec.older.Load()) }

func (rec *record) setNewest(ref arena.Ref) { rec.older.Store(uint32(ref)) }

// hasFirst says whether the element that the record began with is still one of
// its elements.
func (rec *record) hasFirst() bool {
	return rec.kind() == withFirst && rec.flags&elementUnlinked == 0
}

// isEmpty says whether the record has no elements.
func (rec *record) isEmpty() bool { return rec.newest() == 0 && !rec.hasFirst() }

// newestOf returns the newest element of a record, or 0 if it is empty; and
// olderOf the one before another, or 0. They are the writer's.
func (r *records) newestOf(ref arena.Ref) arena.Ref {
	rec := r.rec(ref)
	if newest := rec.newest(); newest != 0 || !rec.hasFirst() {
		return newest
	}
	return ref
}

func (r *records) olderOf(ref, at arena.Ref) arena.Ref {
	if at == ref {
		return 0
	}
	if older := arena.Ref(r.elem(at).older.Load()); older != 0 || !r.rec(ref).hasFirst() {
		return older
	}
	return ref
}

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

// newRecord makes a record of one element that is in no index yet, and was sought.
func (r *records) newRecord(op statelab.Op, seq uint64) (arena.Ref, error) {
	links := linkCount(r.index.Links(op.Key))
	if op.ExpireAt != statelab.NoExpiry {
		links |= expiryLink
	}
	ref, err := r.allocRecord(headSize + links.size() + len(op.Key) + len(op.Value))
	if err != nil {
		return 0, err
	}
	rec := r.rec(ref)
	*rec = record{keyLen: uint16(len(op.Key)), links: links}
	p := unsafe.Pointer(rec)
	clear(arena.Slice(p, headSize, linkSize*links.links()))
	rec.init(op, seq, withFirst, r.loading)
	copy(arena.Slice(p, headSize+links.size(), len(op.Key)), op.Key)
	copy(rec.value(), op.Value)
	return ref, nil
}

// newElement makes an element that is in no record yet.
func (r *records) newElement(op statelab.Op, seq uint64) (arena.Ref, error) {
	size := elementHead + len(op.Value)
	if op.ExpireAt != statelab.NoExpiry {
		size += expirySize
	}
	ref, err := r.mem.Alloc(size)
	if err != nil {
		return 0, err
	}
	e := r.appended(ref)
	*e = appendedElement{}
	e.init(op, seq, appended, r.loading)
	copy(e.value(), op.Value)
	return ref, nil
}

func (e *element) init(op statelab.Op, seq uint64, kind uint8, saved bool) {
	e.size, e.form = uint32(len(op.Value)), kind
	if op.ExpireAt != statelab.NoExpiry {
		e.form |= formExpires
		*e.expiry() = op.ExpireAt
	}
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
	rec, e := r.rec(recRef), r.appended(ref)
	newest := rec.newest()
	e.extra.Store(uint32(min(r.bound(recRef)+uint64(e.size), 1<<32-1)))
	e.older.Store(uint32(newest))
	e.newer = recRef
	if newest != 0 {
		r.appended(newest).newer = ref
	}
	rec.setNewest(ref)
}

// unlinkAppended takes an appended element out of the list of its record, and
// returns what then is newer than its older one: the record, if it was the newest.
func (r *records) unlinkAppended(ref arena.Ref) (newer arena.Ref) {
	e := r.appended(ref)
	older := arena.Ref(e.older.Load())
	r.elem(e.newer).older.Store(uint32(older))
	if older != 0 {
		r.appended(older).newer = e.newer
	}
	return e.newer
}

// bound returns a bound on the bytes of the record's live elements.
func (r *records) bound(ref arena.Ref) uint64 {
	rec := r.rec(ref)
	if newest := rec.newest(); newest != 0 {
		return uint64(r.elem(newest).extra.Load())
	}
	if rec.hasFirst() {
		return uint64(rec.size)
	}
	return 0
}
