package btree

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"github.com/statelab/statelab"
)

// A page is one page of the file. Every page begins with
//
//	OFFSET SIZE FIELD
//	0      4    CRC-32C of bytes 4 to the end
//	4      4    page id: its place in the file, in pages
//	8      8    birth: the epoch in which the id was given to this page
//	16     1    kind: 1 leaf, 2 inner, 3 overflow data, 4 overflow index, 5 map
//	17     1    level: leaves are 0, and a parent is one above its children
//	18     2    count: cells of a leaf or inner page, references of an overflow index
//
// and a leaf or inner page, which are slotted pages, goes on with
//
//	20     4    low: offset of the lowest cell, the page size if there is none
//	24     4    holes: bytes between low and the end that no cell uses
//	28     4    spills: cells of the leaf that own overflow pages, or children of
//	            the inner page below which there are such leaves
//	32     8    dieAt: the last expiry in the subtree (B5)
//	40     8    firstDeath: the least dieAt of the leaves of the subtree (B5)
//	48     2*n  slots: offsets of the cells, in the order of their keys
//	            free space
//	low         cells, in no order, with holes
//
// All numbers are little-endian; bytes not named are zero in overflow and map
// pages and without meaning in the free space and holes of slotted ones.
//
// So page 2, a leaf born in epoch 1 that holds the record of leaf.go's example, is
//
//	0000  xx xx xx xx 02 00 00 00  01 00 00 00 00 00 00 00  |................|
//	0010  01 00 01 00 f0 0f 00 00  00 00 00 00 00 00 00 00  |................|
//	0020  05 00 00 00 00 00 00 00  05 00 00 00 00 00 00 00  |................|
//	0030  f0 0f
//	0ff0  01 00 0b 00 6b 05 05 00  00 00 00 00 00 00 76 77  |....k.........vw|
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
	pageHeader    = 24 // of overflow and map pages
	slottedHeader = 48
	slotSize      = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// A ref names a page. The birth tells apart pages that had the same id at
// different times: a reference to what is no longer there is found out.
type ref struct {
	id    uint32
	birth uint64
}

const refSize = 12

func getRef(b []byte) ref {
	return ref{binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint64(b[4:])}
}

func putRef(b []byte, r ref) {
	binary.LittleEndian.PutUint32(b, r.id)
	binary.LittleEndian.PutUint64(b[4:], r.birth)
}

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
func (p page) birth() uint64 { return binary.LittleEndian.Uint64(p[8:]) }
func (p page) kind() byte    { return p[16] }
func (p page) level() int    { return int(p[17]) }
func (p page) count() int    { return p.u16(18) }
func (p page) low() int      { return int(p.u32(20)) }
func (p page) holes() int    { return int(p.u32(24)) }
func (p page) spills() int   { return int(p.u32(28)) }

func (p page) setRef(r ref)    { putRef(p[4:], r) }
func (p page) setCount(n int)  { p.setU16(18, n) }
func (p page) setLow(n int)    { p.setU32(20, n) }
func (p page) setHoles(n int)  { p.setU32(24, n) }
func (p page) setSpills(n int) { p.setU32(28, n) }

