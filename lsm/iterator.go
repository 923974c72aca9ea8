package lsm

import (
	"fmt"
	"sync"

	"github.com/statelab/statelab"
)

// iterator is what Iter returns: a handle that is never reused, so that a
// second Close hurts nobody, on an iteration that is.
type iterator struct {
	store     *Store
	iteration *iteration // nil once closed by its owner

	mu      sync.Mutex // held for each move, and to take the iteration's sources away
	failure error      // a failed read, or why the sources are gone
	gone    bool       // the iteration has no sources any more

	prev, next *iterator // in the store's list, which guards them
}

// Iter implements statelab.Store.
func (s *Store) Iter(r statelab.Range) (statelab.Iterator, error) {
	if err := s.enter(); err != nil {
		return nil, err
	}
	defer s.exit()
	in := s.pool.iteration()
	in.snapshot = s.acquire()
	in.setBounds(r)
	if err := in.open(s); err != nil {
		s.endIteration(in)
		s.pool.iterations.Put(in)
		return nil, fmt.Errorf("iterate: %w", err)
	}
	return s.iterators.add(s, in), nil
}

// endIteration closes the sources and lets go of the snapshot. The copies of
// key and value stay.
func (s *Store) endIteration(in *iteration) {
	in.merge.close()
	w := in.view
	in.snapshot = snapshot{}
	s.release(w)
}

// move does one move, if the iterator is still usable.
func (it *iterator) move(step func(*iteration) bool) bool {
	it.mu.Lock()
	defer it.mu.Unlock()
	in := it.iteration
	if in == nil {
		return false
	}
	if it.failure != nil {
		in.place = fresh
		return false
	}
	ok := step(in)
	if err := in.merge.failure; err != nil {
		it.failure = fmt.Errorf("iterate: %w", err)
		in.place = fresh
		return false
	}
	return ok
}

func (it *iterator) First() bool { return it.move((*iteration).first) }
func (it *iterator) Last() bool  { return it.move((*iteration).last) }
func (it *iterator) Next() bool  { return it.move((*iteration).next) }
func (it *iterator) Prev() bool  { return it.move((*iteration).prev) }

func (it *iterator) SeekGE(key []byte) bool {
	return it.move(func(in *iteration) bool { return in.seekGE(key) })
}

func (it *iterator) SeekLT(key []byte) bool {
	return it.move(func(in *iteration) bool { return in.seekLT(key) })
}

// Key and Value return what the last move copied, which is not nil even if it
// is empty. They take no lock: nobody but the owner's moves and Close touches
// the copies.
func (it *iterator) Key() []byte {
	if in := it.iteration; in != nil && in.place == onKey {
		return in.key
	}
	return nil
}

func (it *iterator) Value() []byte {
	if in := it.iteration; in != nil && in.place == onKey {
		return in.value
	}
	return nil
}

func (it *iterator) Err() error {
	it.mu.Lock()
	defer it.mu.Unlock()
	return it.failure
}

// Close gives the iteration back for reuse, unless its sources were taken
// away: then the owner may still hold its copies without knowing.
func (it *iterator) Close() error {
	it.store.iterators.remove(it)
	it.mu.Lock()
	defer it.mu.Unlock()
	in := it.iteration
	it.iteration = nil
	if in != nil && !it.gone {
		it.gone = true
		it.store.endIteration(in)
		in.value = keepSmall(in.value)
		it.store.pool.iterations.Put(in)
	}
	return it.failure
}

// fail takes the sources away from an iterator, whose moves and Err tell err
// from then on.
func (it *iterator) fail(err error) {
	it.mu.Lock()
	defer it.mu.Unlock()
	if it.gone || it.iteration == nil {
		return
	}
	it.failure = err
	it.gone = true
	it.store.endIteration(it.iteration)
}

// iteratorList is the open iterators of a store, oldest first.
type iteratorList struct {
	mu          sync.Mutex
	first, last *iterator
	slab        []iterator // handles not given out yet
}

// slabSize is how many handles are allocated at a time. They are never reused,
// so this is what makes opening an iterator all but free of allocation.
const slabSize = 64

func (l *iteratorList) add(s *Store, in *iteration) *iterator {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.slab) == 0 {
		l.slab = make([]iterator, slabSize)
	}
	it := &l.slab[0]
	l.slab = l.slab[1:]
	it.store, it.iteration, it.prev = s, in, l.last
	if l.last == nil {
		l.first = it
	} else {
		l.last.next = it
	}
	l.last = it
	return it
}

// remove takes it out of the list, if it is there.
func (l *iteratorList) remove(it *iterator) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if it.prev == nil && it.next == nil && l.first != it {
		return
	}
	if it.prev == nil {
		l.first = it.next
	} else {
		it.prev.next = it.next
	}
	if it.next == nil {
		l.last = it.prev
	} else {
		it.next.prev = it.prev
	}
	it.prev, it.next = nil, nil
}

// oldest returns the iterator that was opened first, or nil.
func (l *iteratorList) oldest() *iterator {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// boundPinned fails the oldest iterators while flushed memtables that are held
// only for readers exceed their part of the budget. (I8) The cache makes room for
// what is within it.
func (s *Store) boundPinned() {
	defer s.env.makeRoom()
	for s.env.memoryUse().pinned > s.budget.pinned {
		it := s.iterators.oldest()
		if it == nil {
			return // look-ups and iterations being opened hold the rest, for a moment
		}
		s.iterators.remove(it)
		it.fail(statelab.ErrSnapshotTooOld)
	}
}

// failIterators ends all iterators. (I7)
func (s *Store) failIterators(err error) {
	for it := s.iterators.oldest(); it != nil; it = s.iterators.oldest() {
		s.iterators.remove(it)
		it.fail(err)
	}
}
