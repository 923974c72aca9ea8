package btree

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/statelab/statelab"
)

// A page is one page of the file. Every page begins with
//
//	OFFSET SIZE FIELD
//	0      4    CRC-32C of bytes 4 to the end
//	4      4    page id: its place in the file, in pages
//	8      7    birth: the epoch in which the id was given to this page
//	15     1    units of its extent, if it is a compressed leaf (compress.go); else 0
//	16     1    kind: 1 leaf, 2 inner, 3 overflow data, 4 overflow index, 5 map
//	17     1    level: leaves are 0, and a parent is one above its children
//	18     2    count: cells of a leaf or inner page, references of an overflow index
//
// and a leaf or inner page, which are slotted pages, goes on with
//
//	20     4    low: offset of the lowest cell, the page size if there is none
//	24     4    holes: bytes between low and the end that no cell uses
//	28     2    spills: cells of the leaf that own overflow pages, or children of
//	            the inner page below which there are such leaves
//	30     2    length of the prefix
//	32     8    dieAt: the last expiry in the subtree (B5)
//	40     8    firstDeath: the least dieAt of the leaves of the subtree (B5)
//	48     6*n  slots, in the order of the keys (slots.go)
//	            free space
//	low         cells, in no order, with holes
//	            prefix, to the end: what all keys of the page begin with
//
// All numbers are little-endian; bytes not named are zero in overflow and map
// pages and without meaning in the free space and holes of slotted ones.
//
// So page 2, a leaf born in epoch 1 that holds the record of leaf.go's example and
// one of the key "kz" with the element "x" for ever, is
//
//	0000  xx xx xx xx 02 00 00 00  01 00 00 00 00 00 00 00  |................|
//	0010  01 00 02 00 e9 0f 00 00  00 00 00 00 00 00 01 00  |................|
//	0020  ff ff ff ff ff ff ff 7f  ff ff ff ff ff ff ff 7f  |................|
//	0030  f0 0f 00 00 00 00 e9 0f  00 00 00 7a              |...........z|
//	0fe0                           01 00 02 00 7a 02 78     |         ....z.x|
//	0ff0  00 00 0b 00 05 05 00 00  00 00 00 00 00 76 77 6b  |.............vwk|
type page []byte

// Kinds of page.
const (
	kindLeaf          = 1
	kindInner         = 2
	kindOverflow      = 3
	kindOverflowIndex = 4
	kindMap           = 5
)

// Sizes in a page, in bytes.
const (
	kindAt        = 16
	pageHeader    = 24 // of overflow and map pages
	slottedHeader = 48
	headSize      = 4
	slotSize      = 2 + headSize
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A ref names a page. The birth tells apart pages that had the same id at
// different times: a reference to what is no longer there is found out.
type ref struct {
	id    uint32
	birth uint64 // less than maxBirth
	units uint8  // of a compressed page's extent (compress.go); 0 is a whole place
}

const refSize = 12

// maxBirth is more than any birth, which has seven bytes.
const maxBirth = 1 << 56

func getRef(b []byte) ref {
	tag := binary.LittleEndian.Uint64(b[4:])
	return ref{binary.LittleEndian.Uint32(b), tag % maxBirth, uint8(tag / maxBirth)}
}

func putRef(b []byte, r ref) {
	binary.LittleEndian.PutUint32(b, r.id)
	binary.LittleEndian.PutUint64(b[4:], r.tag())
}

// tag returns birth and units as they stand in a reference, and in a page's header.
func (r ref) tag() uint64 { return r.birth | uint64(r.units)*maxBirth }

// A summary is what an inner page knows of a child's subtree (B5).
type summary struct {
	dieAt      int64
	firstDeath int64
	spills     bool // some leaf owns overflow pages
}

func (p page) u16(at int) int         { return int(binary.LittleEndian.Uint16(p[at:])) }
func (p page) u32(at int) uint32      { return binary.LittleEndian.Uint32(p[at:]) }
func (p page) setU16(at, v int)       { binary.LittleEndian.PutUint16(p[at:], uint16(v)) }
func (p page) setU32(at int, v int)   { binary.LittleEndian.PutUint32(p[at:], uint32(v)) }
func (p page) i64(at int) int64       { return int64(binary.LittleEndian.Uint64(p[at:])) }
func (p page) setI64(at int, v int64) { binary.LittleEndian.PutUint64(p[at:], uint64(v)) }

func (p page) ref() ref      { return getRef(p[4:]) }
func (p page) tag() uint64   { return binary.LittleEndian.Uint64(p[8:]) }
func (p page) birth() uint64 { return p.tag() % maxBirth }
func (p page) kind() byte    { return p[kindAt] }
func (p page) level() int    { return int(p[17]) }
func (p page) count() int    { return p.u16(18) }
func (p page) low() int      { return int(p.u32(20)) }
func (p page) holes() int    { return int(p.u32(24)) }
func (p page) spills() int   { return p.u16(28) }

func (p page) setRef(r ref)    { putRef(p[4:], r) }
func (p page) setCount(n int)  { p.setU16(18, n) }
func (p page) setLow(n int)    { p.setU32(20, n) }
func (p page) setHoles(n int)  { p.setU32(24, n) }
func (p page) setSpills(n int) { p.setU16(28, n) }

// start makes p an empty page of a kind.
func (p page) start(r ref, kind byte, level int) {
	clear(p[:slottedHeader])
	p.setRef(r)
	p[kindAt], p[kindAt+1] = kind, byte(level)
	if kind == kindLeaf || kind == kindInner {
		p.setLow(len(p))
		p.setSummary(statelab.NoExpiry, statelab.NoExpiry)
	}
}

// seal writes the checksum.
func (p page) seal() { binary.LittleEndian.PutUint32(p, crc32.Checksum(p[4:], castagnoli)) }

// sealed says whether the checksum is that of the page.
func (p page) sealed() bool { return p.u32(0) == crc32.Checksum(p[4:], castagnoli) }

func (p page) summary() summary { return summary{p.i64(32), p.i64(40), p.spills() > 0} }

func (p page) setSummary(dieAt, firstDeath int64) {
	p.setI64(32, dieAt)
	p.setI64(40, firstDeath)
}

// summarized returns the summary that the page should have.
func (p page) summarized() summary {
	c := page(bytes.Clone(p))
	if c.kind() == kindLeaf {
		c.summarizeLeaf()
	} else {
		c.summarizeInner()
	}
	return c.summary()
}
