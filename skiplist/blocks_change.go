package skiplist

import (
	"fmt"
	"sync/atomic"

	"github.com/statelab/statelab/internal/arena"
)

// Insert implements memstore.Index.
func (x *blocks) Insert(ref arena.Ref) error {
	if err := x.mem.Reserve(); err != nil {
		return err
	}
	key := x.keys.Of(ref)
	x.goTo(key)
	if h := x.height(key); h > 0 {
		return x.insertLeader(key, uint32(ref), h)
	}
	return x.insertFollower(key, uint32(ref))
}

// insertFollower adds a key of height 0 to its block.
func (x *blocks) insertFollower(key []byte, ref uint32) error {
	b := x.path[0].b
	if x.extend(b, key, ref) {
		return nil
	}
	x.gather(&x.left, b, x.isFirst(0))
	i := x.search(&x.left, key)
	n := len(x.left.entries)
	spare := max(4, n/4)
	if i == n { // where one is added at the end there will be more
		spare = max(8, n/2)
	}
	x.left.insert(i, key, ref)
	if err := x.replace(0, spare); err != nil {
		return err
	}
	x.length.Add(1)
	return nil
}

// extend adds an entry behind those of a block on level 0, if there is room and
// they are not too many out of order.
func (x *blocks) extend(b *block, key []byte, ref uint32) bool {
	n, ordered := b.counts()
	if n == int(b.room) || b.side(key) != 0 {
		return false
	}
	e := entry{headOf(key, int(b.prefixLen)), ref}
	heads := b.heads(n + 1)
	switch {
	case n == ordered && (n == 0 || x.follows(b, n-1, e)):
		ordered++
	case n-ordered == maxUnordered:
		return false
	}
	heads[n] = e.head
	b.ref(n).Store(ref)
	b.state.Store(stateOf(n+1, ordered))
	x.length.Add(1)
	return true
}

// follows says whether e is known to be after the i-th entry of a block on level 0.
func (x *blocks) follows(b *block, i int, e entry) bool {
	last := entry{b.heads(i + 1)[i], b.ref(i).Load()}
	return last.head < e.head || last.head == e.head && last.ref != 0 && x.less(last, e)
}

// replace puts the block that x.left describes, which stands on the path on a
// level, in the place of the one that is there.
func (x *blocks) replace(level int, spare int) error {
	ref, err := x.build(&x.left, spare)
	if err != nil {
		x.abandon()
		return err
	}
	x.changed = append(x.changed, x.path[level].ref)
	x.publish(level, ref)
	return nil
}

// publish lets readers see a block, on the path, in place of the one that was
// there, and all that was made with it.
func (x *blocks) publish(level int, ref uint32) {
	if level >= x.top() {
		x.root.Store(ref)
	} else {
		up := &x.path[level+1]
		up.b.ref(up.i).Store(ref)
	}
	x.commit()
}

// top returns the root's level.
func (x *blocks) top() int { return int(x.at(x.root.Load()).level) }

// isFirst says whether the block on the path is the first on its level.
func (x *blocks) isFirst(level int) bool {
	for l := level + 1; l <= x.top(); l++ {
		if x.path[l].i > 0 {
			return false
		}
	}
	return true
}

// insertLeader adds a key of height h > 0: it splits the blocks on the path
// below level h and adds an entry to the one there.
func (x *blocks) insertLeader(key []byte, ref uint32, h int) error {
	leftRef, rightRef := uint32(0), ref // what entries of the next level refer to
	for level := 0; ; level++ {
		i := x.gatherToSplit(key, level, leftRef)
		if level == h {
			x.left.insert(i, key, rightRef)
			break
		}
		x.left.cut(i, &x.right)
		x.right.insert(0, key, rightRef)
		var err error
		if leftRef, err = x.build(&x.left, x.spareOf(&x.left)); err == nil {
			rightRef, err = x.build(&x.right, x.spareOf(&x.right))
		}
		if err != nil {
			x.abandon()
			return err
		}
	}
	ref, err := x.build(&x.left, 0)
	if err != nil {
		x.abandon()
		return err
	}
	for level := range min(h, x.top()) + 1 {
		x.changed = append(x.changed, x.path[level].ref)
	}
	x.publish(h, ref)
	x.length.Add(1)
	return nil
}

// gatherToSplit makes x.left the content of the block on the path, with the
// entry there leading to leftRef, and returns the place that key has in it.
func (x *blocks) gatherToSplit(key []byte, level int, leftRef uint32) int {
	switch at := &x.path[level]; {
	case level > x.top():
		x.left.reset(uint8(level), true)
		x.left.entries = append(x.left.entries, entry{0, leftRef})
		return 1
	case level > 0:
		x.gather(&x.left, at.b, x.isFirst(level))
		x.left.entries[at.i].ref = leftRef
		return at.i + 1
	default:
		x.gather(&x.left, at.b, x.isFirst(0))
		return x.search(&x.left, key)
	}
}

