package lsm

import "bytes"

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
// of each. It visits every key that a layer holds, live or not. Sources are in
// the order of recency, newest first; there are few of them, so the least key
// is found by comparing them all.
type merger struct {
	sources  []source
	on       []bool // whether the source stands on a key
	here     []int  // the sources that stand on the merger's key
	keyBuf   []byte
	backward bool // the sources stand on keys before the merger's, not after
	fold     fold
	failure  error
}

// reset takes the sources, which stand nowhere.
func (m *merger) reset() {
	m.on = append(m.on[:0], make([]bool, len(m.sources))...)
	m.here = m.here[:0]
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
	m.reset()
}

// key returns the key that the merger stands on, valid until the next move.
// What the layers hold of it is in fold, valid as long.
func (m *merger) key() []byte { return m.keyBuf }

func (m *merger) first() bool {
	m.backward = false
	for i, s := range m.sources {
		m.on[i] = s.first()
	}
	return m.settle()
}

func (m *merger) last() bool {
	m.backward = true
	for i, s := range m.sources {
		m.on[i] = s.last()
	}
	return m.settle()
}

func (m *merger) seekGE(key []byte) bool {
	m.backward = false
	for i, s := range m.sources {
		m.on[i] = s.seekGE(key)
	}
	return m.settle()
}

func (m *merger) seekLT(key []byte) bool {
	m.backward = true
	for i, s := range m.sources {
		m.on[i] = s.seekLT(key)
	}
	return m.settle()
}

// next moves to the next key; the merger must stand on one.
func (m *merger) next() bool {
	if m.backward {
		m.turn()
	}
	for _, i := range m.here {
		m.on[i] = m.sources[i].next()
	}
	return m.settle()
}

func (m *merger) prev() bool {
	if !m.backward {
		m.turn()
	}
	for _, i := range m.here {
		m.on[i] = m.sources[i].prev()
	}
	return m.settle()
}

// turn changes the direction: the sources that do not stand on the merger's
// key go to the nearest key on its other side.
func (m *merger) turn() {
	m.backward = !m.backward
	for i, s := range m.sources {
		if len(m.here) > 0 && m.standsHere(i) {
			continue
		}
		if m.backward {
			m.on[i] = s.seekLT(m.keyBuf)
		} else {
			m.on[i] = s.seekGE(m.keyBuf)
		}
	}
}

func (m *merger) standsHere(i int) bool {
	for _, j := range m.here {
		if i == j {
			return true
		}
	}
	return false
}

// settle stands on the nearest key of all sources and folds what they hold.
func (m *merger) settle() bool {
	m.here = m.here[:0]
	m.fold.reset()
	for i, s := range m.sources {
		if !m.on[i] {
			if err := s.err(); err != nil {
				m.failure = err
			}
			continue
		}
		order := -1
		if len(m.here) > 0 {
			order = bytes.Compare(s.key(), m.sources[m.here[0]].key())
			if m.backward {
				order = -order
			}
		}
		if order < 0 {
			m.here = m.here[:0]
		}
		if order <= 0 {
			m.here = append(m.here, i)
		}
	}
	if m.failure != nil || len(m.here) == 0 {
		return false
	}
	m.keyBuf = append(m.keyBuf[:0], m.sources[m.here[0]].key()...)
	return m.gather()
}

func (m *merger) gather() bool {
	for _, i := range m.here {
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
