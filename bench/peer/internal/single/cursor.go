package single

import (
	"bytes"
	"sort"

	"github.com/statelab/statelab/bench/peer/internal/kv"
)

// A cursor moves over the tree until that changes, and over a copy of its
// range from then on. Key and value are always copies.
type cursor struct {
	db           *db
	lower, upper []byte
	pointer      Pointer // nil once detached or closed

	key, value []byte
	err        error

	copied []pair
	at     int // in copied
}

type pair struct{ key, value []byte }

// Cursor implements kv.DB.
func (d *db) Cursor(lower, upper []byte, _ bool) (kv.Cursor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return nil, d.broken
	}
	c := &cursor{db: d, lower: lower, upper: upper, pointer: d.tree.Pointer()}
	d.live[c] = struct{}{}
	return c, nil
}

func (c *cursor) First() bool { return c.SeekGE(c.lower) }
func (c *cursor) Last() bool  { return c.SeekLT(c.upper) }

func (c *cursor) SeekGE(key []byte) bool {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if c.pointer == nil {
		return c.stand(c.find(key))
	}
	return c.take(c.pointer.SeekGE(key))
}

func (c *cursor) SeekLT(key []byte) bool {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if c.pointer == nil {
		return c.stand(c.find(key) - 1)
	}
	return c.take(c.pointer.SeekLT(key))
}

func (c *cursor) Next() bool {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if c.pointer == nil {
		return c.stand(c.at + 1)
	}
	return c.take(c.pointer.Next())
}

func (c *cursor) Prev() bool {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	if c.pointer == nil {
		return c.stand(c.at - 1)
	}
	return c.take(c.pointer.Prev())
}

// take copies what the pointer stands on, if that lies within the bounds.
func (c *cursor) take(ok bool) bool {
	if !c.within(ok) {
		return false
	}
	c.key = append(c.key[:0], c.pointer.Key()...)
	c.value = append(c.value[:0], c.pointer.Value()...)
	return true
}

// within says whether the pointer, whose last move said ok, stands on a key
// of the range. It keeps the pointer's error.
func (c *cursor) within(ok bool) bool {
	if !ok {
		c.err = c.pointer.Err()
		return false
	}
	key := c.pointer.Key()
	return bytes.Compare(key, c.lower) >= 0 && bytes.Compare(key, c.upper) < 0
}

// stand moves to a pair of the copy.
func (c *cursor) stand(at int) bool {
	c.at = at
	if c.err != nil || at < 0 || at >= len(c.copied) {
		return false
	}
	c.key, c.value = c.copied[at].key, c.copied[at].value
	return true
}

// find returns the index of the first copied pair whose key is not below key.
func (c *cursor) find(key []byte) int {
	return sort.Search(len(c.copied), func(i int) bool { return bytes.Compare(c.copied[i].key, key) >= 0 })
}

func (c *cursor) Key() []byte            { return c.key }
func (c *cursor) Value() ([]byte, error) { return c.value, nil }

// Err is asked by the cursor's own goroutine, while another may be copying.
func (c *cursor) Err() error {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	return c.err
}

// detach copies the range, because the tree is about to change. The caller
// holds mu, and need not be the cursor's own goroutine: that may be reading key
// and value, which stay as they are.
func (c *cursor) detach() {
	for ok := c.within(c.pointer.SeekGE(c.lower)); ok; ok = c.within(c.pointer.Next()) {
		c.copied = append(c.copied, pair{append([]byte{}, c.pointer.Key()...), append([]byte{}, c.pointer.Value()...)})
	}
	c.at = c.find(c.key)
	c.release()
}

// release gives the pointer back. The caller holds mu.
func (c *cursor) release() {
	if c.pointer != nil {
		c.pointer.Release()
		c.pointer = nil
		delete(c.db.live, c)
	}
}

// Close implements kv.Cursor.
func (c *cursor) Close() error {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	c.release()
	return nil
}
