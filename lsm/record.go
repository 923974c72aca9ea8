package lsm

import (
	"encoding/binary"

	"github.com/statelab/statelab"
)

// A record in a table is what one memtable, or one merge of tables, knew of a
// key: whether it replaces what is older, and its elements, oldest first.
//
//	SIZE     FIELD
//	1        kind: 1 base, 2 merge
//	         elements, each:
//	uvarint    twice the length, plus one if an expiry follows
//	8 or 0     expiry, little-endian; absent means NoExpiry
//	           the element's bytes
//
// A base with the element "vw" that expires at 5 is
//
//	01 05 05 00 00 00 00 00 00 00 76 77
//
// and a base with no element at all, the tombstone, is 01.
const (
	kindBase  = 1 // a Put or Delete is among its operations: older records of the key do not count
	kindMerge = 2 // Appends only: its elements follow those of older records
)

// element is one element of a record, aliasing whatever it was read from.
type element struct {
	expireAt int64
	data     []byte
}

func (e element) live(watermark int64) bool { return !statelab.Expired(e.expireAt, watermark) }

func appendElement(dst []byte, e element) []byte {
	head := uint64(len(e.data)) << 1
	if e.expireAt == statelab.NoExpiry {
		dst = binary.AppendUvarint(dst, head)
	} else {
		dst = binary.AppendUvarint(dst, head|1)
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.expireAt))
	}
	return append(dst, e.data...)
}

// recordReader takes a record apart. It takes any bytes whatever: damage is
// not empty when they are no record.
type recordReader struct {
	rest   []byte
	base   bool
	damage string
}

func readRecord(data []byte) recordReader {
	if len(data) == 0 || data[0] != kindBase && data[0] != kindMerge {
		return recordReader{damage: "unknown kind of record"}
	}
	return recordReader{rest: data[1:], base: data[0] == kindBase}
}

// next returns the next element, and false at the end or at damage.
func (r *recordReader) next() (element, bool) {
	if len(r.rest) == 0 {
		return element{}, false
	}
	head, n := binary.Uvarint(r.rest)
	if n <= 0 {
		return r.fail("length of an element out of range")
	}
	rest := r.rest[n:]
	e := element{expireAt: statelab.NoExpiry}
	if head&1 != 0 {
		if len(rest) < 8 {
			return r.fail("expiry of an element cut short")
		}
		e.expireAt = int64(binary.LittleEndian.Uint64(rest))
		rest = rest[8:]
	}
	size := head >> 1
	if size > uint64(len(rest)) {
		return r.fail("element cut short")
	}
	e.data, r.rest = rest[:size:size], rest[size:]
	return e, true
}

func (r *recordReader) fail(reason string) (element, bool) {
	r.rest, r.damage = nil, reason
	return element{}, false
}

// fold gathers what the layers of a store hold of one key, from the newest
// layer to the oldest, until one of them replaces all that is older.
type fold struct {
	elements []element // newest first
	based    bool      // a Put or Delete has been met
}

// reset empties the fold. It clears the elements too, since they point into
// memory that may be given back.
func (f *fold) reset() {
	clear(f.elements)
	f.elements, f.based = f.elements[:0], false
}

// addRecord adds the record of the next older layer. It returns why data is no
// record, if it is none.
func (f *fold) addRecord(data []byte) (damage string) {
	r := readRecord(data)
	first := len(f.elements)
	for e, ok := r.next(); ok; e, ok = r.next() {
		f.elements = append(f.elements, e)
	}
	reverse(f.elements[first:])
	f.based = r.base
	return r.damage
}

// anyLive says whether an element is live at watermark.
func (f *fold) anyLive(watermark int64) bool {
	for i := range f.elements {
		if f.elements[i].live(watermark) {
			return true
		}
	}
	return false
}

// appendValue appends the live elements, oldest first, to dst.
func (f *fold) appendValue(dst []byte, watermark int64) []byte {
	for i := len(f.elements) - 1; i >= 0; i-- {
		if e := f.elements[i]; e.live(watermark) {
			dst = append(dst, e.data...)
		}
	}
	return dst
}

// liveBytes returns the length that appendValue would append.
func (f *fold) liveBytes(watermark int64) int64 {
	total := int64(0)
	for _, e := range f.elements {
		if e.live(watermark) {
			total += int64(len(e.data))
		}
	}
	return total
}

func reverse(e []element) {
	for i, j := 0, len(e)-1; i < j; i, j = i+1, j-1 {
		e[i], e[j] = e[j], e[i]
	}
}
