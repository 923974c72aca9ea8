package btree

import (
	"bytes"

	"github.com/statelab/statelab"
)

// keepBuffer is the largest buffer that a closed iterator leaves to the next one.
const keepBuffer = 1 << 20

// A cursor is a place in a snapshot of one tree, which may be none. The
// snapshot's pages do not change, so the path stays right between moves, and
// nothing is pinned meanwhile. It passes by dead records, but for those that cover.
type cursor struct {
	pager *pager
	pos   position
	state int
	path  [maxHeight]step

	lower, upper       []byte // not the cursor's own
	hasLower, hasUpper bool
	key, value         []byte
	live, covers       bool // of the record
	ends               bool // what follows the record in its leaf is beyond the range
}

// shrink gives a buffer up that is too large to be kept.
func (c *cursor) shrink() {
	if cap(c.value) > keepBuffer {
		c.value = []byte{}
	}
}

func (c *cursor) last() (bool, error) {
	if c.hasUpper {
		return c.seekLT(c.upper)
	}
	if c.pos.height == 0 {
		c.state = before
		return false, nil
	}
	leaf, err := c.enter(c.pos.height-1, c.pos.root, -1)
	if err != nil {
		return false, err
	}
	return c.settle(leaf, -1)
}

func (c *cursor) seekGE(key []byte) (bool, error) {
	if c.pos.height == 0 {
		c.state = after
		return false, nil
	}
	if c.hasLower && bytes.Compare(key, c.lower) < 0 {
		key = c.lower
	}
	leaf, at, _, err := c.pager.find(c.pos, key, &c.path)
	if err != nil {
		return false, err
	}
	c.path[0].at = at
	return c.settle(leaf, 1)
}

func (c *cursor) seekLT(key []byte) (bool, error) {
	if c.pos.height == 0 {
		c.state = before
		return false, nil
	}
	if c.hasUpper && bytes.Compare(key, c.upper) > 0 {
		key = c.upper
	}
	leaf, at, _, err := c.pager.find(c.pos, key, &c.path)
	if err != nil {
		return false, err
	}
	c.path[0].at = at - 1
	return c.settle(leaf, -1)
}

// step goes to the next live record in a direction, 1 or -1.
func (c *cursor) step(dir int) (bool, error) {
	if dir > 0 && c.ends {
		c.leave(dir)
		return false, nil
	}
	leaf, err := c.pager.get(c.path[0].ref, 0)
	if err != nil {
		return false, err
	}
	c.path[0].at += dir
	return c.settle(leaf, dir)
}

// settle stands on the first live record in the direction, from where the path
// leads in leaf on. The leaf may be none.
func (c *cursor) settle(leaf node, dir int) (bool, error) {
	for leaf.page != nil {
		ok, done, err := c.settleIn(&leaf, dir)
		leaf.release()
		if err != nil || done {
			return ok, err
		}
		if leaf, err = c.nextLeaf(1, dir); err != nil {
			return false, err
		}
	}
	c.leave(dir)
	return false, nil
}

// leave stands beyond the end of the range that the direction leads to.
func (c *cursor) leave(dir int) {
	c.state = after
	if dir < 0 {
		c.state = before
	}
}

// settleIn is settle within one leaf. It is done when it stands on a record or
// has left the range.
func (c *cursor) settleIn(leaf *node, dir int) (ok, done bool, err error) {
	for at := c.path[0].at; at >= 0 && at < leaf.count(); at += dir {
		c.path[0].at = at
		c.ends = false
		r := leaf.record(at)
		if statelab.Expired(r.dieAt(), c.pos.watermark) {
			continue
		}
		if r.long {
			ok, err = c.takeLong(leaf, at, dir)
			return ok, true, err
		}
		c.key = r.appendTo(c.key[:0])
		if c.outside(dir) {
			return false, true, nil
		}
		c.ends = dir > 0 && c.hasUpper && at+1 < leaf.count() && c.isBeyond(leaf.field(at+1))
		ok, err = c.take(leaf, at)
		return ok, true, err
	}
	return false, false, nil
}

