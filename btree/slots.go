package btree

import (
	"encoding/binary"
	"slices"
)

// A slotted page has one slot for each cell, in the order of their keys:
//
//	OFFSET SIZE FIELD
//	0      2    offset of the cell in the page
//	2      4    head: the first bytes of the key behind the prefix, zeros where
//	            it is shorter, as a number that compares as the bytes do: the first
//	            of them is the highest
//
// A search goes over heads, which stand side by side, and asks a cell for its
// key only where heads are equal.
//
// What all keys of a page begin with is held once, at the page's end, and
// left out of the cells. It is chosen when a page is built, of the first key and the
// last, which settle it for those between. A key that comes between them later has
// it too; for one that comes at either end and has less of it all cells are
// written anew with a shorter one. When a page would be split for want of room a longer
// one is looked for before.
//
// A cell in memory, outside of pages, always has its whole key. The first cell of an
// inner page has no key and no part in the prefix.

func (p page) slot(i int) int { return p.u16(slottedHeader + slotSize*i) }

func (p page) head(i int) uint32 { return p.u32(slottedHeader + slotSize*i + 2) }

func (p page) setSlot(i, at int) {
	p.setU16(slottedHeader+slotSize*i, at)
	p.setU32(slottedHeader+slotSize*i+2, int(headOf(p.fieldAt(at, i).comparable())))
}

// headOf returns the head of a key, which is without its page's prefix.
func headOf(key []byte) uint32 {
	if len(key) >= headSize {
		return binary.BigEndian.Uint32(key)
	}
	head := uint32(0)
	for i, b := range key {
		head |= uint32(b) << (24 - 8*i)
	}
	return head
}

// seekHead returns the first slot from first on whose head is not below head.
// Its loop goes to the right half by arithmetic, as a branch would be guessed
// wrong half the time.
func (p page) seekHead(first int, head uint32) int {
	heads := p[slottedHeader+slotSize-headSize:]
	n := p.count() - first
	for n > 1 {
		half := n / 2
		mid := slotSize * (first + half - 1)
		below := (uint64(binary.LittleEndian.Uint32(heads[mid:mid+headSize])) - uint64(head)) >> 63
		first += half & -int(below)
		n -= half
	}
	if n == 1 && p.head(first) < head {
		first++
	}
	return first
}

func (p page) prefixSize() int { return p.u16(30) }

func (p page) prefix() []byte { return p[len(p)-p.prefixSize():] }

// setPrefix gives a prefix to a page without cells.
func (p page) setPrefix(prefix []byte) {
	p.setU16(30, len(prefix))
	p.setLow(len(p) - len(prefix))
	copy(p[p.low():], prefix)
}

// lead returns what stands before the key in cell i.
func (p page) lead(i int) []byte {
	if i == 0 && p.kind() == kindInner {
		return nil
	}
	return p.prefix()
}

// keyed returns how many cells have keys.
func (p page) keyed() int {
	if p.kind() == kindInner {
		return max(p.count()-1, 0)
	}
	return p.count()
}

// used returns the bytes that slots, cells and the prefix take.
func (p page) used() int { return slotSize*p.count() + len(p) - p.low() - p.holes() }

// usedWith returns what used would be with a prefix of so many bytes.
func (p page) usedWith(prefix int) int {
	return p.used() + (p.prefixSize()-prefix)*(p.keyed()-1)
}

// cellHeader returns the size of what stands in cells before their keys.
func (p page) cellHeader() int { return cellHeaderOf(p.kind() == kindInner) }

func cellHeaderOf(inner bool) int {
	if inner {
		return innerCellHeader
	}
	return leafCellHeader
}

// cellSize returns the length of the cell at an offset, which the caller knows
// to be that of a cell.
func (p page) cellSize(at int) int {
	if p.kind() == kindLeaf {
		return leafCellHeader + p.u16(at)&lengthMask + p.u16(at+2)&lengthMask
	}
	return innerCellHeader + p.u16(at)&lengthMask
}

// cell returns cell i as it stands in the page.
func (p page) cell(i int) page {
	at := p.slot(i)
	n := p.cellSize(at)
	return p[at : at+n : at+n]
}

// field returns the key of cell i.
func (p page) field(i int) keyField { return p.fieldAt(p.slot(i), i) }

// fieldAt is field of a cell i that stands at an offset.
func (p page) fieldAt(at, i int) keyField {
	return getField(p[at:], p.cellHeader(), p.lead(i))
}

