package lsm

import (
	"bytes"
	"slices"
)

// source is one layer of a store, walked in either direction. Moves say
// whether it stands on a key; when one returns false, err tells a failure from
// the end. next and prev are only called on a source that stands on a key.
type source interface {
	first() bool
	last() bool
	seekGE(key []byte) bool
	seekLT(key []byte) bool
	next() bool
	prev() bool
	key() []byte          // valid until the next move
	gather(f *fold) error // adds what the layer holds of the key to f, whose bytes are valid as long
	err() error
	close()
}

// merger walks the keys of several layers together, and folds what they hold
// of each. It visits every key that a layer holds, live or not, but for those
// beyond its bounds that it would come to last. Sources are in the order of recency,
// newest first.
//
// Those that stand on a key are sorted by it, so that a step moves one source and
// compares its new key with few others, however many there are. One that comes to a
// bound is out until the direction changes: of a short range most sources hold nothing.
type merger struct {
	sources      []source
	lower, upper []byte // keys below lower, and from upper on, are not asked for; nil is open
	on           []int  // the sources that stand on a key, the next key first, and of equal keys the newest source
	here         int    // so many of them stand on the merger's key
	moving       []int  // scratch
	keyBuf       []byte
	backward     bool // the sources stand on keys before the merger's, not after
	fold         fold
	failure      error
}

// reset takes the sources, which stand nowhere, and bounds, which stay the caller's.
func (m *merger) reset(lower, upper []byte) {
	m.lower, m.upper = lower, upper
	m.on, m.here = m.on[:0], 0
	m.fold.reset()
	m.failure = nil
}

// close closes the sources.
func (m *merger) close() {
	for i := range m.sources {
		m.sources[i].close()
		m.sources[i] = nil
	}
	m.sources = m.sources[:0]
	m.reset(nil, nil)
}

// key returns the key that the merger stands on, valid until the next move.
// What the layers hold of it is in fold, valid as long.
func (m *merger) key() []byte { return m.keyBuf }

func (m *merger) first() bool {
	m.face(false)
	for i, s := range m.sources {
		m.place(i, s.first())
	}
	return m.settle()
}

func (m *merger) last() bool {
	m.face(true)
	for i, s := range m.sources {
		m.place(i, s.last())
	}
	return m.settle()
}

func (m *merger) seekGE(key []byte) bool {
	m.face(false)
	for i, s := range m.sources {
		m.place(i, s.seekGE(key))
	}
	return m.settle()
}

func (m *merger) seekLT(key []byte) bool {
	m.face(true)
	for i, s := range m.sources {
		m.place(i, s.seekLT(key))
	}
	return m.settle()
}

// next moves to the next key; the merger must stand on one.
func (m *merger) next() bool {
	if m.backward {
		m.turn()
	}
	for _, i := range m.leave() {
		m.place(i, m.sources[i].next())
	}
	return m.settle()
}

func (m *merger) prev() bool {
	if !m.backward {
		m.turn()
	}
	for _, i := range m.leave() {
		m.place(i, m.sources[i].prev())
	}
	return m.settle()
}

// face sets the direction, and takes all sources off their keys.
func (m *merger) face(backward bool) { m.backward, m.on, m.here = backward, m.on[:0], 0 }

// leave takes the sources off that stand on the merger's key, and returns them.
func (m *merger) leave() []int {
	m.moving = append(m.moving[:0], m.on[:m.here]...)
	m.on = slices.Delete(m.on, 0, m.here)
	return m.moving
}

// turn changes the direction: the sources that do not stand on the merger's
// key go to the nearest key on its other side. A memtable may come to that very key, of
// which it holds what was written after the snapshot.
func (m *merger) turn() {
	stay := m.leave()
	m.face(!m.backward)
	for i, s := range m.sources {
		switch {
		case slices.Contains(stay, i):
		case m.backward:
			m.place(i, s.seekLT(m.keyBuf))
		default:
			m.place(i, s.seekGE(m.keyBuf))
		}
	}
	m.on, m.here = slices.Insert(m.on, 0, stay...), len(stay)
}

// place sorts a source in by the key that it stands on, if its move succeeded and did
// not lead beyond the bound.
func (m *merger) place(i int, moved bool) {
	s := m.sources[i]
	if !moved {
		if err := s.err(); err != nil {
			m.failure = err
		}
		return
	}
	key := s.key()
	if m.beyond(key) {
		return
	}
	lo, hi := 0, len(m.on)
	for probe := 0; lo < hi; probe = int(uint(lo+hi) / 2) { // the nearest one first: sources that do not overlap take turns
		if m.before(m.on[probe], i, key) {
			lo = probe + 1
		} else {
			hi = probe
		}
	}
	m.on = slices.Insert(m.on, lo, i)
}

// beyond says whether no key that the merger comes to from here on is asked for.
func (m *merger) beyond(key []byte) bool {
	if m.backward {
		return bytes.Compare(key, m.lower) < 0
	}
	return m.upper != nil && bytes.Compare(key, m.upper) >= 0
}

// before says whether source j comes before source i, which stands on key.
func (m *merger) before(j, i int, key []byte) bool {
	order := bytes.Compare(m.sources[j].key(), key)
	if m.backward {
		order = -order
	}
	return order < 0 || order == 0 && j < i
}

// settle stands on the nearest key of all sources and folds what they hold.
func (m *merger) settle() bool {
	m.here = 0
	m.fold.reset()
	if m.failure != nil || len(m.on) == 0 {
		return false
	}
	m.keyBuf = append(m.keyBuf[:0], m.sources[m.on[0]].key()...)
	for m.here++; m.here < len(m.on) && bytes.Equal(m.sources[m.on[m.here]].key(), m.keyBuf); m.here++ {
	}
	return m.gather()
}

func (m *merger) gather() bool {
	for _, i := range m.on[:m.here] {
		if err := m.sources[i].gather(&m.fold); err != nil {
			m.failure = err
			return false
		}
		if m.fold.based {
			break
		}
	}
	return true
}
