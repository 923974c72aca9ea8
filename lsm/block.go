package lsm

import (
	"bytes"
	"encoding/binary"
	"math"
)

// A block holds entries in ascending order of their keys. Keys share what they
// have in common with the first, which stands whole. The offsets of all entries are
// listed at the end, so that a search halves its way to one of them, a step in either
// direction goes to the next of them, and no other entry is looked at.
//
//	SIZE     FIELD
//	         entries, each:
//	uvarint    bytes of the key shared with the block's first: as many as there are
//	uvarint    length of the rest of the key
//	           rest of the key
//	           value, up to the next entry or the offsets
//	2 each   offsets of the entries, little-endian; 4 each if they do not fit
//	4        twice the number of entries, plus one if offsets have 4 bytes, little-endian
//
// The entries "ride1" = x and "ride27" = yz make the block
//
//	00 05 72 69 64 65 31 78     shared 0, rest "ride1", value "x"
//	04 02 32 37 79 7a           shared 4 "ride", rest "27", value "yz"
//	00 00 08 00                 offsets 0 and 8
//	04 00 00 00                 two, of 2 bytes
//
// LevelDB's blocks share keys with the entry before, but for one in sixteen, and
// list the offsets of those: smaller by some bytes an entry, and a look-up steps over
// eight others on average, of which it must put together each key.

// blockBuilder makes a block. The zero value is empty and ready for use.
type blockBuilder struct {
	buf     []byte
	offsets []uint32
	first   []byte // key
	entries int
}

// add appends an entry; its key must be greater than all before.
func (b *blockBuilder) add(key, value []byte) {
	shared := 0
	if b.entries == 0 {
		b.first = append(b.first[:0], key...)
	} else {
		shared = sharedPrefix(b.first, key)
	}
	b.offsets = append(b.offsets, uint32(len(b.buf)))
	b.buf = binary.AppendUvarint(b.buf, uint64(shared))
	b.buf = binary.AppendUvarint(b.buf, uint64(len(key)-shared))
	b.buf = append(b.buf, key[shared:]...)
	b.buf = append(b.buf, value...)
	b.entries++
}

// offsetSize returns the bytes that each offset takes.
func (b *blockBuilder) offsetSize() int {
	if len(b.buf) > math.MaxUint16 {
		return 4
	}
	return 2
}

// size returns the length that the finished block would have, in bytes.
func (b *blockBuilder) size() int { return len(b.buf) + b.offsetSize()*len(b.offsets) + 4 }

// finish returns the block, which is the builder's until its reset.
func (b *blockBuilder) finish() []byte {
	count := uint32(len(b.offsets)) << 1
	if b.offsetSize() == 4 {
		count |= 1
	}
	for _, offset := range b.offsets {
		if count&1 != 0 {
			b.buf = binary.LittleEndian.AppendUint32(b.buf, offset)
		} else {
			b.buf = binary.LittleEndian.AppendUint16(b.buf, uint16(offset))
		}
	}
	b.buf = binary.LittleEndian.AppendUint32(b.buf, count)
	return b.buf
}

// reset empties the builder and keeps its memory.
func (b *blockBuilder) reset() {
	b.buf, b.offsets, b.entries = b.buf[:0], b.offsets[:0], 0
}

func sharedPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// blockCursor walks a block in both directions. It takes any bytes whatever:
// on damage its moves return false and damage says what is wrong. What key and
// value return is valid until the next move; value aliases the block.
type blockCursor struct {
	entries  []byte // of the block
	offsets  []byte
	wide     bool // offsets have four bytes
	count    int  // of entries
	at       int  // the current one
	firstKey []byte
	keyBuf   []byte
	val      []byte
	damage   string
}

