package skiplist

import (
	"bytes"
	"math/bits"
	"sort"

	"github.com/statelab/statelab/internal/arena"
)

// A draft is the content of a block that the writer is about to make.
type draft struct {
	level   uint8
	first   bool // on its level; then, above level 0, its first entry has no key
	prefix  []byte
	entries []entry // all there, and in order
}

// An entry is what a block says of a key.
type entry struct {
	head uint64
	ref  uint32
}

// reset makes a draft of no entries.
func (d *draft) reset(level uint8, first bool) {
	d.level, d.first = level, first
	d.prefix, d.entries = d.prefix[:0], d.entries[:0]
}

// keyed returns the entries that have a key.
func (d *draft) keyed() []entry {
	if d.first && d.level > 0 {
		return d.entries[1:]
	}
	return d.entries
}

// gather makes d the content of a block.
func (x *blocks) gather(d *draft, b *block, first bool) {
	d.reset(b.level, first)
	d.prefix = append(d.prefix, b.prefix()...)
	n, ordered := b.counts()
	heads, refs := b.heads(n), b.refs(n)
	for i := range ordered {
		if ref := refs[i].Load(); ref != 0 {
			d.entries = append(d.entries, entry{heads[i], ref})
		}
	}
	var room [maxUnordered]entry
	rest := x.unordered(b, ordered, n, &room)
	// Both runs are in order: merge them from their ends.
	i, j := len(d.entries)-1, len(rest)-1
	d.entries = append(d.entries, rest...)
	for at := len(d.entries) - 1; j >= 0; at-- {
		if i >= 0 && x.less(rest[j], d.entries[i]) {
			d.entries[at] = d.entries[i]
			i--
		} else {
			d.entries[at] = rest[j]
			j--
		}
	}
}

// unordered returns the entries of a block on level 0 from the i-th to before
// the n-th, which are out of order, but for removed ones, put in order.
func (x *blocks) unordered(b *block, i, n int, room *[maxUnordered]entry) []entry {
	heads := b.heads(n)
	rest := room[:0]
	for ; i < n; i++ {
		e := entry{heads[i], b.ref(i).Load()}
		if e.ref == 0 {
			continue
		}
		at := len(rest)
		rest = append(rest, e)
		for ; at > 0 && x.less(e, rest[at-1]); at-- {
			rest[at] = rest[at-1]
		}
		rest[at] = e
	}
	return rest
}

// less compares two entries of one block on level 0.
func (x *blocks) less(a, b entry) bool {
	if a.head != b.head {
		return a.head < b.head
	}
	return bytes.Compare(x.keys.Of(arena.Ref(a.ref)), x.keys.Of(arena.Ref(b.ref))) < 0
}

// search returns where key belongs in a draft of level 0.
func (x *blocks) search(d *draft, key []byte) int {
	if n := commonLen(d.prefix, key); n < len(d.prefix) {
		if string(key[n:]) < string(d.prefix[n:]) {
			return 0
		}
		return len(d.entries)
	}
	h := headOf(key, len(d.prefix))
	return sort.Search(len(d.entries), func(i int) bool { return !x.isBefore(d.entries[i], h, key, true) })
}

// insert puts an entry for key before the i-th.
func (d *draft) insert(i int, key []byte, ref uint32) {
	d.shorten(commonLen(d.prefix, key))
	d.entries = append(d.entries, entry{})
	copy(d.entries[i+1:], d.entries[i:])
	d.entries[i] = entry{headOf(key, len(d.prefix)), ref}
}

// cut moves the entries from the i-th on to right.
func (d *draft) cut(i int, right *draft) {
	right.reset(d.level, false)
	right.prefix = append(right.prefix, d.prefix...)
	right.entries = append(right.entries, d.entries[i:]...)
	d.entries = d.entries[:i]
}

// join adds the entries of right, all of whose keys are greater, but for its
// first.
func (d *draft) join(right *draft) {
	if len(right.entries) == 1 {
		return
	}
	if len(d.keyed()) == 0 {
		d.prefix = append(d.prefix[:0], right.prefix...)
	}
	n := commonLen(d.prefix, right.prefix)
	d.shorten(n)
	right.shorten(n)
	d.entries = append(d.entries, right.entries[1:]...)
}