// take stands on record at, whose key is already there.
func (c *cursor) take(leaf *node, at int) (bool, error) {
	var err error
	c.covers = leaf.record(at).covers
	c.value, c.live, err = c.pager.appendValue(c.value[:0], leaf, at, c.pos.watermark)
	if err == nil {
		c.state = on
	}
	return err == nil, err
}

// takeLong is take for a record with a long key, which is read without holding
// the leaf.
func (c *cursor) takeLong(leaf *node, at, dir int) (bool, error) {
	f := leaf.field(at)
	c.key = append(append(c.key[:0], f.lead...), f.comparable()...)
	r, rest := leaf.ref(), f.rest()
	leaf.release()
	var err error
	if c.key, err = c.pager.appendStream(c.key, rest); err != nil {
		return false, err
	}
	if c.outside(dir) {
		return false, nil
	}
	if *leaf, err = c.pager.get(r, 0); err != nil {
		return false, err
	}
	return c.take(leaf, at)
}

// outside says whether the key lies beyond the range in the direction, and if
// so leaves it.
func (c *cursor) outside(dir int) bool {
	out := dir > 0 && c.hasUpper && bytes.Compare(c.key, c.upper) >= 0 ||
		dir < 0 && c.hasLower && bytes.Compare(c.key, c.lower) < 0
	if out {
		c.leave(dir)
	}
	return out
}

// nextLeaf returns the leaf after (or before) the one that the path leads to,
// passing by subtrees that are dead; none at the end. The path below level does not count.
func (c *cursor) nextLeaf(level, dir int) (node, error) {
	for ; level < c.pos.height; level++ {
		s := &c.path[level]
		if dir < 0 && s.at == 0 || dir > 0 && s.last {
			continue
		}
		n, err := c.pager.get(s.ref, level)
		if err != nil {
			return node{}, err
		}
		at := c.liveChild(&n, s.at+dir, dir)
		if at < 0 {
			n.release()
			continue
		}
		if dir > 0 && c.beyond(&n, at) {
			n.release()
			return node{}, nil
		}
		s.at, s.last = at, at == n.count()-1
		child := n.child(at)
		n.release()
		return c.enter(level-1, child, dir)
	}
	return node{}, nil
}

// beyond says whether the separator of cell at alone tells that its subtree lies
// beyond the range, as it often does of a short range that ends with a leaf.
func (c *cursor) beyond(n *node, at int) bool {
	return c.hasUpper && c.isBeyond(n.field(at))
}

// isBeyond says whether a key is not below the range's upper bound, as far as that can be
// told without reading on.
func (c *cursor) isBeyond(f keyField) bool { return !f.long && f.compare(c.upper) >= 0 }

// enter goes from a page of level down to its first leaf in the direction that
// is not dead. There may be none, and then to the next one after that page.
func (c *cursor) enter(level int, r ref, dir int) (node, error) {
	for ; level > 0; level-- {
		n, err := c.pager.get(r, level)
		if err != nil {
			return node{}, err
		}
		at := 0
		if dir < 0 {
			at = n.count() - 1
		}
		if at = c.liveChild(&n, at, dir); at < 0 {
			n.release()
			return c.nextLeaf(level+1, dir)
		}
		c.path[level] = step{r, at, at == n.count()-1}
		r = n.child(at)
		n.release()
	}
	n, err := c.pager.get(r, 0)
	if err != nil {
		return node{}, err
	}
	c.path[0] = step{ref: r}
	if dir < 0 {
		c.path[0].at = n.count() - 1
	}
	return n, nil
}

// liveChild returns the first cell in the direction from at on whose subtree is
// not dead, or -1.
func (c *cursor) liveChild(n *node, at, dir int) int {
	for ; at >= 0 && at < n.count(); at += dir {
		if !statelab.Expired(n.childDieAt(at), c.pos.watermark) {
			return at
		}
	}
	return -1
}
