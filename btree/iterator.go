package btree

import (
	"bytes"
	"fmt"

	"github.com/statelab/statelab"
)

// Where an iterator stands.
const (
	fresh  = iota
	on     // a record
	before // the first
	after  // the last
	lost   // a read failed in the middle of a move
)

// keepBuffer is the largest buffer that a closed iterator leaves to the next one.
const keepBuffer = 1 << 20

// An iterator is the user's handle. The cursor behind it goes on to others when
// it is closed, so that opening one allocates the handle only.
type iterator struct {
	store  *Store
	cursor *cursor // nil when closed
	err    error
}

// A cursor is a place in a snapshot. The snapshot's pages do not change, so the
// path stays right between moves, and nothing is pinned meanwhile.
type cursor struct {
	pager *pager
	pos   position
	snap  *snapshot
	state int
	path  [maxHeight]step

	lower, upper       []byte // copies
	hasLower, hasUpper bool
	key, value         []byte
	target             []byte // the caller's, during a seek
}

// Iter implements statelab.Store.
func (s *Store) Iter(r statelab.Range) (statelab.Iterator, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, statelab.ErrClosed
	}
	c, ok := s.iterators.Get().(*cursor)
	if !ok {
		c = &cursor{key: []byte{}, value: []byte{}}
	}
	c.pager, c.pos, c.snap, c.state = s.tree.pager, s.tree.position, s.tree.snaps.open(), fresh
	c.lower, c.hasLower = append(c.lower[:0], r.Lower...), r.Lower != nil
	c.upper, c.hasUpper = append(c.upper[:0], r.Upper...), r.Upper != nil
	return &iterator{store: s, cursor: c}, nil
}

// First implements statelab.Iterator.
func (it *iterator) First() bool { return it.move((*cursor).first) }

// Last implements statelab.Iterator.
func (it *iterator) Last() bool { return it.move((*cursor).last) }

// SeekGE implements statelab.Iterator.
func (it *iterator) SeekGE(key []byte) bool {
	return it.seek(key, (*cursor).seekTargetGE)
}

// SeekLT implements statelab.Iterator.
func (it *iterator) SeekLT(key []byte) bool {
	return it.seek(key, (*cursor).seekTargetLT)
}

// seek makes a move to a key, which goes by the cursor since a closure would
// be allocated.
func (it *iterator) seek(key []byte, step func(*cursor) (bool, error)) bool {
	if it.cursor == nil {
		return false
	}
	it.cursor.target = key
	ok := it.move(step)
	it.cursor.target = nil
	return ok
}

// Next implements statelab.Iterator.
func (it *iterator) Next() bool { return it.move((*cursor).next) }

// Prev implements statelab.Iterator.
func (it *iterator) Prev() bool { return it.move((*cursor).prev) }

// move makes a move if the store is open and the snapshot still there.
func (it *iterator) move(step func(*cursor) (bool, error)) bool {
	c := it.cursor
	if c == nil {
		return false
	}
	it.store.mu.RLock()
	defer it.store.mu.RUnlock()
	switch {
	case it.store.closed:
		it.err, c.state = statelab.ErrClosed, lost
		return false
	case c.snap.failed:
		it.err, c.state = statelab.ErrSnapshotTooOld, lost
		return false
	}
	ok, err := step(c)
	if err != nil {
		it.err, c.state = fmt.Errorf("iterate: %w", err), lost
		return false
	}
	if c.state != lost {
		it.err = nil
	}
	return ok
}

// Key implements statelab.Iterator.
func (it *iterator) Key() []byte {
	if it.cursor == nil || it.cursor.state != on {
		return nil
	}
	return it.cursor.key
}

// Value implements statelab.Iterator.
func (it *iterator) Value() []byte {
	if it.cursor == nil || it.cursor.state != on {
		return nil
	}
	return it.cursor.value
}

// Err implements statelab.Iterator.
func (it *iterator) Err() error { return it.err }

// Close implements statelab.Iterator.
func (it *iterator) Close() error {
	c := it.cursor
	if c == nil {
		return it.err
	}
	it.cursor = nil
	it.store.tree.snaps.close(c.snap)
	c.snap = nil
	if cap(c.value) > keepBuffer {
		c.value = []byte{}
	}
	it.store.iterators.Put(c)
	return it.err
}

func (c *cursor) seekTargetGE() (bool, error) { return c.seekGE(c.target) }
func (c *cursor) seekTargetLT() (bool, error) { return c.seekLT(c.target) }

func (c *cursor) first() (bool, error) {
	return c.seekGE(c.lower)
}

func (c *cursor) last() (bool, error) {
	if c.hasUpper {
		return c.seekLT(c.upper)
	}
	leaf, err := c.enter(c.pos.height-1, c.pos.root, -1)
	if err != nil {
		return false, err
	}
	return c.settle(leaf, -1)
}

func (c *cursor) seekGE(key []byte) (bool, error) {
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

func (c *cursor) next() (bool, error) {
	switch c.state {
	case fresh, before:
		return c.first()
	case on:
		return c.step(1)
	}
	return false, nil
}

func (c *cursor) prev() (bool, error) {
	switch c.state {
	case fresh, after:
		return c.last()
	case on:
		return c.step(-1)
	}
	return false, nil
}

// step goes to the next live record in a direction, 1 or -1.
func (c *cursor) step(dir int) (bool, error) {
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
		r := leaf.record(at)
		if statelab.Expired(r.dieAt(), c.pos.watermark) {
			continue
		}
		if r.long {
			ok, err = c.takeLong(leaf, at, dir)
			return ok, true, err
		}
		c.key = append(c.key[:0], r.key...)
		if c.outside(dir) {
			return false, true, nil
		}
		ok, err = c.take(leaf, at)
		return ok, true, err
	}
	return false, false, nil
}

// take stands on record at, whose key is already there.
func (c *cursor) take(leaf *node, at int) (bool, error) {
	var err error
	c.value, _, err = c.pager.appendValue(c.value[:0], leaf, at, c.pos.watermark)
	if err == nil {
		c.state = on
	}
	return err == nil, err
}

// takeLong is take for a record with a long key, which is read without holding
// the leaf.
func (c *cursor) takeLong(leaf *node, at, dir int) (bool, error) {
	field, _ := leaf.keyField(at)
	f := getLongField(field)
	c.key = append(c.key[:0], f.head...)
	r := leaf.ref()
	leaf.release()
	var err error
	if c.key, err = c.pager.appendStream(c.key, f.rest); err != nil {
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
		s.at, s.last = at, at == n.count()-1
		child := n.child(at)
		n.release()
		return c.enter(level-1, child, dir)
	}
	return node{}, nil
}

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
