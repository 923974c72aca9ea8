package memstore

import (
	"math"
	"slices"
	"unsafe"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// A record is what an index entry begins with:
//
//	OFFSET  SIZE  FIELD
//	0       4     newest element; zero is none
//	4       4     bound on the bytes of its live elements
//	8       4     previous dirty record
//	12      4     next dirty record
//	16      4     flags
type record struct {
	newest    arena.Ref
	bound     uint32
	dirtyPrev arena.Ref
	dirtyNext arena.Ref
	flags     uint32
}

// RecordSize is how many bytes of an index entry belong to this package.
const RecordSize = int(unsafe.Sizeof(record{}))

const (
	recordDirty   = 1 << iota // changed since the last Sync
	recordSaved               // something of it may live in the files as of the last Sync
	recordEmptied             // noted for removal by the batch that is being applied
)

// An element is one piece of the arena:
//
//	OFFSET  SIZE  FIELD
//	0       8     born: how many views had been opened before
//	8       8     expiry
//	16      4     next older element of the record; zero is none
//	20      4     next newer element; of the newest, the record
//	24      4     next in a list: of its wheel slot, or of what a view holds
//	28      4     previous in its wheel slot; of garbage, the last view that may see it
//	32      4     length
//	36      1     flags
//	37      1     whether it was written to a file
//	38            bytes
type element struct {
	born     uint64
	expireAt int64
	older    arena.Ref
	newer    arena.Ref
	next     arena.Ref
	prev     arena.Ref
	size     uint32
	flags    uint8
	saved    bool
}

const elementHead = int(unsafe.Offsetof(element{}.saved)) + 1

const (
	elementNewest   = 1 << iota // newer is the record
	elementGarbage              // dead or shadowed, and held only for open views
	elementShadowed             // by a Put or Delete, and so are all older ones
)

func (r *records) rec(ref arena.Ref) *record { return (*record)(r.mem.Ptr(ref)) }

func (r *records) elem(ref arena.Ref) *element { return (*element)(r.mem.Ptr(ref)) }

func (e *element) value() []byte {
	return arena.Slice(unsafe.Pointer(e), elementHead, int(e.size))
}

// newElement makes an element that is in no record yet.
func (r *records) newElement(value []byte, expireAt int64) (arena.Ref, error) {
	ref, err := r.mem.Alloc(elementHead + len(value))
	if err != nil {
		return 0, err
	}
	e := r.elem(ref)
	*e = element{expireAt: expireAt, size: uint32(len(value)), saved: r.loading}
	copy(e.value(), value)
	return ref, nil
}

// elementSize returns what an element takes of the arena.
func (r *records) elementSize(e *element) int { return r.mem.SizeOf(elementHead + int(e.size)) }

// push makes an element the newest of its record. It is born now and not when it
// was prepared: views opened in between are not to see it.
func (r *records) push(recRef, ref arena.Ref) {
	rec, e := r.rec(recRef), r.elem(ref)
	e.born, e.older, e.newer = r.opened, rec.newest, recRef
	e.flags |= elementNewest
	if e.older != 0 {
		older := r.elem(e.older)
		older.flags &^= elementNewest
		older.newer = ref
	}
	rec.newest = ref
	rec.bound = uint32(min(uint64(rec.bound)+uint64(e.size), math.MaxUint32))
	r.maxBound = max(r.maxBound, int64(rec.bound))
	r.size += int64(e.size)
	if e.expireAt != statelab.NoExpiry {
		r.wheel.insert(r.mem, ref)
	}
}

// drop takes garbage out of its record and frees it. It returns the record if
// it has no element any more.
func (r *records) drop(ref arena.Ref) (emptied arena.Ref) {
	e := r.elem(ref)
	if e.older != 0 {
		older := r.elem(e.older)
		older.newer = e.newer
		older.flags |= e.flags & elementNewest
	}
	if e.flags&elementNewest == 0 {
		r.elem(e.newer).older = e.older
	} else if r.rec(e.newer).newest = e.older; e.older == 0 {
		emptied = e.newer
	}
	r.mem.Free(ref, elementHead+int(e.size))
	return emptied
}

// A view is a moment of the history: what was applied before it was opened, at
// the watermark of then.
type view struct {
	ordinal   uint64 // how many views had been opened, with it; the present is math.MaxUint64
	watermark int64
}

// What a view makes of an element.
type sight uint8

const (
	seen   sight = iota
	unseen       // but older ones may be seen
	ended        // and so are all older ones
)

func (v view) look(e *element) sight {
	if e.flags&elementGarbage != 0 && !v.before(e) {
		if e.flags&elementShadowed != 0 {
			return ended
		}
		return unseen
	}
	if e.born >= v.ordinal || statelab.Expired(e.expireAt, v.watermark) {
		return unseen
	}
	return seen
}

// before says whether the view was opened before e became garbage. Ordinals
// are compared in 32 bits, which is right as long as no two open views are
// further apart than half of that; see openView.
func (v view) before(e *element) bool {
	return v.ordinal != math.MaxUint64 && int32(uint32(e.prev)-uint32(v.ordinal)) >= 0
}

// appendValue appends what the view sees of a record, and says whether it sees
// anything.
func (r *records) appendValue(dst []byte, ref arena.Ref, v view) ([]byte, bool) {
	first, last, total := arena.Ref(0), arena.Ref(0), 0 // newest and oldest seen
	for at := r.rec(ref).newest; at != 0; {
		e := r.elem(at)
		sight := v.look(e)
		if sight == ended {
			break
		}
		if sight == seen {
			if first == 0 {
				first = at
			}
			last = at
			total += int(e.size)
		}
		at = e.older
	}
	if first == 0 {
		return dst, false
	}
	if first == last {
		return append(dst, r.elem(first).value()...), true
	}
	dst = slices.Grow(dst, total)[:len(dst)+total]
	end := len(dst)
	for at := first; ; at = r.elem(at).older {
		if e := r.elem(at); v.look(e) == seen {
			end -= copy(dst[end-int(e.size):end], e.value())
		}
		if at == last {
			return dst, true
		}
	}
}

// sees says whether the view sees anything of a record.
func (r *records) sees(ref arena.Ref, v view) bool {
	for at := r.rec(ref).newest; at != 0; {
		e := r.elem(at)
		switch v.look(e) {
		case seen:
			return true
		case ended:
			return false
		}
		at = e.older
	}
	return false
}

// elements returns what the view sees of a record, newest first, in dst.
func (r *records) elements(dst []arena.Ref, ref arena.Ref, v view) []arena.Ref {
	for at := r.rec(ref).newest; at != 0; {
		e := r.elem(at)
		switch v.look(e) {
		case seen:
			dst = append(dst, at)
		case ended:
			return dst
		}
		at = e.older
	}
	return dst
}

// liveBytes returns the bytes of a record's live elements.
func (r *records) liveBytes(ref arena.Ref) (n int64) {
	for at := r.rec(ref).newest; at != 0; {
		e := r.elem(at)
		switch r.present().look(e) {
		case seen:
			n += int64(e.size)
		case ended:
			return n
		}
		at = e.older
	}
	return n
}
