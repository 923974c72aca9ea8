package kv

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/statelab/statelab"
)

// An iterator steps a peer's cursor over what is live. Key and value are
// copied at each step, since a peer's bytes may lie in memory that its Close
// unmaps.
type iterator struct {
	store     *Store
	watermark int64

	// mu is the iterator's goroutine against Store.Close, which ends the
	// cursor under it.
	mu  sync.Mutex
	cur Cursor // nil if the range is empty, or once closed
	err error

	at     position
	closed bool
	*buffers

	before, after *iterator // in the store's list
}

// position is where an iterator stands.
type position uint8

const (
	fresh position = iota
	onRecord
	pastEnd
	beforeStart
)

// buffers are an iterator's memory, which outlives it.
type buffers struct {
	lower, upper, seek, key, value []byte
}

var bufferPool = sync.Pool{New: func() any {
	return &buffers{key: []byte{}, value: []byte{}} // not nil, which would say that there is no record
}}

// Iter implements statelab.Store.
func (s *Store) Iter(r statelab.Range) (statelab.Iterator, error) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.closed {
		return nil, statelab.ErrClosed
	}
	it := &iterator{store: s, watermark: s.watermark, buffers: bufferPool.Get().(*buffers)}
	if !r.Empty() {
		it.lower = append(append(it.lower[:0], tagRecord), r.Lower...)
		if r.Upper == nil {
			it.upper = append(it.upper[:0], tagRecord+1)
		} else {
			it.upper = append(append(it.upper[:0], tagRecord), r.Upper...)
		}
		cur, err := s.db.Cursor(it.lower, it.upper, s.isPrefix(it.lower, it.upper))
		if err != nil {
			bufferPool.Put(it.buffers)
			return nil, fmt.Errorf("open an iterator: %w", err)
		}
		it.cur = cur
	}
	s.iters.add(it)
	return it, nil
}

// isPrefix says whether the bounds are those of a whole prefix, or of what
// follows some key of it.
func (s *Store) isPrefix(lower, upper []byte) bool {
	if s.opts.Prefix.Len == nil {
		return false
	}
	n := s.split(lower)
	if n < 2 || len(upper) != n || upper[n-1] == 0 {
		return false // the successor of a prefix that ends in 0xff is shorter: such ranges go without
	}
	return bytes.Equal(lower[:n-1], upper[:n-1]) && lower[n-1] == upper[n-1]-1
}

func (it *iterator) First() bool { return it.move(func() bool { return it.cur.First() }, true) }
func (it *iterator) Last() bool  { return it.move(func() bool { return it.cur.Last() }, false) }

func (it *iterator) Next() bool {
	return it.move(func() bool {
		switch it.at {
		case onRecord:
			return it.cur.Next()
		case pastEnd:
			return false
		}
		return it.cur.First()
	}, true)
}

func (it *iterator) Prev() bool {
	return it.move(func() bool {
		switch it.at {
		case onRecord:
			return it.cur.Prev()
		case beforeStart:
			return false
		}
		return it.cur.Last()
	}, false)
}

func (it *iterator) SeekGE(key []byte) bool {
	return it.move(func() bool {
		it.seek = append(append(it.seek[:0], tagRecord), key...)
		switch {
		case bytes.Compare(it.seek, it.upper) >= 0:
			return false
		case bytes.Compare(it.seek, it.lower) <= 0:
			return it.cur.First()
		}
		return it.cur.SeekGE(it.seek)
	}, true)
}

func (it *iterator) SeekLT(key []byte) bool {
	return it.move(func() bool {
		it.seek = append(append(it.seek[:0], tagRecord), key...)
		switch {
		case bytes.Compare(it.seek, it.lower) <= 0:
			return false
		case bytes.Compare(it.seek, it.upper) >= 0:
			return it.cur.Last()
		}
		return it.cur.SeekLT(it.seek)
	}, false)
}

// move positions the cursor with start and then steps, forwards or backwards,
// to a record that is live.
func (it *iterator) move(start func() bool, forwards bool) bool {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.closed || it.err != nil {
		it.at = fresh
		return false
	}
	if it.cur == nil {
		it.at = endOf(forwards)
		return false
	}
	for ok := start(); ok; {
		live, err := it.read()
		if err != nil {
			return it.fail(err)
		}
		if live {
			it.at = onRecord
			return true
		}
		if forwards {
			ok = it.cur.Next()
		} else {
			ok = it.cur.Prev()
		}
	}
	if err := it.cur.Err(); err != nil {
		return it.fail(err)
	}
	it.at = endOf(forwards)
	return false
}

func endOf(forwards bool) position {
	if forwards {
		return pastEnd
	}
	return beforeStart
}

// read takes over the record under the cursor, and says whether it is live.
func (it *iterator) read() (live bool, err error) {
	record, err := it.cur.Value()
	if err != nil {
		return false, err
	}
	if it.value, live, err = appendLive(it.value[:0], record, it.watermark); live {
		it.key = append(it.key[:0], it.cur.Key()[1:]...)
	}
	return live, err
}

func (it *iterator) fail(err error) bool {
	it.at, it.err = fresh, fmt.Errorf("iterator: %w", err)
	return false
}

// Key implements statelab.Iterator.
func (it *iterator) Key() []byte {
	if it.at != onRecord {
		return nil
	}
	return it.key
}

// Value implements statelab.Iterator.
func (it *iterator) Value() []byte {
	if it.at != onRecord {
		return nil
	}
	return it.value
}

// Err implements statelab.Iterator.
func (it *iterator) Err() error {
	it.mu.Lock()
	defer it.mu.Unlock()
	return it.err
}

// Close implements statelab.Iterator.
func (it *iterator) Close() error {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.closed {
		return it.err
	}
	it.closed, it.at = true, fresh
	if it.cur != nil {
		if err := it.cur.Close(); err != nil && it.err == nil {
			it.err = err
		}
		it.cur = nil
	}
	it.store.iters.remove(it) // not before: Store.Close waits for those in the list
	bufferPool.Put(it.buffers)
	it.buffers = nil
	return it.err
}

// lose ends the cursor because the store closes.
func (it *iterator) lose() {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.cur != nil {
		it.cur.Close() // its error would tell of what nobody reads any more
		it.cur = nil
	}
	it.err = statelab.ErrClosed
}

// An iterList is the open iterators of a store.
type iterList struct {
	mu    sync.Mutex
	first *iterator
}

func (l *iterList) add(it *iterator) {
	l.mu.Lock()
	defer l.mu.Unlock()
	it.after = l.first
	if l.first != nil {
		l.first.before = it
	}
	l.first = it
}

func (l *iterList) remove(it *iterator) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case it.before != nil:
		it.before.after = it.after
	case l.first == it:
		l.first = it.after
	}
	if it.after != nil {
		it.after.before = it.before
	}
	it.before, it.after = nil, nil
}

// closeAll takes the cursors away from all iterators, which stay to be closed.
func (l *iterList) closeAll() {
	for {
		l.mu.Lock()
		it := l.first
		l.mu.Unlock()
		if it == nil {
			return
		}
		it.lose()
		l.remove(it)
	}
}
