package lsm

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"slices"

	"github.com/statelab/statelab"
)

// A table is a file of records in ascending order of their keys, written once
// and never changed:
//
//	data block ... data block        keys to records (record.go)
//	whole-key filter
//	prefix filter                    if Options.Prefix is set
//	properties
//	index block                      a key per data block to its handle
//	footer
//
// Everything but the footer is stored as a block with a trailer:
//
//	OFFSET  SIZE  FIELD
//	0       n     payload, compressed or not; the filters never are
//	n       1     compression: 0 none, 1 s2, 2 zstd
//	n + 1   4     length before compression, little-endian
//	n + 5   4     CRC-32C of all before and of the block's offset in the file
//	              as 8 bytes, little-endian
//
// The offset is in the checksum so that a block that was written elsewhere is
// not taken for the one that belongs here. A block is found by its handle, its
// offset and n. An index entry's key is at least the last key of its data
// block and less than the first of the next; its value is the handle:
//
//	SIZE     FIELD
//	uvarint  offset of the block in the file
//	uvarint  length n of its payload as stored
//
// The footer ends the file:
//
//	OFFSET  SIZE  FIELD
//	0       12    handle of the index: offset, 8 bytes, and length, 4
//	12      12    handle of the properties
//	24      12    handle of the whole-key filter
//	36      12    handle of the prefix filter; zeros if there is none
//	48      4     version of the format, 3
//	52      4     CRC-32C of all before
//	56      8     "statetbl"
//
// All numbers are little-endian. So the footer of a table whose index of 20
// bytes begins at 4096 begins 00 10 00 00 00 00 00 00 14 00 00 00.
const (
	blockTrailerSize = 9
	footerSize       = 64
	tableVersion     = 3
	tableMagic       = "statetbl"

	// maxBlockSize is more than a record of MaxRecordSize takes with the head
	// of each element; what claims to be larger is damaged.
	maxBlockSize = 2 << 30
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// blockHandle says where a block lies.
type blockHandle struct {
	offset uint64
	length uint32 // of the payload as stored, without its trailer
}

func (h blockHandle) append(dst []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, h.offset), uint64(h.length))
}

// decodeHandle reads the value of an index entry.
func decodeHandle(data []byte) (blockHandle, bool) {
	d := decoder{rest: data}
	h := blockHandle{offset: d.uvarint()}
	length := d.uvarint()
	h.length = uint32(length)
	return h, !d.bad && len(d.rest) == 0 && length <= math.MaxUint32
}

// within says whether the block ends before end.
func (h blockHandle) within(end int64) bool {
	room := uint64(max(end, 0))
	return h.offset <= room && uint64(h.length)+blockTrailerSize <= room-h.offset
}

// footer is the end of a table file.
type footer struct {
	index, properties, keyFilter, prefixFilter blockHandle
}

func (f footer) append(dst []byte) []byte {
	start := len(dst)
	for _, h := range []blockHandle{f.index, f.properties, f.keyFilter, f.prefixFilter} {
		dst = binary.LittleEndian.AppendUint64(dst, h.offset)
		dst = binary.LittleEndian.AppendUint32(dst, h.length)
	}
	dst = binary.LittleEndian.AppendUint32(dst, tableVersion)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[start:], castagnoli))
	return append(dst, tableMagic...)
}

// decodeFooter reads the footer of a table of size bytes, or says why data is none.
func decodeFooter(data []byte, size int64) (f footer, damage string) {
	if len(data) != footerSize || string(data[56:]) != tableMagic {
		return f, "no footer of a table"
	}
	if crc32.Checksum(data[:52], castagnoli) != binary.LittleEndian.Uint32(data[52:]) {
		return f, "checksum mismatch in the footer"
	}
	if v := binary.LittleEndian.Uint32(data[48:]); v != tableVersion {
		return f, "unknown version of the table format"
	}
	for i, h := range []*blockHandle{&f.index, &f.properties, &f.keyFilter, &f.prefixFilter} {
		h.offset = binary.LittleEndian.Uint64(data[12*i:])
		h.length = binary.LittleEndian.Uint32(data[12*i+8:])
		if absent := h == &f.prefixFilter && *h == (blockHandle{}); !absent && !h.within(size-footerSize) {
			return f, "block outside the file"
		}
	}
	return f, ""
}

// appendTrailer appends the trailer of a block that will lie at offset, whose
// stored payload is dst[start:].
func appendTrailer(dst []byte, start int, how byte, rawLength int, offset uint64) []byte {
	dst = append(dst, how)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(rawLength))
	return binary.LittleEndian.AppendUint32(dst, blockChecksum(dst[start:], offset))
}

