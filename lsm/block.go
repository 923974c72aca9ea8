package lsm

import (
	"bytes"
	"encoding/binary"
)

// A block holds entries in ascending order of their keys. Keys share what they
// have in common with their predecessor; every restartInterval entries a key
// stands whole, and the offsets of those entries, the restart points, are
// listed at the end, so that a search can halve its way to one of them.
//
//	SIZE     FIELD
//	         entries, each:
//	uvarint    bytes of the key shared with the entry before
//	uvarint    length of the rest of the key
//	uvarint    length of the value
//	           rest of the key
//	           value
//	4 each   offsets of the entries with whole keys, little-endian
//	4        their number, little-endian
//
// The entries "ride1" = x and "ride27" = yz make the block
//
//	00 05 01 72 69 64 65 31 78     shared 0, rest "ride1", value "x"
//	04 02 02 32 37 79 7a           shared 4 "ride", rest "27", value "yz"
//	00 00 00 00                    one restart point, at 0
//	01 00 00 00
//
// The layout is LevelDB's.

// restartInterval is the number of entries from one whole key to the next. It
// is smaller than LevelDB's 16 because join state has short values: what a
// look-up steps over costs more than what the longer keys take.
const restartInterval = 8

// blockBuilder makes a block. The zero value is empty and ready for use.
type blockBuilder struct {
	buf      []byte
	restarts []uint32
	last     []byte // key of the newest entry
	entries  int
}

// add appends an entry; its key must be greater than all before.
func (b *blockBuilder) add(key, value []byte) {
	shared := 0
	if b.entries%restartInterval == 0 {
		b.restarts = append(b.restarts, uint32(len(b.buf)))
	} else {
		shared = sharedPrefix(b.last, key)
	}
	b.buf = binary.AppendUvarint(b.buf, uint64(shared))
	b.buf = binary.AppendUvarint(b.buf, uint64(len(key)-shared))
	b.buf = binary.AppendUvarint(b.buf, uint64(len(value)))
	b.buf = append(b.buf, key[shared:]...)
	b.buf = append(b.buf, value...)
	b.last = append(b.last[:shared], key[shared:]...)
	b.entries++
}

// size returns the length that the finished block would have, in bytes.
func (b *blockBuilder) size() int { return len(b.buf) + 4*len(b.restarts) + 4 }

// finish returns the block, which is the builder's until its reset.
func (b *blockBuilder) finish() []byte {
	for _, offset := range b.restarts {
		b.buf = binary.LittleEndian.AppendUint32(b.buf, offset)
	}
	b.buf = binary.LittleEndian.AppendUint32(b.buf, uint32(len(b.restarts)))
	return b.buf
}

// reset empties the builder and keeps its memory.
func (b *blockBuilder) reset() {
	b.buf, b.restarts, b.last, b.entries = b.buf[:0], b.restarts[:0], b.last[:0], 0
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
	restarts []byte // offsets, four bytes each
	at       int    // offset of the current entry
	next     int    // offset of the one after it
	keyBuf   []byte
	val      []byte
	damage   string
}

// open stands the cursor on no entry of a block.
func (c *blockCursor) open(block []byte) {
	*c = blockCursor{keyBuf: c.keyBuf[:0]}
	if len(block) < 4 {
		c.damage = "block without a trailer"
		return
	}
	n := uint64(binary.LittleEndian.Uint32(block[len(block)-4:]))
	if room := uint64(len(block)-4) / 4; n > room || n == 0 {
		c.damage = "number of restart points out of range"
		return
	}
	split := len(block) - 4 - 4*int(n)
	c.entries, c.restarts = block[:split], block[split:len(block)-4]
}

func (c *blockCursor) key() []byte   { return c.keyBuf }
func (c *blockCursor) value() []byte { return c.val }

// first moves to the first entry.
func (c *blockCursor) first() bool { return c.startAt(0) && c.step() }

// last moves to the last entry.
func (c *blockCursor) last() bool {
	if c.damage != "" || !c.startAt(len(c.restarts)/4-1) {
		return false
	}
	ok := c.step()
	for ok && c.next < len(c.entries) {
		ok = c.step()
	}
	return ok
}

// seekGE moves to the first entry whose key is not less than key.
func (c *blockCursor) seekGE(key []byte) bool {
	if !c.startBefore(key) {
		return false
	}
	for c.step() {
		if bytes.Compare(c.keyBuf, key) >= 0 {
			return true
		}
	}
	return false
}

// moveNext moves from an entry to the one after it.
func (c *blockCursor) moveNext() bool { return c.step() }

// movePrev moves from an entry to the one before it: back to the restart
// point before it, and forwards from there.
func (c *blockCursor) movePrev() bool {
	end := c.at
	if end == 0 || c.damage != "" {
		return false
	}
	lo, hi := 0, len(c.restarts)/4 // the last restart point before end is in [lo, hi)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; c.restart(mid) < end {
			lo = mid
		} else {
			hi = mid
		}
	}
	if !c.startAt(lo) {
		return false
	}
	ok := c.step()
	for ok && c.next < end {
		ok = c.step()
	}
	if ok && c.next != end {
		return c.fail("restart points do not fall on entries")
	}
	return ok
}

// startBefore readies step to return the entry of the last restart point whose
// key is less than key, or the first entry.
func (c *blockCursor) startBefore(key []byte) bool {
	if c.damage != "" {
		return false
	}
	lo, hi := 0, len(c.restarts)/4 // the one we want is in [lo, hi)
	for hi-lo > 1 {
		mid := (lo + hi) / 2
		if !c.startAt(mid) || !c.step() {
			return false
		}
		if bytes.Compare(c.keyBuf, key) < 0 {
			lo = mid
		} else {
			hi = mid
		}
	}
	return c.startAt(lo)
}

func (c *blockCursor) restart(i int) int {
	return int(binary.LittleEndian.Uint32(c.restarts[4*i:]))
}

// startAt readies step to return the entry of restart point i.
func (c *blockCursor) startAt(i int) bool {
	if c.damage != "" {
		return false
	}
	offset := c.restart(i)
	if offset > len(c.entries) || i == 0 && offset != 0 {
		return c.fail("restart point out of range")
	}
	c.keyBuf, c.next = c.keyBuf[:0], offset
	return true
}

// step decodes the entry at c.next.
func (c *blockCursor) step() bool {
	if c.next >= len(c.entries) || c.damage != "" {
		return false
	}
	rest := c.entries[c.next:]
	shared, n := binary.Uvarint(rest)
	if n <= 0 || shared > uint64(len(c.keyBuf)) {
		return c.fail("shared length of a key out of range")
	}
	rest = rest[n:]
	keyLen, n := binary.Uvarint(rest)
	if n <= 0 || keyLen > uint64(len(rest)) {
		return c.fail("length of a key out of range")
	}
	rest = rest[n:]
	valueLen, n := binary.Uvarint(rest)
	if n <= 0 {
		return c.fail("length of a value out of range")
	}
	rest = rest[n:]
	if keyLen > uint64(len(rest)) || valueLen > uint64(len(rest))-keyLen {
		return c.fail("entry cut short")
	}
	c.at = c.next
	c.keyBuf = append(c.keyBuf[:shared], rest[:keyLen]...)
	c.val = rest[keyLen : keyLen+valueLen : keyLen+valueLen]
	c.next = len(c.entries) - len(rest) + int(keyLen+valueLen)
	return true
}

func (c *blockCursor) fail(reason string) bool {
	c.damage = reason
	return false
}

// forget gives up the block.
func (c *blockCursor) forget() { *c = blockCursor{keyBuf: c.keyBuf[:0]} }
