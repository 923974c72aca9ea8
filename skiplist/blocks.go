package skiplist

import (
	"bytes"
	"fmt"
	"math/bits"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// blocks is a skip list whose nodes are blocks of keys that stand next to each
// other, as the index of a store.
//
//	level 2   [-inf         17 ]
//	             |           |
//	level 1   [-inf  08 ] [ 17  31 ]
//	            |     |     |    |
//	level 0   [ 03 ][ 08  12  14 ][ 17 23 ][ 31  45 ]   each with the ref of its record
//
// A key has a height, which is drawn by a hash of it: one key in fanout is
// higher than 0, one in fanout^2 higher than 1, and so on. It has entries on all
// levels up to its height. On those below its height it leads: it begins a block
// there, and its entry on the level above refers to that block. So which blocks
// there are depends on the keys alone, and not on the order in which they came.
// Unlike in a list of towers, the keys that a look-up compares with on a level
// lie in one piece of memory, and by their heads it sees most keys without
// reading a record.
//
// The writer changes a block by putting a changed copy in its place, which takes
// one store: of the reference to it in the block above, or of the root. Where a
// key of height h > 0 comes or goes, blocks on the levels below h are split or
// merged, and the one on level h is copied; so all of it becomes visible
// with the reference to that one. But on level 0 most changes need no copy. An
// entry is added behind the others, where there is room, out of order if need
// be; it is there with the store of the block's state. One is removed by
// making its ref zero. Both are put right when the block is copied next.
//
// Invariants:
//
//	B1  On level 0 each key has the entry with the ref of its record, in the block that it leads or that follows the greatest leader below it.
//	B2  A block's first entry is that of the key that leads it; all its other keys have the block's level for their height.
//	B3  The first block of a level is led by no key. There are as many levels as the height of the highest key asks for.
//	B4  Entries that are said to be in order are, by their keys; those of levels above 0 all are.
//	B5  All keys of a block have its prefix, and their heads are what follows it.
//	B6  Entries do not change, nor does their number shrink, but for refs: a leader's is never zero, and above level 0 they go to ever newer copies of a block.
//	B7  What is counted (keys, removed entries, bytes) is what is there.
//
// Readers run beside the writer within an epoch (see memstore.Index). A reader
// may stand in a block that was replaced meanwhile: it holds all that was in it
// then, and leads on to blocks that do, each as of its own replacement, and all
// within the keys that the reader expects of them. So he finds what was
// there when his epoch began and is there still.
//
// After B-skiplists (Y. Luo and others, "Bridging cache-friendliness and
// concurrency: a locality-optimized in-memory B-skiplist", 2025), with blocks
// that are as long as heights make them, copied instead of locked.
type blocks struct {
	mem     *arena.Arena
	keys    memstore.Keys
	retirer memstore.Retirer
	fanout  uint64

	root   atomic.Uint32
	length atomic.Int64

	// What follows is the writer's.
	bytes   int64 // of blocks that are not retired
	path    path
	sought  []byte // the key that path leads to
	placed  bool   // whether it does
	left    draft
	right   draft
	made    []uint32    // blocks, by the change under way
	changed []arena.Ref // blocks that it replaces

	mustNotFail bool // whether it takes memory from the reserve if there is no other
}

const (
	maxLevels = 16 // fanout 4 fills them at a thousand million keys

	defaultFanout = 32
	minFanout     = 4
	maxFanout     = 64
)

// A path is where a look-up has gone, by level up to the root's: the block, and
// above level 0 the entry that leads down.
type path [maxLevels]struct {
	b   *block
	ref arena.Ref
	i   int
}

// NewIndex returns the index of LayoutBlocks, empty, over records of another kind
// of store, which need not lie in the same arena as its blocks.
func NewIndex(blocks *arena.Arena, keys memstore.Keys, r memstore.Retirer) (memstore.Index, error) {
	return newBlocksOver(blocks, keys, 0, r)
}

// newBlocks returns an empty index. Fanout 0 is the default.
func newBlocks(fanout int, a *arena.Arena, r memstore.Retirer) (memstore.Index, error) {
	return newBlocksOver(a, memstore.Keys{Mem: a}, fanout, r)
}

func newBlocksOver(a *arena.Arena, keys memstore.Keys, fanout int, r memstore.Retirer) (memstore.Index, error) {
	if fanout == 0 {
		fanout = defaultFanout
	}
	if fanout < minFanout || fanout > maxFanout {
		return nil, fmt.Errorf("fanout is %d, not from %d to %d", fanout, minFanout, maxFanout)
	}
	x := &blocks{mem: a, keys: keys, retirer: r, fanout: uint64(fanout)}
	if err := a.Reserve(); err != nil {
		return nil, err
	}
	x.left.reset(0, true)
	root, err := x.build(&x.left, 0)
	if err != nil {
		return nil, fmt.Errorf("new index: %w", err)
	}
	x.root.Store(root)
	x.commit()
	return x, nil
}

// Len implements memstore.Index.
func (x *blocks) Len() int { return int(x.length.Load()) }

// Overhead implements memstore.Index.
func (x *blocks) Overhead() int64 { return x.bytes }

// Links implements memstore.Index.
func (x *blocks) Links([]byte) int { return 0 }

func (x *blocks) at(ref uint32) *block { return (*block)(x.mem.Ptr(arena.Ref(ref))) }

// height draws the height of a key. It must not change, and two runs must draw
// the same, so the hash has a fixed seed. Who knows it can choose keys that make
// long blocks; then look-ups are slow, and right.
func (x *blocks) height(key []byte) (h int) {
	// xxHash ends by folding its high half into its low one: multiplying once
	// more keeps heights apart from whatever else is drawn from the same hash.
	rest := xxhash.Sum64(key) * 0x9e3779b97f4a7c15
	for h < maxLevels-1 {
		var digit uint64 // of the hash as a fraction in base fanout
		if digit, rest = bits.Mul64(rest, x.fanout); digit != 0 {
			break
		}
		h++
	}
	return h
}

// Find implements memstore.Index.
func (x *blocks) Find(key []byte) arena.Ref {
	b := x.at(x.root.Load())
	for b.level > 0 {
		b = x.at(b.ref(x.floor(b, key)).Load())
	}
	return x.findIn(b, key)
}

// Seek implements memstore.Index: it remembers the way, as long as no block is
// replaced.
func (x *blocks) Seek(key []byte) arena.Ref {
	x.goTo(key)
	return x.findIn(x.path[0].b, key)
}

// goTo makes x.path the way to the block on level 0 that key belongs to.
func (x *blocks) goTo(key []byte) {
	if x.placed && string(x.sought) == string(key) {
		return
	}
	x.descend(key, &x.path)
	x.sought, x.placed = append(x.sought[:0], key...), true
}

// findIn returns the record of key in a block on level 0, or 0.
func (x *blocks) findIn(b *block, key []byte) arena.Ref {
	if b.side(key) != 0 {
		return 0
	}
	n, ordered := b.counts()
	h := headOf(key, int(b.prefixLen))
	heads := b.heads(n)
	from := below(heads[:ordered], h)
	to := alike(heads[:ordered], from, h)
	for i := x.notBelow(b, from, to, key); i < to; i++ {
		if ref := arena.Ref(b.ref(i).Load()); ref != 0 {
			if bytes.Equal(x.keys.Of(ref), key) {
				return ref
			}
			break
		}
	}
	for i := ordered; i < n; i++ {
		if heads[i] == h {
			if ref := arena.Ref(b.ref(i).Load()); ref != 0 && bytes.Equal(x.keys.Of(ref), key) {
				return ref
			}
		}
	}
	return 0
}

// notBelow returns the place of key among entries of a block on level 0, from the
// low-th to before the high-th, whose heads are like its own, and which are in
// order: no entry before it that is not removed has a key >= key, and none after
// it one below.
func (x *blocks) notBelow(b *block, low, high int, key []byte) int {
	for low < high {
		mid := int(uint(low+high) / 2)
		at, ref := mid, arena.Ref(b.ref(mid).Load())
		for ref == 0 && at+1 < high {
			at++
			ref = arena.Ref(b.ref(at).Load())
		}
		if ref != 0 && bytes.Compare(x.keys.Of(ref), key) < 0 {
			low = at + 1
		} else {
			high = mid
		}
	}
	return low
}

// floor returns the last entry of a block above level 0 with a key <= key. If
// it is not the first block on its level, key is not below its first.
func (x *blocks) floor(b *block, key []byte) int {
	n, _ := b.counts()
	switch side := b.side(key); {
	case side < 0 || n == 1:
		return 0
	case side > 0:
		return n - 1
	}
	h := headOf(key, int(b.prefixLen))
	heads := b.heads(n)
	low := 1 + below(heads[1:], h)
	// Entries with heads like the key's are those of its own join key, as a rule.
	for high := alike(heads, low, h); low < high; {
		if mid := int(uint(low+high) / 2); x.isLed(b, mid, key) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low - 1
}

// isLed says whether the key of an entry above level 0, other than the first of the
// first block there, is <= key. Mostly the block below, which it leads, tells by its
// prefix and its first head, which saves the way on to the leader's record.
func (x *blocks) isLed(b *block, i int, key []byte) bool {
	down := x.at(b.ref(i).Load())
	side := down.side(key)
	if side != 0 {
		return side > 0
	}
	if first, h := down.heads(1)[0], headOf(key, int(down.prefixLen)); first != h {
		return first < h
	}
	return bytes.Compare(x.leader(b, i), key) <= 0
}

// leader returns the key of an entry above level 0, which leads the block below.
func (x *blocks) leader(b *block, i int) []byte {
	for ; b.level > 0; i = 0 {
		b = x.at(b.ref(i).Load())
	}
	return x.keys.Of(arena.Ref(b.ref(i).Load()))
}

// descend goes to the block on level 0 that key belongs to, and fills in the way.
func (x *blocks) descend(key []byte, p *path) {
	ref := x.root.Load()
	for b := x.at(ref); ; b = x.at(ref) {
		p[b.level].b, p[b.level].ref = b, arena.Ref(ref)
		if b.level == 0 {
			return
		}
		i := x.floor(b, key)
		p[b.level].i = i
		ref = b.ref(i).Load()
	}
}
