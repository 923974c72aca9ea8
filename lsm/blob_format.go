package lsm

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/statelab/statelab"
)

// A blob file holds large elements, so that merges of the tables that refer to
// them move references only. It is written once, beside tables, and never changed:
//
//	value block ... value block      an element each, in the order they were written
//	properties
//	footer
//
// Each but the footer is stored as a block with a trailer, as in a table
// (table_format.go), so that a value is read and verified by itself. The footer
// ends the file:
//
//	OFFSET  SIZE  FIELD
//	0       12    handle of the properties: offset, 8 bytes, and length, 4
//	12      4     version of the format, 1
//	16      4     CRC-32C of all before
//	20      8     "stateblb"
//
// The properties are what is known of the file without reading it. The manifest
// holds the same, in the same form:
//
//	SIZE     FIELD
//	uvarint  values
//	uvarint  bytes of the values before compression
//	8        least expiry of a value, little-endian
//	8        greatest expiry
//	7 times  an octile of the expiries (expiry.go), as a uvarint: how far it is
//	         beyond the octile before it, the first beyond the least expiry
//
// A table refers to a value by what stands in the place of the element's bytes:
//
//	SIZE     FIELD
//	uvarint  number of the blob file
//	uvarint  offset of the value block
//	uvarint  length of its payload as stored
//	uvarint  length of the element
//
// So the element of 5,000 bytes that file 7 has stored in 300 bytes from offset
// 4,096 on is
//
//	07 80 20 ac 02 88 27
//
// The properties of a file with just that element, which expires at 1000, are
//
//	01 88 27 e8 03 00 00 00 00 00 00 e8 03 00 00 00 00 00 00 00 00 00 00 00 00 00
//
// and if they begin at 4405 the footer begins 35 11 00 00 00 00 00 00 1a 00 00 00
// 01 00 00 00.
const (
	blobFooterSize = 28
	blobVersion    = 1
	blobMagic      = "stateblb"
)

// blobMeta is the properties of a blob file.
type blobMeta struct {
	values    int64
	bytes     int64
	minExpiry int64
	maxExpiry int64
	octiles   octiles
}

func (m *blobMeta) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.values))
	dst = binary.AppendUvarint(dst, uint64(m.bytes))
	return appendExpiries(dst, m.minExpiry, m.maxExpiry, &m.octiles)
}

func (d *decoder) blobMeta() blobMeta {
	m := blobMeta{values: d.count(), bytes: d.count()}
	m.minExpiry, m.maxExpiry, m.octiles = d.expiries()
	return m
}

// plausible says whether the figures can be a blob file's.
func (m *blobMeta) plausible() bool {
	return m.values > 0 && slices.IsSorted(m.octiles[:]) && m.minExpiry <= m.octiles[0] && m.octiles[6] <= m.maxExpiry
}

// dead says whether no value is live at watermark.
func (m *blobMeta) dead(watermark int64) bool {
	return m.values == 0 || statelab.Expired(m.maxExpiry, watermark)
}

func decodeBlobProperties(data []byte) (m blobMeta, damage string) {
	d := decoder{rest: data}
	m = d.blobMeta()
	if d.bad || len(d.rest) > 0 || !m.plausible() {
		return m, "properties of a blob file cannot be read"
	}
	return m, ""
}

func appendBlobFooter(dst []byte, properties blockHandle) []byte {
	start := len(dst)
	dst = binary.LittleEndian.AppendUint64(dst, properties.offset)
	dst = binary.LittleEndian.AppendUint32(dst, properties.length)
	dst = binary.LittleEndian.AppendUint32(dst, blobVersion)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, blobMagic...)
}

// decodeBlobFooter reads the footer of a blob file of size bytes, or says why data
// is none.
func decodeBlobFooter(data []byte, size int64) (properties blockHandle, damage string) {
	if len(data) != blobFooterSize || string(data[20:]) != blobMagic {
		return properties, "no footer of a blob file"
	}
	if crc32.Checksum(data[:16], castagnoli) != binary.LittleEndian.Uint32(data[16:]) {
		return properties, "checksum mismatch in the footer of a blob file"
	}
	if binary.LittleEndian.Uint32(data[12:]) != blobVersion {
		return properties, "unknown version of the format of blob files"
	}
	properties.offset = binary.LittleEndian.Uint64(data)
	properties.length = binary.LittleEndian.Uint32(data[8:])
	if !properties.within(size - blobFooterSize) {
		return properties, "block outside the file"
	}
	return properties, ""
}

// reference says where a large element lies.
type reference struct {
	file   uint64 // number of the blob file
	handle blockHandle
	length int64 // of the element
}

func (r reference) append(dst []byte) []byte {
	dst = r.handle.append(binary.AppendUvarint(dst, r.file))
	return binary.AppendUvarint(dst, uint64(r.length))
}

func decodeReference(data []byte) (r reference, ok bool) {
	d := decoder{rest: data}
	r.file = d.uvarint()
	r.handle.offset = d.uvarint()
	length := d.uvarint()
	r.handle.length = uint32(length)
	r.length = d.count()
	return r, !d.bad && len(d.rest) == 0 && length <= math.MaxUint32 && r.length <= maxBlockSize
}

// blobUse is what a table, or all tables of a version, have in a blob file.
type blobUse struct {
	blob   *blob  // nil where only the figures count
	number uint64 // of the file
	values int64
	bytes  int64 // of the elements
}

// blobUses are those of a table, in the order of the files' numbers. In the
// properties of the table they are
//
//	SIZE     FIELD
//	uvarint  blob files that it refers to; for each, in ascending order:
//	uvarint    number
//	uvarint    elements
//	uvarint    bytes of these
type blobUses []blobUse

func (u blobUses) append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(u)))
	for _, use := range u {
		dst = binary.AppendUvarint(dst, use.number)
		dst = binary.AppendUvarint(dst, uint64(use.values))
		dst = binary.AppendUvarint(dst, uint64(use.bytes))
	}
	return dst
}

func (d *decoder) blobUses() (u blobUses) {
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		u = append(u, blobUse{number: d.uvarint(), values: d.count(), bytes: d.count()})
	}
	return u
}

// plausible says whether a table with so many elements can have these.
func (u blobUses) plausible(elements int64) bool {
	for i, use := range u {
		if use.values < 1 || use.values > elements || i > 0 && use.number <= u[i-1].number {
			return false
		}
		elements -= use.values
	}
	return true
}

// find returns where the use of a file is, or would be.
func (u blobUses) find(number uint64) (at int, found bool) {
	return slices.BinarySearchFunc(u, number, func(use blobUse, n uint64) int {
		switch {
		case use.number < n:
			return -1
		case use.number > n:
			return 1
		}
		return 0
	})
}

// add counts an element of so many bytes in a blob file.
func (u *blobUses) add(b *blob, number uint64, bytes int64) {
	at, found := u.find(number)
	if !found {
		*u = slices.Insert(*u, at, blobUse{blob: b, number: number})
	}
	(*u)[at].values++
	(*u)[at].bytes += bytes
}
