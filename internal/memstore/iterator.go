package memstore

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// An iterator reads by a view. It copies key and value into buffers of its own,
// so what it has handed out lives on when the record is reclaimed or the store
// is closed. Between moves it holds no lock; it remembers the place of its
// record for as long as no record is removed from the index, and looks its key
// up again after that.
type iterator struct {
	s     *Store
	view  openView
	place place
	buffers
	hasLower, hasUpper bool

	at       arena.Ref // the record it stands on, if removals are still
	removals uint64
	ahead    []arena.Ref // records after at, if the index is a Scanner
	locked   bool        // mu is held for a move
	err      error
	closed   bool
}

// A place is where an iterator stands.
type place uint8

const (
	fresh place = iota
	onRecord
	beforeFirst
	afterLast
)

// buffers are an iterator's memory, which the next one takes over.
type buffers struct{ lower, upper, key, value []byte }

// Closed iterators leave this many buffers for new ones, if they have not grown
// large.
const (
	spareBuffers   = 16
	maxSpareBuffer = 64 << 10 // bytes
)

// Iter implements statelab.Store.
func (s *Store) Iter(r statelab.Range) (statelab.Iterator, error) {
	it := &iterator{s: s, hasLower: r.Lower != nil, hasUpper: r.Upper != nil}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, statelab.ErrClosed
	}
	s.viewsMu.Lock()
	defer s.viewsMu.Unlock()
	s.records.open(&it.view, false)
	if n := len(s.buffers); n > 0 {
		it.buffers, s.buffers = s.buffers[n-1], s.buffers[:n-1]
	} else {
		it.key, it.value = []byte{}, []byte{} // an empty key is not nil (I6)
	}
	it.lower = append(it.lower[:0], r.Lower...)
	it.upper = append(it.upper[:0], r.Upper...)
	return it, nil
}

// openView opens a view of the present for the store itself, holding write.
func (s *Store) openView() *openView {
	s.viewsMu.Lock()
	defer s.viewsMu.Unlock()
	v := new(openView)
	s.records.open(v, true)
	return v
}

// closeView closes a view, and reclaims some of what it held if nobody else is
// busy writing.
func (s *Store) closeView(v *openView) {
	s.mu.RLock()
	s.viewsMu.Lock()
	held := v.held != 0 && !s.closed
	if !s.closed {
		s.records.close(v)
	}
	s.viewsMu.Unlock()
	s.mu.RUnlock()
	if !held || !s.write.TryLock() {
		return
	}
	s.mu.Lock()
	if !s.closed {
		s.records.reap(reapPerAdvance)
	}
	s.mu.Unlock()
	s.write.Unlock()
}

// Close implements statelab.Iterator.
func (it *iterator) Close() error {
	if it.closed {
		return it.err
	}
	it.closed = true
	s := it.s
	s.closeView(&it.view)
	it.place = afterLast
	s.viewsMu.Lock()
	if len(s.buffers) < spareBuffers && cap(it.key)+cap(it.value) <= maxSpareBuffer {
		s.buffers = append(s.buffers, it.buffers)
	}
	s.viewsMu.Unlock()
	it.buffers = buffers{}
	return it.err
}

// Key implements statelab.Iterator.
func (it *iterator) Key() []byte {
	if it.place != onRecord {
		return nil
	}
	return it.key
}

// Value implements statelab.Iterator.
func (it *iterator) Value() []byte {
	if it.place != onRecord {
		return nil
	}
	return it.value
}

// Err implements statelab.Iterator.
func (it *iterator) Err() error { return it.err }

// First implements statelab.Iterator.
func (it *iterator) First() bool {
	if !it.enter() {
		return false
	}
	defer it.leave()
	return it.forward(it.first())
}

// Last implements statelab.Iterator.
func (it *iterator) Last() bool {
	if !it.enter() {
		return false
	}
	defer it.leave()
	return it.backward(it.last())
}

// SeekGE implements statelab.Iterator.
func (it *iterator) SeekGE(key []byte) bool {
	if !it.enter() {
		return false
	}
	defer it.leave()
	if it.hasLower && string(key) < string(it.lower) {
		key = it.lower
	}
	return it.forward(it.seek(key))
}

// SeekLT implements statelab.Iterator.
func (it *iterator) SeekLT(key []byte) bool {
	if !it.enter() {
		return false
	}
	defer it.leave()
	if it.hasUpper && string(key) > string(it.upper) {
		key = it.upper
	}
	return it.backward(it.s.records.index.SeekLT(key))
}

// Next implements statelab.Iterator.
func (it *iterator) Next() bool {
	if !it.enter() {
		return false
	}
	defer it.leave()
	switch it.place {
	case onRecord:
		return it.forward(it.next())
	case afterLast:
		return false
	}
	return it.forward(it.first())
}

