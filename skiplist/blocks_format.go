package skiplist

import (
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// A block is one piece of the arena, of entries that stand next to each other
// on a level:
//
//	OFFSET  SIZE  FIELD
//	0       4     n: number of entries; atomic
//	4       4     how many of them, from the first on, are in order; atomic with n
//	8       4     r: number of entries that there is room for
//	12      4     number of entries that were removed
//	16      1     level
//	17      1     p: length of the prefix
//	18      p     prefix, which all keys of the block begin with
//	H       8r    heads: of each key the 8 bytes after the prefix, big-endian, zeros if it ends before
//	H+8r    4r    refs: on level 0 of the record, zero if it was removed; above of the block below; atomic
//
// H is 18+p, rounded up to 8. The first block of a level begins with the least
// of all keys, which nobody has: above level 0 its first entry has no key, and
// zero for a head.
//
// Example: a block on level 0 with room for four and the keys abc1, abc2 and
// abc3, in the order in which they came, of which abc1 begins the block, abc2
// was removed and the prefix is abc:
//
//	00  03 00 00 00 03 00 00 00  three entries, all in order
//	08  04 00 00 00 01 00 00 00  room for four, one removed
//	10  00 03 61 62 63 00 00 00  level 0, prefix of 3 bytes
//	18  00 00 00 00 00 00 00 31  heads, here of a little-endian machine
//	20  00 00 00 00 00 00 00 32
//	28  00 00 00 00 00 00 00 33
//	30  .. .. .. .. .. .. .. ..
//	38  10 a0 00 00 00 00 00 00  refs: record 0xa010, none,
//	40  38 a0 00 00 .. .. .. ..  record 0xa038
type block struct {
	state     atomic.Uint64
	room      uint32
	removed   uint32 // the writer's
	level     uint8
	prefixLen uint8
}

const (
	prefixAt  = 18
	headSize  = 8
	refSize   = 4
	maxPrefix = 64 // a longer one is cut, and heads tell less
	// maxUnordered is how many entries at the end of a block on level 0 need
	// not be in order. Look-ups go through them one by one.
	maxUnordered = 16
)

// headsAt returns the offset of the heads behind a prefix of so many bytes.
func headsAt(prefixLen int) int { return (prefixAt + prefixLen + 7) &^ 7 }

func blockSize(prefixLen, room int) int { return headsAt(prefixLen) + (headSize+refSize)*room }

// counts returns the number of entries, and how many of them are in order.
func (b *block) counts() (n, ordered int) {
	s := b.state.Load()
	return int(uint32(s)), int(s >> 32)
}

func stateOf(n, ordered int) uint64 { return uint64(ordered)<<32 | uint64(n) }

func (b *block) prefix() []byte {
	return arena.Slice(unsafe.Pointer(b), prefixAt, int(b.prefixLen))
}

// heads returns the heads of the first n entries.
func (b *block) heads(n int) []uint64 {
	return unsafe.Slice((*uint64)(unsafe.Add(unsafe.Pointer(b), headsAt(int(b.prefixLen)))), n)
}

// ref returns the reference of an entry.
func (b *block) ref(i int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Add(unsafe.Pointer(b), headsAt(int(b.prefixLen))+headSize*int(b.room)+refSize*i))
}

// refs returns the references of the first n entries.
func (b *block) refs(n int) []atomic.Uint32 { return unsafe.Slice(b.ref(0), n) }

// side says where a key stands to all keys with the block's prefix: 0 is among
// them, -1 before and 1 after.
func (b *block) side(key []byte) int {
	p := b.prefix()
	if len(key) >= len(p) && string(key[:len(p)]) == string(p) {
		return 0
	}
	if string(key) < string(p) {
		return -1
	}
	return 1
}

// headOf returns a key's head behind a prefix of so many bytes.
func headOf(key []byte, prefixLen int) uint64 {
	if len(key) >= prefixLen+headSize {
		return binary.BigEndian.Uint64(key[prefixLen:])
	}
	var padded [headSize]byte
	if len(key) > prefixLen {
		copy(padded[:], key[prefixLen:])
	}
	return binary.BigEndian.Uint64(padded[:])
}

// below returns how many of the heads, which ascend, are below h. It has no
// branch that depends on them: halves while there are many, and then counts, so
// that the few cache lines that are left come all at once.
func below(heads []uint64, h uint64) int {
	const few = 8
	at, n := 0, len(heads)
	for n > few {
		half := n / 2
		if heads[at+half-1] < h {
			at += half
		}
		n -= half
	}
	count := uint64(0)
	for _, x := range heads[at : at+n] {
		_, less := bits.Sub64(x, h, 0)
		count += less
	}
	return at + int(count)
}

// alike returns how far the heads that are h go on from the i-th, and are those
// of all that are h if those before it are less.
func alike(heads []uint64, i int, h uint64) int {
	for i < len(heads) && heads[i] == h {
		i++
	}
	return i
}

// commonLen returns how many bytes a and b have in common from their first on.
func commonLen(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