// open stands the cursor on no entry of a block.
func (c *blockCursor) open(block []byte) {
	*c = blockCursor{keyBuf: c.keyBuf[:0]}
	if len(block) < 4 {
		c.fail("block without a trailer")
		return
	}
	trailer := binary.LittleEndian.Uint32(block[len(block)-4:])
	n, size := int(trailer>>1), 2
	if c.wide = trailer&1 != 0; c.wide {
		size = 4
	}
	if n == 0 || n > (len(block)-4)/size {
		c.fail("number of entries out of range")
		return
	}
	split := len(block) - 4 - size*n
	c.entries, c.offsets, c.count = block[:split], block[split:len(block)-4], n
	shared, rest, _, ok := c.entry(0)
	if ok && (shared != 0 || c.offset(0) != 0) {
		ok = c.fail("first entry out of place")
	}
	if ok {
		c.firstKey = rest
	}
}

func (c *blockCursor) key() []byte   { return c.keyBuf }
func (c *blockCursor) value() []byte { return c.val }

// first and last move to the first and to the last entry, moveNext and movePrev from
// an entry to its neighbours.
func (c *blockCursor) first() bool    { return c.stand(0) }
func (c *blockCursor) last() bool     { return c.stand(c.count - 1) }
func (c *blockCursor) moveNext() bool { return c.stand(c.at + 1) }
func (c *blockCursor) movePrev() bool { return c.stand(c.at - 1) }

// seekGE moves to the first entry whose key is not less than key.
func (c *blockCursor) seekGE(key []byte) bool {
	if c.damage != "" {
		return false
	}
	common := sharedPrefix(key, c.firstKey)
	if common == len(key) || common < len(c.firstKey) && key[common] < c.firstKey[common] {
		return c.stand(0)
	}
	lo, hi := 1, c.count // key is greater than the first one
	for lo < hi {
		mid := int(uint(lo+hi) / 2)
		shared, rest, _, ok := c.entry(mid)
		switch {
		case !ok:
			return false
		case shared > common || shared == common && bytes.Compare(rest, key[common:]) < 0:
			lo = mid + 1
		default: // where it leaves the first key it is greater, and key is not
			hi = mid
		}
	}
	return c.stand(lo)
}

// stand moves to entry i, if there is one.
func (c *blockCursor) stand(i int) bool {
	if i < 0 || i >= c.count || c.damage != "" {
		return false
	}
	shared, rest, value, ok := c.entry(i)
	if !ok {
		return false
	}
	if i > 0 && (len(rest) == 0 || shared < len(c.firstKey) && rest[0] <= c.firstKey[shared]) {
		return c.fail("key does not follow the first of its block")
	}
	c.at = i
	c.keyBuf = append(append(c.keyBuf[:0], c.firstKey[:shared]...), rest...)
	c.val = value
	return true
}

// entry takes entry i apart.
func (c *blockCursor) entry(i int) (shared int, rest, value []byte, ok bool) {
	begin, end := c.offset(i), len(c.entries)
	if i+1 < c.count {
		end = c.offset(i + 1)
	}
	if begin > end || end > len(c.entries) {
		return 0, nil, nil, c.fail("offset of an entry out of range")
	}
	data := c.entries[begin:end:end]
	sharedLen, n := shortUvarint(data)
	if n <= 0 || sharedLen > uint64(len(c.firstKey)) {
		return 0, nil, nil, c.fail("shared length of a key out of range")
	}
	restLen, m := shortUvarint(data[n:])
	if m <= 0 || restLen > uint64(len(data)-n-m) {
		return 0, nil, nil, c.fail("length of a key out of range")
	}
	data = data[n+m:]
	return int(sharedLen), data[:restLen:restLen], data[restLen:], true
}

// shortUvarint is binary.Uvarint, quicker if the number is small.
func shortUvarint(data []byte) (v uint64, n int) {
	if len(data) > 0 && data[0] < 0x80 {
		return uint64(data[0]), 1
	}
	return binary.Uvarint(data)
}

func (c *blockCursor) offset(i int) int {
	if c.wide {
		return int(binary.LittleEndian.Uint32(c.offsets[4*i:]))
	}
	return int(binary.LittleEndian.Uint16(c.offsets[2*i:]))
}

// fail ends the use of the block.
func (c *blockCursor) fail(reason string) bool {
	c.damage, c.count = reason, 0
	return false
}

// forget gives up the block.
func (c *blockCursor) forget() { *c = blockCursor{keyBuf: c.keyBuf[:0]} }
