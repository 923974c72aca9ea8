package btree

import (
	"encoding/binary"
	"errors"

	"github.com/statelab/statelab"
)

// A leaf's cell is a record:
//
//	OFFSET SIZE FIELD
//	0      2    bytes of the key field; bit 15 set if the key is long (key.go)
//	2      2    bytes of the body field; bit 15 set if the body is spilled
//	4           key field, without the page's prefix
//	            body field: the elements (element.go), or a spill
//
// so that the record "k" with the one element "vw" until 5 is
// 01 00 0b 00 6b 05 05 00 00 00 00 00 00 00 76 77, and in a page with the prefix
// "k" 00 00 0b 00 05 05 00 00 00 00 00 00 00 76 77.
//
// A body that would make the cell, with its whole key, longer than a quarter of the page is
// spilled: its elements stand in overflow pages (stream.go), and the field is
//
//	OFFSET SIZE FIELD
//	0      12   reference to the stream's top page: id, birth
//	12     8    length of the stream in bytes
//	20     8    payload: bytes of its elements, live and dead, without headers
//	28     8    dieAt: their last expiry
//	36     8    sweepAt: at which length dead elements are next looked for
//
// In leaves of the write buffer, which are never written, bit 14 of the first
// length says that the record covers, and that of the second that it outlives
// what it covers (buffer.go); and a record that covers may have no elements.
const (
	leafCellHeader = 4
	lengthMask     = 0x3fff
	bufferMark     = 0x4000 // covers, in the length of the key field; outlives, in that of the body field
	longKey        = 0x8000 // in the length of the key field, of leaf and inner cells
	spilledBody    = 0x8000 // in the length of the body field
	spillSize      = 44
)

// maxLeafCell is the longest cell of a leaf: four fit a page, so that a split
// always leaves two pages that are not overfull.
func maxLeafCell(pageSize int) int { return (pageSize-slottedHeader)/4 - slotSize }

// A spill describes a body in overflow pages.
type spill struct {
	stream  stream
	payload int64
	dieAt   int64
	sweepAt int64
}

func getSpill(b []byte) spill {
	return spill{
		stream:  stream{getRef(b), int64(binary.LittleEndian.Uint64(b[12:]))},
		payload: int64(binary.LittleEndian.Uint64(b[20:])),
		dieAt:   int64(binary.LittleEndian.Uint64(b[28:])),
		sweepAt: int64(binary.LittleEndian.Uint64(b[36:])),
	}
}

func appendSpill(dst []byte, s spill) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, s.stream.top.id)
	dst = binary.LittleEndian.AppendUint64(dst, s.stream.top.birth)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.stream.length))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.payload))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.dieAt))
	return binary.LittleEndian.AppendUint64(dst, uint64(s.sweepAt))
}

// A record is a leaf's cell, taken apart; it aliases the page.
type record struct {
	keyField
	body    []byte // field
	spilled bool

	covers, outlives bool // of the write buffer's only
}

func (p page) record(i int) record { return getRecord(p[p.slot(i):], p.prefix()) }

// getRecord returns the record of the cell at the beginning of b, whose key has lead before it.
func getRecord(b page, lead []byte) record {
	k, v := b.u16(0), b.u16(2)
	body := leafCellHeader + k&lengthMask
	end := body + v&lengthMask
	return record{
		keyField: keyField{lead, b[leafCellHeader:body:body], k&longKey != 0},
		body:     b[body:end:end], spilled: v&spilledBody != 0,
		covers: k&bufferMark != 0, outlives: v&bufferMark != 0,
	}
}

// appendCell appends the record as a cell, with its whole key.
func (r record) appendCell(dst []byte) []byte {
	k, v := r.size(), len(r.body)
	if r.long {
		k |= longKey
	}
	if r.spilled {
		v |= spilledBody
	}
	if r.covers {
		k |= bufferMark
	}
	if r.outlives {
		v |= bufferMark
	}
	dst = append(dst, byte(k), byte(k>>8), byte(v), byte(v>>8))
	return append(r.appendTo(dst), r.body...)
}