// shorten makes the prefix n bytes long, if it is longer. What it loses goes to
// the heads.
func (d *draft) shorten(n int) {
	lost := len(d.prefix) - n
	if lost <= 0 {
		return
	}
	top := headOf(d.prefix, n)
	keyed := d.keyed()
	for i := range keyed {
		// A shift by 64 or more gives zero.
		keyed[i].head = top | keyed[i].head>>(8*lost)
	}
	d.prefix = d.prefix[:n]
}

// lengthen looks for a longer prefix where heads have come to be alike in half
// of their bytes or more, which takes a look at all keys.
func (x *blocks) lengthen(d *draft) {
	const fewest = 4 // to be worth it
	keyed := d.keyed()
	if len(keyed) < fewest || len(d.prefix) == maxPrefix {
		return
	}
	last := len(keyed) - 1
	if bits.LeadingZeros64(keyed[0].head^keyed[last].head) < 8*headSize/2 {
		return
	}
	key := x.keyOf(d.level, keyed[0].ref)
	n := min(commonLen(key, x.keyOf(d.level, keyed[last].ref)), maxPrefix)
	if n <= len(d.prefix) {
		return
	}
	d.prefix = append(d.prefix[:0], key[:n]...)
	for i := range keyed {
		keyed[i].head = headOf(x.keyOf(d.level, keyed[i].ref), n)
	}
}

// keyOf returns the key of an entry of a level.
func (x *blocks) keyOf(level uint8, ref uint32) []byte {
	for ; level > 0; level-- {
		ref = x.at(ref).ref(0).Load()
	}
	return x.keys.Of(arena.Ref(ref))
}

// build makes a block of a draft, with room for some more entries.
func (x *blocks) build(d *draft, spare int) (uint32, error) {
	x.lengthen(d)
	n := len(d.entries)
	room := roomy(len(d.prefix), n+spare)
	size := blockSize(len(d.prefix), room)
	alloc := x.mem.AllocLasting
	if x.mustNotFail {
		alloc = x.mem.AllocReserved
	}
	ref, err := alloc(size)
	if err != nil {
		return 0, err
	}
	x.made = append(x.made, uint32(ref))
	x.bytes += int64(x.mem.SizeOf(size))
	b := x.at(uint32(ref))
	b.room, b.removed = uint32(room), 0
	b.level, b.prefixLen = d.level, uint8(len(d.prefix))
	copy(b.prefix(), d.prefix)
	heads, refs := b.heads(n), b.refs(n)
	for i, e := range d.entries {
		heads[i] = e.head
		refs[i].Store(e.ref)
	}
	b.state.Store(stateOf(n, n))
	return uint32(ref), nil
}

// roomy returns room for as many entries or more, so that blocks are of few sizes,
// four to each power of two: the arena keeps pieces of each size apart,
// and blocks are so few beside records that a part of a span for each of its many
// sizes would be more than the blocks themselves.
func roomy(prefixLen, room int) int {
	size := blockSize(prefixLen, room)
	step := 1 << max(3, bits.Len(uint(size-1))-3)
	size = (size + step - 1) &^ (step - 1)
	return (size - headsAt(prefixLen)) / (headSize + refSize)
}

// size returns what a block was allocated with.
func (b *block) size() int { return blockSize(int(b.prefixLen), int(b.room)) }

// abandon frees what the change under way has made.
func (x *blocks) abandon() {
	for _, ref := range x.made {
		x.free(ref)
	}
	x.made, x.changed = x.made[:0], x.changed[:0]
}

// free frees a block that no reader has seen.
func (x *blocks) free(ref uint32) {
	size := x.at(ref).size()
	x.bytes -= int64(x.mem.SizeOf(size))
	x.mem.Free(arena.Ref(ref), size)
}

// commit retires the blocks that have been replaced.
func (x *blocks) commit() {
	x.placed = x.placed && len(x.changed) == 0
	for _, ref := range x.changed {
		size := x.at(uint32(ref)).size()
		x.bytes -= int64(x.mem.SizeOf(size))
		x.retirer.Retire(ref, size)
	}
	x.made, x.changed = x.made[:0], x.changed[:0]
}