// start makes p an empty page of a kind.
func (p page) start(r ref, kind byte, level int) {
	clear(p[:slottedHeader])
	p.setRef(r)
	p[16], p[17] = kind, byte(level)
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

// used returns the bytes that slots and cells take.
func (p page) used() int {
	return slotSize*p.count() + len(p) - p.low() - p.holes()
}

// room returns the bytes free for cells and their slots.
func (p page) room() int { return len(p) - slottedHeader - p.used() }

func (p page) slot(i int) int { return p.u16(slottedHeader + slotSize*i) }

// cellSize returns the length of the cell at an offset, which the caller knows
// to be that of a cell.
func (p page) cellSize(at int) int {
	if p.kind() == kindLeaf {
		return leafCellHeader + p.u16(at)&lengthMask + p.u16(at+2)&lengthMask
	}
	return innerCellHeader + p.u16(at)&innerLengthMask
}

// cell returns cell i.
func (p page) cell(i int) []byte {
	at := p.slot(i)
	n := p.cellSize(at)
	return p[at : at+n : at+n]
}

// keyField returns the key of cell i as it is stored (see key.go), and whether
// it is a long one.
func (p page) keyField(i int) (field []byte, long bool) {
	at := p.slot(i)
	n := p.u16(at)
	long = n&longKey != 0
	if p.kind() == kindLeaf {
		at, n = at+leafCellHeader, n&lengthMask
	} else {
		at, n = at+innerCellHeader, n&innerLengthMask
	}
	return p[at : at+n : at+n], long
}

// insert makes cell the i-th. The caller has seen to it that there is room.
// The scratch page serves to put the cells together when the room is in holes.
func (p page) insert(i int, cell []byte, scratch page) {
	if p.low()-slottedHeader-slotSize*p.count() < len(cell)+slotSize {
		p.compact(scratch)
	}
	n, low := p.count(), p.low()-len(cell)
	copy(p[low:], cell)
	slots := p[slottedHeader : slottedHeader+slotSize*(n+1)]
	copy(slots[slotSize*(i+1):], slots[slotSize*i:])
	p.setU16(slottedHeader+slotSize*i, low)
	p.setCount(n + 1)
	p.setLow(low)
}

// remove takes cell i out.
func (p page) remove(i int) {
	n, at := p.count(), p.slot(i)
	size := p.cellSize(at)
	if at == p.low() {
		p.setLow(at + size)
	} else {
		p.setHoles(p.holes() + size)
	}
	slots := p[slottedHeader : slottedHeader+slotSize*n]
	copy(slots[slotSize*i:], slots[slotSize*(i+1):])
	p.setCount(n - 1)
	if n == 1 {
		p.setLow(len(p))
		p.setHoles(0)
	}
}

// compact moves the cells together at the end of the page.
func (p page) compact(scratch page) {
	copy(scratch, p)
	low := len(p)
	for i := range p.count() {
		c := scratch.cell(i)
		low -= len(c)
		copy(p[low:], c)
		p.setU16(slottedHeader+slotSize*i, low)
	}
	p.setLow(low)
	p.setHoles(0)
}

// push adds a cell after the last. It is how pages are built; there is room.
func (p page) push(cell []byte) { p.insert(p.count(), cell, nil) }

// validate says what is wrong with the structure of a page that was read, so
// that everything after may trust offsets and lengths, whatever bytes there
// were. It does not look at the order of keys, which cannot make anyone fall.
func (p page) validate() error {
	switch p.kind() {
	case kindLeaf, kindInner:
		return p.validateSlotted()
	case kindOverflow:
		if p.count() != 0 || p.level() != 0 {
			return fmt.Errorf("an overflow page of level %d with %d cells", p.level(), p.count())
		}
	case kindOverflowIndex:
		if n := p.count(); n < 1 || n > indexFanout(len(p)) || p.level() < 1 || p.level() > maxStreamHeight {
			return fmt.Errorf("an overflow index of level %d with %d references", p.level(), n)
		}
	default:
		return fmt.Errorf("kind %d of page is unknown", p.kind())
	}
	return nil
}

func (p page) validateSlotted() error {
	n, low := p.count(), p.low()
	if isLeaf := p.kind() == kindLeaf; isLeaf != (p.level() == 0) || p.level() >= maxHeight {
		return fmt.Errorf("kind %d at level %d", p.kind(), p.level())
	}
	if slottedHeader+slotSize*n > low || low > len(p) {
		return fmt.Errorf("%d slots and cells from offset %d", n, low)
	}
	var taken coverage
	cells, spills, dieAt, firstDeath := 0, 0, int64(math.MinInt64), int64(math.MaxInt64)
	for i := range n {
		at := p.slot(i)
		if at < low || at > len(p) {
			return fmt.Errorf("cell %d at offset %d, not from %d to the end", i, at, low)
		}
		size, s, err := p.validateCell(p[at:])
		if err != nil {
			return fmt.Errorf("cell %d: %w", i, err)
		}
		if !taken.add(at, size) {
			return fmt.Errorf("cell %d overlaps another", i)
		}
		cells += size
		if s.spills {
			spills++
		}
		dieAt, firstDeath = max(dieAt, s.dieAt), min(firstDeath, s.firstDeath)
	}
	if p.kind() == kindLeaf {
		firstDeath = dieAt
	}
	if n == 0 {
		dieAt, firstDeath = statelab.NoExpiry, statelab.NoExpiry
	}
	if cells+p.holes() != len(p)-low {
		return fmt.Errorf("cells of %d bytes and holes of %d in %d", cells, p.holes(), len(p)-low)
	}
	if got := (summary{p.i64(32), p.i64(40), p.spills() > 0}); got != (summary{dieAt, firstDeath, spills > 0}) || p.spills() != spills {
		return fmt.Errorf("B5: summary %v with %d spills, want %d, %d with %d", got, p.spills(), dieAt, firstDeath, spills)
	}
	return nil
}

// A coverage is which bytes of a page are taken.
type coverage [MaxPageSize / 64]uint64

// add takes n bytes from at on, and says whether all of them were free.
func (c *coverage) add(at, n int) bool {
	for n > 0 {
		bit := at % 64
		take := min(n, 64-bit)
		mask := (^uint64(0) >> (64 - take)) << bit
		if c[at/64]&mask != 0 {
			return false
		}
		c[at/64] |= mask
		at, n = at+take, n-take
	}
	return true
}

// validateCell checks the cell at the beginning of b and returns its size and summary.
func (p page) validateCell(b page) (int, summary, error) {
	if p.kind() == kindLeaf {
		return validateLeafCell(b, len(p))
	}
	return validateInnerCell(b, len(p))
}