// dieAt returns when the record is of no use any more: the last expiry of its
// elements, but never if it covers what would be alive again without it.
func (r record) dieAt() int64 {
	if r.covers && !r.outlives {
		return statelab.NoExpiry
	}
	if r.spilled {
		return int64(binary.LittleEndian.Uint64(r.body[28:]))
	}
	return bodyDieAt(r.body)
}

// spills says whether the record owns overflow pages.
func (r record) spills() bool { return r.long || r.spilled }

// summarize writes the summary of a leaf's records into its header (B5).
func (p page) summarizeLeaf() {
	dieAt, spills := int64(statelab.MinWatermark), 0
	n := p.count()
	for i := range n {
		r := p.record(i)
		dieAt = max(dieAt, r.dieAt())
		if r.spills() {
			spills++
		}
	}
	if n == 0 {
		dieAt = statelab.NoExpiry
	}
	p.setSummary(dieAt, dieAt)
	p.setSpills(spills)
}

// insertRecord adds a cell to a leaf that has room for it, and keeps the summary.
func (p page) insertRecord(i int, cell []byte, scratch page) {
	p.insert(i, cell, scratch)
	r := getRecord(cell, nil)
	if dieAt := r.dieAt(); p.count() == 1 || dieAt > p.i64(32) {
		p.setSummary(dieAt, dieAt)
	}
	if r.spills() {
		p.setSpills(p.spills() + 1)
	}
}

// removeRecord takes record i out of a leaf, and keeps the summary. It looks
// at the others only if the one may have been the last to die.
func (p page) removeRecord(i int) {
	r := p.record(i)
	last := r.dieAt() == p.i64(32)
	if r.spills() {
		p.setSpills(p.spills() - 1)
	}
	p.remove(i)
	if last || p.count() == 0 {
		p.summarizeLeaf()
	}
}

// overwriteRecord puts a cell of the same key and length in the place of record i.
func (p page) overwriteRecord(i int, cell page) {
	old, now := p.record(i), getRecord(cell, nil)
	oldDieAt, dieAt := old.dieAt(), now.dieAt()
	if old.spills() {
		p.setSpills(p.spills() - 1)
	}
	if now.spills() {
		p.setSpills(p.spills() + 1)
	}
	at := p.slot(i)
	p.setU16(at, cell.u16(0)&^lengthMask|p.u16(at)&lengthMask)
	p.setU16(at+2, cell.u16(2))
	copy(old.body, now.body)
	switch {
	case dieAt >= p.i64(32):
		p.setSummary(dieAt, dieAt)
	case oldDieAt == p.i64(32):
		p.summarizeLeaf()
	}
}

// validateLeafCell checks the cell at the beginning of b, which is the rest of
// what may be cells, and returns its size and what it adds to the summary.
func validateLeafCell(b page, lead []byte, head uint32, pageSize int) (int, summary, error) {
	if len(b) < leafCellHeader {
		return 0, summary{}, errors.New("it is cut short")
	}
	if (b.u16(0)|b.u16(2))&bufferMark != 0 {
		return 0, summary{}, errors.New("it is one of a write buffer")
	}
	size := leafCellHeader + b.u16(0)&lengthMask + b.u16(2)&lengthMask
	if size > len(b) || size+len(lead) > maxLeafCell(pageSize) {
		return 0, summary{}, errors.New("it is too long")
	}
	r := getRecord(b, lead)
	if err := r.validate(head, pageSize); err != nil {
		return 0, summary{}, err
	}
	if r.spilled {
		if len(r.body) != spillSize {
			return 0, summary{}, errors.New("its body is spilled and no spill")
		}
		s := getSpill(r.body)
		if s.payload < 0 || s.payload > s.stream.length || !s.stream.valid(pageSize) {
			return 0, summary{}, errors.New("its spill is no stream")
		}
		return size, summary{s.dieAt, s.dieAt, true}, nil
	}
	dieAt, ok := validBody(r.body)
	if !ok {
		return 0, summary{}, errors.New("its body is no sequence of elements")
	}
	return size, summary{dieAt, dieAt, r.long}, nil
}
