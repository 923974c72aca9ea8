package skiplist

import (
	"bytes"
	"fmt"
	"io"

	"github.com/statelab/statelab/internal/arena"
)

// Check implements memstore.Index: it verifies B1 to B5 and B7.
func (x *blocks) Check() error {
	c := blockCheck{x: x}
	root := x.root.Load()
	top := int(x.at(root).level)
	if err := c.block(root, top, nil); err != nil {
		return err
	}
	switch {
	case c.highest != top:
		return fmt.Errorf("B3: the root is on level %d, and the highest key has height %d", top, c.highest)
	case c.keys != x.Len():
		return fmt.Errorf("B7: %d keys are there, and %d counted", c.keys, x.Len())
	case c.bytes != x.bytes:
		return fmt.Errorf("B7: blocks take %d bytes, and %d are counted", c.bytes, x.bytes)
	}
	return nil
}

// A blockCheck is a walk over all blocks, in order.
type blockCheck struct {
	x       *blocks
	last    []byte // key on level 0
	any     bool   // whether there was one
	keys    int
	bytes   int64
	highest int
}

// block verifies a block, and what is below it. It is led by the key of height
// above level whose record leader returns, or by none if leader is nil.
func (c *blockCheck) block(ref uint32, level int, leader []byte) error {
	x, b := c.x, c.x.at(ref)
	n, ordered := b.counts()
	fail := func(format string, args ...any) error {
		return fmt.Errorf("block %d on level %d: "+format, append([]any{ref, level}, args...)...)
	}
	if int(b.level) != level || n > int(b.room) || ordered > n || n-ordered > maxUnordered || level > 0 && (ordered < n || n == 0) {
		return fail("B4: level %d, %d entries, %d in order, room for %d", b.level, n, ordered, b.room)
	}
	c.bytes += int64(x.mem.SizeOf(b.size()))
	if err := c.entries(b, n, leader, fail); err != nil {
		return err
	}
	if level == 0 {
		return c.order(b, ordered, fail)
	}
	for i := range n {
		if i > 0 {
			leader = x.leader(b, i)
		}
		if err := c.block(b.ref(i).Load(), level-1, leader); err != nil {
			return err
		}
	}
	return nil
}

// entries verifies heads and heights of a block's entries.
func (c *blockCheck) entries(b *block, n int, leader []byte, fail func(string, ...any) error) error {
	x, removed := c.x, 0
	for i, head := range b.heads(n) {
		ref := b.ref(i).Load()
		if ref == 0 && b.level == 0 && (i > 0 || leader == nil) {
			removed++
			continue
		}
		if ref == 0 {
			return fail("B6: entry %d is removed", i)
		}
		if i == 0 && leader == nil && b.level > 0 {
			continue
		}
		key, level := x.keyOf(b.level, ref), int(b.level)
		if !bytes.HasPrefix(key, b.prefix()) || headOf(key, int(b.prefixLen)) != head {
			return fail("B5: entry %d has head %#x behind prefix %x, and key %x", i, head, b.prefix(), key)
		}
		height := x.height(key)
		c.highest = max(c.highest, height)
		if leads := i == 0 && leader != nil; leads && (height <= level || !bytes.Equal(key, leader)) || !leads && height != level {
			return fail("B2: entry %d, of key %x with height %d; the block's leader is %x", i, key, height, leader)
		}
	}
	if removed != int(b.removed) {
		return fail("B7: %d entries are removed, and %d counted", removed, b.removed)
	}
	return nil
}

// order verifies that the entries of a block on level 0 that are said to be in
// order are, and all greater than what came before.
func (c *blockCheck) order(b *block, ordered int, fail func(string, ...any) error) error {
	var w leafWalk
	w.startFirst(c.x, b)
	var last []byte
	for i := range ordered {
		e := w.at(i)
		if e.ref == 0 {
			continue
		}
		key := c.x.keys.Of(arena.Ref(e.ref))
		if last != nil && bytes.Compare(last, key) >= 0 {
			return fail("B4: entry %d, of key %x, follows key %x", i, key, last)
		}
		last = key
	}
	for i := 1; i < ordered; i++ {
		if w.at(i).head < w.at(i-1).head {
			return fail("B4: entry %d has a head below that of the one before", i)
		}
	}
	for ref := w.next(c.x); ref != 0; ref = w.next(c.x) {
		key := c.x.keys.Of(ref)
		if c.any && bytes.Compare(c.last, key) >= 0 {
			return fail("B1: key %x comes after key %x", key, c.last)
		}
		c.last, c.any = key, true
		c.keys++
	}
	return nil
}

// Dump implements memstore.Index.
func (x *blocks) Dump(w io.Writer) {
	fmt.Fprintf(w, "skip list in blocks: %d keys, fanout %d, %d bytes of blocks\n", x.Len(), x.fanout, x.bytes)
	fmt.Fprintln(w, "  level   blocks  entries  removed  unordered     room")
	var sums [maxLevels]struct{ blocks, entries, removed, unordered, room int }
	var visit func(ref uint32)
	visit = func(ref uint32) {
		b := x.at(ref)
		n, ordered := b.counts()
		s := &sums[b.level]
		s.blocks++
		s.entries += n
		s.removed += int(b.removed)
		s.unordered += n - ordered
		s.room += int(b.room)
		for i := 0; i < n && b.level > 0; i++ {
			visit(b.ref(i).Load())
		}
	}
	visit(x.root.Load())
	for level := x.top(); level >= 0; level-- {
		s := sums[level]
		fmt.Fprintf(w, "  %5d %8d %8d %8d %10d %8d\n", level, s.blocks, s.entries, s.removed, s.unordered, s.room)
	}
}
