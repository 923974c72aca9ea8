package btree

import (
	"encoding/binary"
	"errors"

	"github.com/statelab/statelab"
)

// An inner page's cell is a child and the separator in front of it: the
// child's keys are not below the separator, the keys of the child before are.
// The first cell's separator is empty and stands for "less than every key".
//
//	OFFSET SIZE FIELD
//	0      2    bytes of the separator; bit 15 set if it is long (key.go),
//	            bit 14 if a leaf below owns overflow pages
//	2      12   reference to the child: id, birth
//	14     8    dieAt of the child's subtree
//	22     8    firstDeath of the child's subtree
//	30          separator, without the page's prefix
//
// So "m" in front of page 3, born in epoch 2, where the first leaf dies at 5 and
// the last element at 9, is
// 01 00 03 00 00 00 02 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00 6d.
const (
	innerCellHeader = 30
	childSpills     = 0x4000
)

// An entry is an inner page's cell, taken apart.
type entry struct {
	child ref
	sum   summary
	keyField
}

func (p page) entry(i int) entry { return getEntry(p[p.slot(i):], p.lead(i)) }

// getEntry returns the entry of the cell at the beginning of b, whose separator
// has lead before it.
func getEntry(b page, lead []byte) entry {
	return entry{
		child:    getRef(b[2:]),
		sum:      summary{b.i64(14), b.i64(22), b.u16(0)&childSpills != 0},
		keyField: getField(b, innerCellHeader, lead),
	}
}

// child returns the reference in cell i alone.
func (p page) child(i int) ref { return getRef(p[p.slot(i)+2:]) }

// childDieAt returns dieAt of cell i alone.
func (p page) childDieAt(i int) int64 { return p.i64(p.slot(i) + 14) }

// childFirstDeath returns firstDeath of cell i alone.
func (p page) childFirstDeath(i int) int64 { return p.i64(p.slot(i) + 22) }

// appendCell appends the entry as a cell, with its whole separator.
func (e entry) appendCell(dst []byte) []byte {
	n := e.size()
	if e.long {
		n |= longKey
	}
	if e.sum.spills {
		n |= childSpills
	}
	dst = binary.LittleEndian.AppendUint16(dst, uint16(n))
	dst = binary.LittleEndian.AppendUint32(dst, e.child.id)
	dst = binary.LittleEndian.AppendUint64(dst, e.child.tag())
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.sum.dieAt))
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.sum.firstDeath))
	return e.appendTo(dst)
}

// setChild changes child and summary of cell i, and keeps the page's summary.
func (p page) setChild(i int, child ref, sum summary) {
	at := p.slot(i)
	old := p.entry(i)
	flags := p.u16(at) &^ childSpills
	if sum.spills {
		flags |= childSpills
	}
	p.setU16(at, flags)
	putRef(p[at+2:], child)
	p.setI64(at+14, sum.dieAt)
	p.setI64(at+22, sum.firstDeath)
	grew := sum.dieAt >= old.sum.dieAt || old.sum.dieAt < p.i64(32)
	later := sum.firstDeath > old.sum.firstDeath && old.sum.firstDeath == p.i64(40)
	if !grew || later || sum.spills != old.sum.spills {
		p.summarizeInner()
		return
	}
	p.setSummary(max(p.i64(32), sum.dieAt), min(p.i64(40), sum.firstDeath))
}

// clearSeparator makes the separator of cell 0, which another one stood before
// until now, empty.
func (p page) clearSeparator() {
	at := p.slot(0)
	size := p.u16(at) & lengthMask
	if at == p.low() {
		// The lowest cell may not end before low says: move its head up.
		copy(p[at+size:], p[at:at+innerCellHeader])
		at += size
		p.setLow(at)
	} else {
		p.setHoles(p.holes() + size)
	}
	p.setU16(at, p.u16(at)&childSpills)
	p.setSlot(0, at)
}

// addSummary takes the summary of an entry that was inserted into the page's, which was
// right without it.
func (p page) addSummary(sum summary) {
	p.setSummary(max(p.i64(32), sum.dieAt), min(p.i64(40), sum.firstDeath))
	if sum.spills {
		p.setSpills(p.spills() + 1)
	}
}

// summarizeInner writes the summary of an inner page's entries into its header (B5).
func (p page) summarizeInner() {
	dieAt, firstDeath, spills := int64(statelab.MinWatermark), int64(statelab.NoExpiry), 0
	n := p.count()
	for i := range n {
		at := p.slot(i)
		dieAt, firstDeath = max(dieAt, p.i64(at+14)), min(firstDeath, p.i64(at+22))
		if p.u16(at)&childSpills != 0 {
			spills++
		}
	}
	if n == 0 {
		dieAt = statelab.NoExpiry
	}
	p.setSummary(dieAt, firstDeath)
	p.setSpills(spills)
}

// validateInnerCell checks the cell at the beginning of b, which is the rest of
// what may be cells, and returns its size and what it adds to the summary.
func validateInnerCell(b page, lead []byte, head uint32, pageSize int) (int, summary, error) {
	if len(b) < innerCellHeader {
		return 0, summary{}, errors.New("it is cut short")
	}
	n := b.u16(0)
	size := innerCellHeader + n&lengthMask
	if size > len(b) {
		return 0, summary{}, errors.New("it is too long")
	}
	e := getEntry(b, lead)
	if err := e.validate(head, pageSize); err != nil {
		return 0, summary{}, err
	}
	return size, e.sum, nil
}
