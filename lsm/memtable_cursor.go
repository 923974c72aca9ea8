package lsm

import (
	"bytes"
	"slices"

	"github.com/statelab/statelab/internal/arena"
)

// memtableCursor walks a memtable as of a sequence, or one group of it. It is a
// source. It takes records from the index some at a time; records that come
// meanwhile are of later sequences, whether it sees them or not.
type memtableCursor struct {
	m     *memtable
	seq   uint64
	refs  []arena.Ref // neighbours, in the order of their keys; in room
	room  []arena.Ref
	at    int  // the one that the cursor stands on
	whole bool // there are no others

	touched byte // so that touching is not for nothing
}

// A cursor takes a few records first, since most scans are short, and more when
// they turn out not to be.
const (
	firstRefs = 8
	moreRefs  = 64
)

// open readies the cursor for all of m.
func (c *memtableCursor) open(m *memtable, seq uint64) {
	*c = memtableCursor{m: m, seq: seq, room: slices.Grow(c.room[:0], moreRefs)}
}

// openGroup readies the cursor for the records of a group at least.
func (c *memtableCursor) openGroup(m *memtable, seq uint64, group []byte, hash uint64) {
	c.open(m, seq)
	c.refs, c.whole = m.members(c.room, group, hash)
}

// none says whether it is known that there is nothing to walk over.
func (c *memtableCursor) none() bool { return c.whole && len(c.refs) == 0 || c.m.empty() }

func (c *memtableCursor) close() { *c = memtableCursor{room: c.room} }

func (c *memtableCursor) key() []byte { return c.m.keys.Of(c.refs[c.at]) }
func (c *memtableCursor) err() error  { return nil }

func (c *memtableCursor) gather(f *fold) error {
	c.m.gather(f, c.refs[c.at], c.seq)
	return nil
}

func (c *memtableCursor) first() bool {
	if c.whole {
		return c.stand(0)
	}
	return c.ascend(nil, false, firstRefs)
}

func (c *memtableCursor) last() bool {
	if c.whole {
		return c.stand(len(c.refs) - 1)
	}
	return c.descend(nil, true, firstRefs)
}

func (c *memtableCursor) seekGE(key []byte) bool {
	if c.whole {
		return c.stand(c.search(key))
	}
	return c.ascend(key, false, firstRefs)
}

func (c *memtableCursor) seekLT(key []byte) bool {
	if c.whole {
		return c.stand(c.search(key) - 1)
	}
	return c.descend(key, false, firstRefs)
}

func (c *memtableCursor) next() bool {
	if c.whole || c.at+1 < len(c.refs) {
		return c.stand(c.at + 1)
	}
	return c.ascend(c.key(), true, moreRefs)
}

func (c *memtableCursor) prev() bool {
	if c.whole || c.at > 0 {
		return c.stand(c.at - 1)
	}
	return c.descend(c.key(), false, moreRefs)
}

func (c *memtableCursor) stand(i int) bool {
	c.at = i
	return i >= 0 && i < len(c.refs)
}

// search returns the position of the first record with a key that is not less.
func (c *memtableCursor) search(key []byte) int {
	for i, ref := range c.refs {
		if bytes.Compare(c.m.keys.Of(ref), key) >= 0 {
			return i
		}
	}
	return len(c.refs)
}

// ascend takes up to n records from key on and stands on the first.
func (c *memtableCursor) ascend(key []byte, after bool, n int) bool {
	g := c.m.epoch.Enter()
	c.refs = c.m.index.Ascend(c.room[:0:n], key, after)
	c.m.epoch.Leave(g)
	if n == moreRefs {
		c.touch()
	}
	return c.stand(0)
}

// touch reads from all records that were taken, so that the processor waits for
// memory some times and not for each: neighbours in the order of keys lie anywhere.
func (c *memtableCursor) touch() {
	for _, ref := range c.refs {
		if key := c.m.keys.Of(ref); len(key) > 0 {
			c.touched ^= key[len(key)-1]
		}
	}
}

// descend takes up to n records before key and stands on the last.
func (c *memtableCursor) descend(key []byte, fromEnd bool, n int) bool {
	g := c.m.epoch.Enter()
	c.refs = c.m.index.Descend(c.room[:0:n], key, fromEnd)
	c.m.epoch.Leave(g)
	slices.Reverse(c.refs)
	return c.stand(len(c.refs) - 1)
}