// Prev implements statelab.Iterator.
func (it *iterator) Prev() bool {
	if !it.enter() {
		return false
	}
	defer it.leave()
	switch it.place {
	case onRecord:
		return it.backward(it.prev())
	case beforeFirst:
		return false
	}
	return it.backward(it.last())
}

// enter takes mu shared for a move, if the iterator can still move.
func (it *iterator) enter() bool {
	if it.closed || it.err != nil {
		return false
	}
	it.s.mu.RLock()
	it.locked = true
	if it.s.closed {
		it.err = statelab.ErrClosed
	} else {
		it.err = it.view.err
	}
	if it.err != nil {
		it.place = afterLast
		it.leave()
	}
	return it.err == nil
}

func (it *iterator) leave() {
	if it.locked {
		it.locked = false
		it.s.mu.RUnlock()
	}
}

// pause lets writers in, in the middle of a move that has come to the record
// at key. It says whether the move can go on, and whether records may have been
// removed meanwhile; then it.key is key.
func (it *iterator) pause(key []byte) (ok, moved bool) {
	removals := it.s.records.removals
	it.key = append(it.key[:0], key...)
	it.leave()
	if !it.enter() {
		return false, false
	}
	return true, removals != it.s.records.removals
}

// scanAhead is how many records are asked of a Scanner at a time: about what a
// probe reads.
const scanAhead = 8

func (it *iterator) first() arena.Ref {
	if it.hasLower {
		return it.seek(it.lower)
	}
	return it.seek(nil)
}

// seek returns the first record with a key >= key.
func (it *iterator) seek(key []byte) arena.Ref {
	if x, ok := it.s.records.index.(OldScanner); ok {
		return it.scan(x, key, false)
	}
	return it.s.records.index.SeekGE(key)
}

// following returns the record after ref, which is where the iterator is.
// Records that are inserted before those ahead are not of the view.
func (it *iterator) following(ref arena.Ref) arena.Ref {
	x, ok := it.s.records.index.(OldScanner)
	if !ok {
		return it.s.records.index.Next(ref)
	}
	if len(it.ahead) > 0 {
		ref, it.ahead = it.ahead[0], it.ahead[1:]
		return ref
	}
	return it.scan(x, x.Key(ref), true)
}

func (it *iterator) scan(x OldScanner, key []byte, after bool) arena.Ref {
	it.ahead = x.Scan(make([]arena.Ref, 0, scanAhead), key, after)
	if len(it.ahead) == 0 {
		return 0
	}
	ref := it.ahead[0]
	it.ahead = it.ahead[1:]
	return ref
}

func (it *iterator) last() arena.Ref {
	if it.hasUpper {
		return it.s.records.index.SeekLT(it.upper)
	}
	return it.s.records.index.Last()
}

// next returns the record after the one at it.key.
func (it *iterator) next() arena.Ref {
	if it.removals == it.s.records.removals {
		return it.following(it.at)
	}
	it.ahead = nil
	return it.s.records.after(it.key)
}

// prev returns the record before the one at it.key.
func (it *iterator) prev() arena.Ref {
	if it.removals == it.s.records.removals {
		return it.s.records.index.Prev(it.at)
	}
	return it.s.records.index.SeekLT(it.key)
}

// forward stands on the first record from ref on that the view sees.
func (it *iterator) forward(ref arena.Ref) bool {
	r := &it.s.records
	for n := 1; ref != 0; n++ {
		key := r.index.Key(ref)
		if it.hasUpper && string(key) >= string(it.upper) {
			break
		}
		if it.stand(ref, key) {
			return true
		}
		if n%readAtATime == 0 {
			ok, moved := it.pause(key)
			if !ok {
				return false
			}
			if moved {
				it.ahead = nil
				ref = r.after(it.key)
				continue
			}
		}
		ref = it.following(ref)
	}
	it.place = afterLast
	return false
}

// backward stands on the last record up to ref that the view sees.
func (it *iterator) backward(ref arena.Ref) bool {
	it.ahead = nil
	r := &it.s.records
	for n := 1; ref != 0; n++ {
		key := r.index.Key(ref)
		if it.hasLower && string(key) < string(it.lower) {
			break
		}
		if it.stand(ref, key) {
			return true
		}
		if n%readAtATime == 0 {
			ok, moved := it.pause(key)
			if !ok {
				return false
			}
			if moved {
				ref = r.index.SeekLT(it.key)
				continue
			}
		}
		ref = r.index.Prev(ref)
	}
	it.place = beforeFirst
	return false
}

// stand copies the record, if the view sees it.
func (it *iterator) stand(ref arena.Ref, key []byte) (ok bool) {
	if it.value, ok = it.s.records.appendValue(it.value[:0], ref, it.view.view); !ok {
		return false
	}
	it.key = append(it.key[:0], key...)
	it.place, it.at, it.removals = onRecord, ref, it.s.records.removals
	return true
}