// getField returns the key of the cell at the beginning of b.
func getField(b page, header int, lead []byte) keyField {
	n := b.u16(0)
	end := header + n&lengthMask
	return keyField{lead: lead, key: b[header:end:end], long: n&longKey != 0}
}

// shared returns how much of the prefix a key has.
func (p page) shared(key []byte) int { return common(p.prefix(), key) }

// fits says whether there is room for a cell.
func (p page) fits(cell page) bool {
	shared := p.shared(getField(cell, p.cellHeader(), nil).truncatable())
	return p.usedWith(shared)+len(cell)-shared+slotSize <= len(p)-slottedHeader
}

// slotsEnd is where the slots end and the gap in front of the lowest cell begins.
func (p page) slotsEnd() int { return slottedHeader + slotSize*p.count() }

// hasGap says whether a cell can be inserted without any other's being moved: it has all
// of the prefix, and there is room for it in one piece.
func (p page) hasGap(cell page) bool {
	shared := p.shared(getField(cell, p.cellHeader(), nil).truncatable())
	return shared == p.prefixSize() && p.low()-p.slotsEnd() >= len(cell)-shared+slotSize
}

// insert makes a cell the i-th. The caller has seen to it that it fits.
// The scratch page serves to move the cells when that takes it.
func (p page) insert(i int, cell, scratch page) {
	if !p.hasGap(cell) {
		p.repack(p.shared(getField(cell, p.cellHeader(), nil).truncatable()), scratch)
	}
	p.write(i, nil, cell)
}

// push adds a cell behind the last. It is how pages are built; it fits and has the prefix.
func (p page) push(cell page) { p.write(p.count(), nil, cell) }

// pushFrom is push of cell i of another page.
func (p page) pushFrom(from page, i int) { p.write(p.count(), from.lead(i), from.cell(i)) }

// write makes a cell the i-th, whose key has lead before it. There is a gap for it
// between slots and cells.
func (p page) write(i int, lead []byte, cell page) {
	header, flags, key := p.cellHeader(), cell.u16(0), cell.u16(0)&lengthMask
	rest := cell[header:]
	prefix := p.prefixSize()
	if i == 0 && p.kind() == kindInner {
		flags, key, rest = flags&childSpills, 0, nil
		lead, prefix = nil, 0
	}
	key += len(lead) - prefix
	if prefix < len(lead) {
		lead = lead[prefix:]
	} else {
		lead, rest = nil, rest[prefix-len(lead):]
	}
	low := p.low() - header - len(lead) - len(rest)
	copy(p[low:], cell[:header])
	p.setU16(low, flags&^lengthMask|key)
	copy(p[low+header:], lead)
	copy(p[low+header+len(lead):], rest)

	n := p.count()
	slots := p[slottedHeader : slottedHeader+slotSize*(n+1)]
	copy(slots[slotSize*(i+1):], slots[slotSize*i:])
	p.setCount(n + 1)
	p.setLow(low)
	p.setSlot(i, low)
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
		p.setPrefix(nil)
		p.setHoles(0)
	}
}

// repack moves the cells together, with a prefix of so many bytes, which all keys have.
func (p page) repack(prefix int, scratch page) {
	copy(scratch, p)
	lead := scratch.prefix()
	if prefix > len(lead) {
		lead = scratch.field(scratch.count() - scratch.keyed()).appendTo(nil)
	}
	p.restart(lead[:prefix])
	for i := range scratch.count() {
		p.pushFrom(scratch, i)
	}
}

// restart takes all cells out of a page and gives it a prefix. What else its header
// says stays.
func (p page) restart(prefix []byte) {
	p.setCount(0)
	p.setHoles(0)
	p.setPrefix(prefix)
}

// tighten looks for a longer prefix, which a cell that has yet to come has too.
func (p page) tighten(cell, scratch page) {
	n := p.count()
	if p.keyed() < 2 {
		return
	}
	first, last := p.field(n-p.keyed()), p.field(n-1)
	longest := len(first.lead) + common(first.truncatable(), last.truncatable())
	if longest <= len(first.lead) {
		return
	}
	whole := slices.Concat(first.lead, first.truncatable())
	longest = min(longest, common(whole, getField(cell, p.cellHeader(), nil).truncatable()))
	if longest > len(first.lead) {
		p.repack(longest, scratch)
	}
}

// common returns how many bytes two keys have in common at their beginning.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