func blockChecksum(data []byte, offset uint64) uint32 {
	var at [8]byte
	binary.LittleEndian.PutUint64(at[:], offset)
	return crc32.Update(crc32.Checksum(data, castagnoli), castagnoli, at[:])
}

// storedBlock is a block as stored, taken apart.
type storedBlock struct {
	payload []byte
	how     byte // compression
	length  int  // before compression
}

// splitBlock checks a stored block with its trailer, read from offset, and
// takes it apart, or says what is wrong with it.
func splitBlock(data []byte, offset uint64) (b storedBlock, damage string) {
	n := len(data) - blockTrailerSize
	if n < 0 {
		return b, "block cut short"
	}
	if blockChecksum(data[:n+5], offset) != binary.LittleEndian.Uint32(data[n+5:]) {
		return b, "checksum mismatch"
	}
	length := binary.LittleEndian.Uint32(data[n+1:])
	if length > maxBlockSize {
		return b, "block larger than any"
	}
	return storedBlock{data[:n], data[n], int(length)}, ""
}

// tableMeta is what is known of a table without reading it. The manifest and
// the table's own properties hold the same, in the same form:
//
//	SIZE     FIELD
//	uvarint  records
//	uvarint  of them, bases
//	uvarint  of them, tombstones
//	uvarint  elements
//	uvarint  bytes of keys and of elements, or of references to them
//	uvarint  element bytes of the largest record
//	8        least expiry of an element, little-endian; NoExpiry if there is none
//	8        greatest expiry; MinInt64 if there is no element
//	7 times  an octile of the expiries (expiry.go), as a uvarint: how far it is
//	         beyond the octile before it, the first beyond the least expiry
//	         what it has in blob files (blob_format.go)
//	uvarint  length of the first key, and the key
//	uvarint  length of the last key, and the key
type tableMeta struct {
	records    int64
	bases      int64
	tombstones int64
	elements   int64
	rawBytes   int64
	maxRecord  int64
	minExpiry  int64
	maxExpiry  int64
	octiles    octiles
	blobs      blobUses
	first      []byte
	last       []byte
}

func (m *tableMeta) append(dst []byte) []byte {
	for _, n := range []int64{m.records, m.bases, m.tombstones, m.elements, m.rawBytes, m.maxRecord} {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	dst = m.blobs.append(appendExpiries(dst, m.minExpiry, m.maxExpiry, &m.octiles))
	return appendBytes(appendBytes(dst, m.first), m.last)
}

func (d *decoder) tableMeta() tableMeta {
	var m tableMeta
	for _, n := range []*int64{&m.records, &m.bases, &m.tombstones, &m.elements, &m.rawBytes, &m.maxRecord} {
		*n = d.count()
	}
	m.minExpiry, m.maxExpiry, m.octiles = d.expiries()
	m.blobs = d.blobUses()
	m.first, m.last = d.bytes(), d.bytes()
	return m
}

// plausible says whether the figures can be a table's.
func (m *tableMeta) plausible() bool {
	return m.records > 0 && m.bases <= m.records && m.tombstones <= m.bases && bytes.Compare(m.first, m.last) <= 0 &&
		slices.IsSorted(m.octiles[:]) && m.blobs.plausible(m.elements) && (m.elements == 0 || m.minExpiry <= m.octiles[0] && m.octiles[6] <= m.maxExpiry)
}

func (m *tableMeta) equal(o *tableMeta) bool {
	return bytes.Equal(m.append(nil), o.append(nil))
}

// dead says whether no element is live at watermark.
func (m *tableMeta) dead(watermark int64) bool {
	return m.elements == 0 || statelab.Expired(m.maxExpiry, watermark)
}

// properties is the block of that name: the figures, and the name of the
// prefix function that the prefix filter is made with.
type properties struct {
	tableMeta
	prefixName string
}

func (p *properties) append(dst []byte) []byte {
	return appendBytes(p.tableMeta.append(dst), []byte(p.prefixName))
}

// decodeProperties reads a properties block, or says why data is none.
func decodeProperties(data []byte) (p properties, damage string) {
	d := decoder{rest: data}
	p.tableMeta = d.tableMeta()
	p.prefixName = string(d.bytes())
	if d.bad || len(d.rest) > 0 || !p.plausible() {
		return p, "properties cannot be read"
	}
	return p, ""
}
