package storetest

import (
	"slices"

	"github.com/statelab/statelab"
)

// refIter is the reference store's iterator: a place in a slice of records
// that nobody changes.
type refIter struct {
	s      *refStore
	window []*refRecord // of the range; nil once failed or closed
	at     int          // -1 before the start, len(window) past the end
	moved  bool
	key    []byte
	value  []byte
	err    error
	pinned int64 // bytes of records replaced since the opening
}

func (s *refStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, statelab.ErrClosed
	}
	it := &refIter{s: s}
	if !r.Empty() {
		from, to := 0, len(s.records)
		if r.Lower != nil {
			from, _ = s.find(string(r.Lower))
		}
		if r.Upper != nil {
			to, _ = s.find(string(r.Upper))
		}
		it.window = s.records[from:to]
	}
	s.shared = true
	s.iters = append(s.iters, it)
	return it, nil
}

// fail ends the iterator's life, but for its Err and Close. The caller holds the store's lock.
func (it *refIter) fail(err error) {
	it.err = err
	it.window = nil
	it.s.iters = slices.DeleteFunc(it.s.iters, func(o *refIter) bool { return o == it })
}

// to goes to a place and copies what is there.
func (it *refIter) to(place func() int) bool {
	it.s.mu.RLock()
	defer it.s.mu.RUnlock()
	it.key, it.value = nil, nil
	if it.window == nil {
		return false
	}
	it.at, it.moved = place(), true
	if it.at < 0 || it.at >= len(it.window) {
		return false
	}
	r := it.window[it.at]
	if it.s.flaws.iterSeesTime {
		r = it.s.at(r, it.s.watermark)
	}
	it.key, it.value = []byte(r.key), r.value([]byte{})
	return true
}

func (it *refIter) First() bool { return it.to(func() int { return 0 }) }
func (it *refIter) Last() bool  { return it.to(func() int { return len(it.window) - 1 }) }

func (it *refIter) SeekGE(key []byte) bool { return it.to(func() int { return it.search(key) }) }
func (it *refIter) SeekLT(key []byte) bool { return it.to(func() int { return it.search(key) - 1 }) }

// search returns the place of the first record with a key >= key.
func (it *refIter) search(key []byte) int {
	for i, r := range it.window {
		if r.key >= string(key) {
			return i
		}
	}
	return len(it.window)
}

func (it *refIter) Next() bool {
	if !it.moved {
		return it.First()
	}
	return it.to(func() int {
		if it.s.flaws.iterRunsAway {
			return it.at + 1
		}
		return min(it.at+1, len(it.window))
	})
}

func (it *refIter) Prev() bool {
	if !it.moved {
		return it.Last()
	}
	return it.to(func() int { return max(it.at-1, -1) })
}

func (it *refIter) Key() []byte   { return it.key }
func (it *refIter) Value() []byte { return it.value }

func (it *refIter) Err() error {
	it.s.mu.RLock()
	defer it.s.mu.RUnlock()
	return it.err
}

func (it *refIter) Close() error {
	it.s.mu.Lock()
	defer it.s.mu.Unlock()
	it.key, it.value = nil, nil
	err := it.err
	it.fail(err)
	return err
}