// spareOf returns how much room a block that was split or merged gets for more.
func (x *blocks) spareOf(d *draft) int {
	if d.level > 0 {
		return 0
	}
	return max(2, len(d.entries)/4)
}

// Replace implements memstore.Index.
func (x *blocks) Replace(old, new arena.Ref) {
	key := x.keys.Of(old)
	x.goTo(key)
	x.refOf(old, key).Store(uint32(new))
}

// refOf returns where the block on the path refers to a record of a key.
func (x *blocks) refOf(ref arena.Ref, key []byte) *atomic.Uint32 {
	b := x.path[0].b
	n, ordered := b.counts()
	heads, refs := b.heads(n), b.refs(n)
	h := headOf(key, int(b.prefixLen))
	for i := below(heads[:ordered], h); i < ordered && heads[i] == h; i++ {
		if refs[i].Load() == uint32(ref) {
			return &refs[i]
		}
	}
	for i := ordered; i < n; i++ {
		if refs[i].Load() == uint32(ref) {
			return &refs[i]
		}
	}
	panic(fmt.Sprintf("skiplist: record %d is not in the index", ref))
}

// Remove implements memstore.Index.
func (x *blocks) Remove(ref arena.Ref) {
	key := x.keys.Of(ref)
	x.goTo(key)
	if x.isLeader(ref) {
		x.removeLeader(ref, x.height(key))
	} else {
		x.removeFollower(ref, key)
	}
	x.length.Add(-1)
}

// isLeader says whether a record's key leads the block on the path, which is on level 0.
func (x *blocks) isLeader(ref arena.Ref) bool {
	b := x.path[0].b
	n, _ := b.counts()
	return n > 0 && b.ref(0).Load() == uint32(ref) && !x.isFirst(0)
}

// removeFollower removes a key of height 0. If most of its block's entries are
// removed ones, the block is made anew; should there be no memory it stays.
func (x *blocks) removeFollower(ref arena.Ref, key []byte) {
	const few = 8
	x.refOf(ref, key).Store(0)
	b := x.path[0].b
	b.removed++
	n, _ := b.counts()
	if removed := int(b.removed); removed < few || 2*removed < n {
		return
	}
	x.gather(&x.left, b, x.isFirst(0))
	_ = x.replace(0, 2)
}

// removeLeader removes a key of height h > 0: it merges the blocks that the key
// leads with those before them, and takes its entry on level h out.
func (x *blocks) removeLeader(ref arena.Ref, h int) {
	at := &x.path[h]
	before := x.before(h)
	merged := uint32(0)
	for level := range h {
		x.gather(&x.left, before[level].b, before[level].first)
		x.gather(&x.right, x.path[level].b, false)
		if level > 0 {
			x.left.entries[len(x.left.entries)-1].ref = merged
		}
		x.left.join(&x.right)
		merged = x.mustBuild(&x.left, x.spareOf(&x.left))
		x.changed = append(x.changed, before[level].ref, x.path[level].ref)
	}
	x.gather(&x.left, at.b, x.isFirst(h))
	x.left.entries[at.i-1].ref = merged
	x.left.entries = append(x.left.entries[:at.i], x.left.entries[at.i+1:]...)
	x.changed = append(x.changed, at.ref)
	if h == x.top() && len(x.left.entries) == 1 {
		x.publish(h, x.lower(merged))
	} else {
		x.publish(h, x.mustBuild(&x.left, 0))
	}
}

// A neighbour is a block that another is merged into.
type neighbour struct {
	b     *block
	ref   arena.Ref
	first bool
}

// before returns, for each level below h, the block before the one on the path,
// which a key of height h leads.
func (x *blocks) before(h int) (blocks [maxLevels]neighbour) {
	at := &x.path[h]
	b, i, first := at.b, at.i-1, x.isFirst(h)
	for level := h - 1; level >= 0; level-- {
		ref := b.ref(i).Load()
		first = first && i == 0
		b = x.at(ref)
		n, _ := b.counts()
		i = n - 1
		blocks[level] = neighbour{b, arena.Ref(ref), first}
	}
	return blocks
}

// lower returns the root that is left when there are no keys of the height of
// the levels above: it frees blocks that were made and lead to one other only.
func (x *blocks) lower(ref uint32) uint32 {
	for b := x.at(ref); b.level > 0; b = x.at(ref) {
		if n, _ := b.counts(); n > 1 {
			break
		}
		below := b.ref(0).Load()
		x.free(ref)
		ref = below
	}
	return ref
}

// mustBuild is build for who must not fail: there is memory in reserve.
func (x *blocks) mustBuild(d *draft, spare int) uint32 {
	x.mustNotFail = true
	ref, err := x.build(d, spare)
	x.mustNotFail = false
	if err != nil {
		panic(fmt.Sprintf("skiplist: out of memory, and of what was in reserve: %v", err))
	}
	return ref
}
