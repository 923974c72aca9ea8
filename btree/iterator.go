package btree

import (
	"fmt"

	"github.com/statelab/statelab"
)

// Where an iterator, or a cursor, stands.
const (
	fresh  = iota
	on     // a record
	before // the first
	after  // the last
	lost   // a read failed in the middle of a move
)

// An iterator is the user's handle. The overlay behind it goes on to others when
// it is closed, so that opening one allocates the handle only.
type iterator struct {
	store   *Store
	overlay *overlay // nil when closed
	err     error
}

// Iter implements statelab.Store.
func (s *Store) Iter(r statelab.Range) (statelab.Iterator, error) {
	defer s.gate.leave(s.gate.enter())
	if s.closed {
		return nil, statelab.ErrClosed
	}
	o, ok := s.iterators.Get().(*overlay)
	if !ok {
		o = new(overlay)
	}
	o.lower, o.upper = append(o.lower[:0], r.Lower...), append(o.upper[:0], r.Upper...)
	o.open(&s.tree, &s.buffer.tree, r.Lower != nil, r.Upper != nil)
	if r.Lower != nil && r.Upper != nil {
		if o.copyAll() {
			return &iterator{store: s, overlay: o}, nil
		}
		o.open(&s.tree, &s.buffer.tree, true, true)
	}
	o.snaps = [2]*snapshot{s.tree.snaps.open(), s.buffer.snaps.open()}
	s.views.add(o)
	return &iterator{store: s, overlay: o}, nil
}

// closeSnapshots gives up what an iterator holds.
func (s *Store) closeSnapshots(o *overlay) {
	s.tree.snaps.close(o.snaps[0])
	s.buffer.snaps.close(o.snaps[1])
	o.snaps = [2]*snapshot{}
}

// First implements statelab.Iterator.
func (it *iterator) First() bool { return it.move((*overlay).first) }

// Last implements statelab.Iterator.
func (it *iterator) Last() bool { return it.move((*overlay).last) }

// SeekGE implements statelab.Iterator.
func (it *iterator) SeekGE(key []byte) bool { return it.seek(key, (*overlay).seekTargetGE) }

// SeekLT implements statelab.Iterator.
func (it *iterator) SeekLT(key []byte) bool { return it.seek(key, (*overlay).seekTargetLT) }

// seek makes a move to a key, which goes by the overlay since a closure would
// be allocated.
func (it *iterator) seek(key []byte, step func(*overlay) (bool, error)) bool {
	if it.overlay == nil {
		return false
	}
	it.overlay.target = key
	ok := it.move(step)
	it.overlay.target = nil
	return ok
}

// Next implements statelab.Iterator.
func (it *iterator) Next() bool { return it.move((*overlay).next) }

// Prev implements statelab.Iterator.
func (it *iterator) Prev() bool { return it.move((*overlay).prev) }

// move makes a move if the store is open and the snapshot still there.
func (it *iterator) move(step func(*overlay) (bool, error)) bool {
	o := it.overlay
	if o == nil {
		return false
	}
	defer it.store.gate.leave(it.store.gate.enter())
	switch {
	case it.store.closed:
		it.err, o.state = statelab.ErrClosed, lost
		return false
	case !o.copied && o.failed:
		it.err, o.state = statelab.ErrSnapshotTooOld, lost
		return false
	}
	ok, err := step(o)
	if err != nil {
		it.err, o.state = fmt.Errorf("iterate: %w", err), lost
		return false
	}
	if o.state != lost {
		it.err = nil
	}
	return ok
}

// Key implements statelab.Iterator.
func (it *iterator) Key() []byte {
	if it.overlay == nil || it.overlay.state != on {
		return nil
	}
	return it.overlay.key()
}

// Value implements statelab.Iterator.
func (it *iterator) Value() []byte {
	if it.overlay == nil || it.overlay.state != on {
		return nil
	}
	return it.overlay.value()
}

// Err implements statelab.Iterator.
func (it *iterator) Err() error { return it.err }

// Close implements statelab.Iterator.
func (it *iterator) Close() error {
	o := it.overlay
	if o == nil {
		return it.err
	}
	it.overlay = nil
	if !o.copied && it.store.views.remove(o) {
		it.store.closeSnapshots(o)
	}
	o.now = nil
	o.main.shrink()
	o.buffer.shrink()
	it.store.iterators.Put(o)
	return it.err
}
