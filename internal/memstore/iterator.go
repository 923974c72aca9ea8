package memstore

import (
	"sync"

	"github.com/statelab/statelab"
)

// An iterator is what a user has of a cursor. It is used once, so that a call
// after its Close finds that it has none, whoever has the cursor by then. So
// cursors can be used again; iterators are made so many at a time, and a probe
// allocates a part of one in iteratorsAtATime of that.
type iterator struct {
	c   *cursor // nil once closed
	err error   // as of then
}

const iteratorsAtATime = 64 // 1.5 KiB, which one of them keeps from the collector

// cursors keeps cursors of closed iterators, if their rows have not grown large.
var cursors = sync.Pool{New: func() any {
	return &cursor{rows: rows{data: make([]byte, 0, 1<<10), at: make([]row, 0, 8)}} // data is not nil: nor is an empty key (I6)
}}

const maxPooledRows = 64 << 10 // bytes

// Iter implements statelab.Store.
func (s *Store) Iter(r statelab.Range) (statelab.Iterator, error) {
	c := cursors.Get().(*cursor)
	if err := c.open(s, r); err != nil {
		cursors.Put(c)
		return nil, err
	}
	if len(c.unused) == 0 {
		c.unused = make([]iterator, iteratorsAtATime)
	}
	it := &c.unused[0]
	c.unused = c.unused[1:]
	it.c = c
	return it, nil
}

// Close implements statelab.Iterator.
func (it *iterator) Close() error {
	if c := it.c; c != nil {
		it.c, it.err = nil, c.err
		c.close()
		if cap(c.rows.data) <= maxPooledRows {
			cursors.Put(c)
		}
	}
	return it.err
}

// Err implements statelab.Iterator.
func (it *iterator) Err() error {
	if it.c == nil {
		return it.err
	}
	return it.c.err
}

// Key implements statelab.Iterator.
func (it *iterator) Key() []byte {
	if it.c == nil {
		return nil
	}
	return it.c.key()
}

// Value implements statelab.Iterator.
func (it *iterator) Value() []byte {
	if it.c == nil {
		return nil
	}
	return it.c.value()
}

// First implements statelab.Iterator.
func (it *iterator) First() bool { return it.c != nil && it.c.ready() && it.c.first() }

// Last implements statelab.Iterator.
func (it *iterator) Last() bool { return it.c != nil && it.c.ready() && it.c.last() }

// SeekGE implements statelab.Iterator.
func (it *iterator) SeekGE(key []byte) bool { return it.c != nil && it.c.seekGE(key) }

// SeekLT implements statelab.Iterator.
func (it *iterator) SeekLT(key []byte) bool { return it.c != nil && it.c.seekLT(key) }

// Next implements statelab.Iterator.
func (it *iterator) Next() bool { return it.c != nil && it.c.next() }

// Prev implements statelab.Iterator.
func (it *iterator) Prev() bool { return it.c != nil && it.c.prev() }
