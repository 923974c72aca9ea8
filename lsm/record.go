package lsm

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/statelab/statelab"
)

// A record in a table is what one memtable, or one merge of tables, knew of a
// key: whether it replaces what is older, and its elements, oldest first.
//
//	SIZE     FIELD
//	1        kind: 1 base, 2 merge, 3 base with references, 4 merge with references
//	         elements, each:
//	uvarint    kinds 1 and 2: twice the length, plus one if an expiry follows
//	           kinds 3 and 4: that twice, plus one if what follows is a reference
//	8 or 0     expiry, little-endian; absent means NoExpiry
//	           the element's bytes, or a reference to them (blob_format.go)
//
// A base with the element "vw" that expires at 5 is
//
//	01 05 05 00 00 00 00 00 00 00 76 77
//
// and a base with no element at all, the tombstone, is 01. If the element is large
// and lies in blob file 7, from offset 9 on, with 200 bytes as stored of 300, it is
//
//	03 1b 05 00 00 00 00 00 00 00 07 09 c8 01 ac 02
const (
	kindBase      = 1 // a Put or Delete is among its operations: older records of the key do not count
	kindMerge     = 2 // Appends only: its elements follow those of older records
	kindBaseRefs  = 3 // as kindBase, and elements may be references
	kindMergeRefs = 4
)

// element is one element of a record, aliasing whatever it was read from.
type element struct {
	expireAt int64
	data     []byte
	blob     *blob // if not nil, data is a reference to the element in this file
}

// size returns the length of the element in bytes.
func (e element) size() int64 {
	if e.blob != nil {
		r, _ := decodeReference(e.data)
		return r.length
	}
	return int64(len(e.data))
}

func (e element) live(watermark int64) bool { return !statelab.Expired(e.expireAt, watermark) }

// appendRecord appends the record with the given elements, oldest first.
func appendRecord(dst []byte, base bool, elements []element) []byte {
	kind := byte(kindMerge)
	if base {
		kind = kindBase
	}
	refs := slices.ContainsFunc(elements, func(e element) bool { return e.blob != nil })
	if refs {
		kind += kindBaseRefs - kindBase
	}
	dst = append(dst, kind)
	for _, e := range elements {
		dst = appendElement(dst, e, refs)
	}
	return dst
}

// appendElement appends an element of a record, some of whose are references or none.
func appendElement(dst []byte, e element, refs bool) []byte {
	head := uint64(len(e.data)) << 1
	if e.expireAt != statelab.NoExpiry {
		head |= 1
	}
	if refs {
		head <<= 1
	}
	if e.blob != nil {
		head |= 1
	}
	dst = binary.AppendUvarint(dst, head)
	if e.expireAt != statelab.NoExpiry {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.expireAt))
	}
	return append(dst, e.data...)
}

// recordReader takes a record apart. It takes any bytes whatever: damage is
// not empty when they are no record.
type recordReader struct {
	rest   []byte
	base   bool
	refs   bool     // elements may be references,
	blobs  blobUses // to these files
	damage string
}

// readRecord begins with a record of a table that has these blob files.
func readRecord(data []byte, blobs blobUses) recordReader {
	if len(data) == 0 || data[0] < kindBase || data[0] > kindMergeRefs {
		return recordReader{damage: "unknown kind of record"}
	}
	return recordReader{
		rest: data[1:], base: data[0] == kindBase || data[0] == kindBaseRefs, refs: data[0] >= kindBaseRefs, blobs: blobs,
	}
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
	inBlob := false
	if r.refs {
		head, inBlob = head>>1, head&1 != 0
	}
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
	if inBlob {
		return r.inBlob(e)
	}
	return e, true
}

// inBlob finds the file of an element that is a reference.
func (r *recordReader) inBlob(e element) (element, bool) {
	to, ok := decodeReference(e.data)
	if !ok {
		return r.fail("reference to an element cannot be read")
	}
	at, found := r.blobs.find(to.file)
	if !found {
		return r.fail("reference to a blob file that the table does not name")
	}
	e.blob = r.blobs[at].blob
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

	values []blockRef // of elements that were loaded from blob files
	loaded int
}

// reset empties the fold. It clears the elements too, since they point into
// memory that may be given back.
func (f *fold) reset() {
	clear(f.elements)
	f.elements, f.based = f.elements[:0], false
	for i := range f.values[:f.loaded] {
		f.values[i].release()
	}
	f.loaded = 0
}

// load gets the elements that are live at watermark and lie in blob files. If that
// fails with errWanted it can be called again.
func (f *fold) load(watermark int64, how access, via *fetch) (err error) {
	for i := range f.elements {
		if e := &f.elements[i]; e.blob == nil || !e.live(watermark) {
			continue
		}
		if lerr := f.loadAt(i, how, via); err == nil || errors.Is(err, errWanted) && lerr != nil {
			err = lerr
		}
	}
	return err
}

// loadAt gets the element with index i from its blob file.
func (f *fold) loadAt(i int, how access, via *fetch) error {
	e := &f.elements[i]
	r, _ := decodeReference(e.data)
	if f.loaded == len(f.values) {
		f.values = append(f.values, blockRef{})
	}
	ref := &f.values[f.loaded]
	if err := e.blob.readValue(r, how, via, ref); err != nil {
		return err
	}
	f.loaded++
	e.data, e.blob = ref.data, nil
	return nil
}

// addRecord adds the record of the next older layer, a table with these blob files.
// It returns why data is no record, if it is none.
func (f *fold) addRecord(data []byte, blobs blobUses) (damage string) {
	r := readRecord(data, blobs)
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
			total += e.size()
		}
	}
	return total
}

func reverse(e []element) {
	for i, j := 0, len(e)-1; i < j; i, j = i+1, j-1 {
		e[i], e[j] = e[j], e[i]
	}
}
