package kv

import (
	"bytes"

	"github.com/tidwall/btree"
)

// A tableCursor walks a snapshot of a table of changes within bounds.
type tableCursor struct {
	btree.IterG[change]
	lower, upper []byte
	on           bool
}

func (c *tableCursor) key() []byte { return c.Item().key }

// stand takes note of whether a move has led to a change within the bounds.
func (c *tableCursor) stand(moved bool) {
	c.on = moved && bytes.Compare(c.key(), c.lower) >= 0 && bytes.Compare(c.key(), c.upper) < 0
}

func (c *tableCursor) seekGE(key []byte) { c.stand(c.Seek(change{key: key})) }

func (c *tableCursor) seekLT(key []byte) {
	if c.Seek(change{key: key}) {
		c.stand(c.Prev())
	} else {
		c.stand(c.Last())
	}
}

// A mergedCursor shows what a table of changes makes of the store below it.
type mergedCursor struct {
	above     *tableCursor
	below     Cursor
	belowOn   bool
	backwards bool
	fromAbove bool // where the record is
	fromBelow bool // both, if a change hides a key below
	at        []byte
}

func (m *mergedCursor) First() bool { return m.SeekGE(m.above.lower) }
func (m *mergedCursor) Last() bool  { return m.SeekLT(m.above.upper) }

func (m *mergedCursor) SeekGE(key []byte) bool {
	m.backwards = false
	m.above.seekGE(key)
	if bytes.Equal(key, m.above.lower) {
		m.belowOn = m.below.First()
	} else {
		m.belowOn = m.below.SeekGE(key)
	}
	return m.choose()
}

func (m *mergedCursor) SeekLT(key []byte) bool {
	m.backwards = true
	m.above.seekLT(key)
	if bytes.Equal(key, m.above.upper) {
		m.belowOn = m.below.Last()
	} else {
		m.belowOn = m.below.SeekLT(key)
	}
	return m.choose()
}

func (m *mergedCursor) Next() bool {
	if m.backwards { // both stand before the record
		m.at = append(append(m.at[:0], m.Key()...), 0)
		if bytes.Compare(m.at, m.above.upper) >= 0 {
			m.above.on, m.belowOn = false, false
			return m.choose()
		}
		return m.SeekGE(m.at)
	}
	m.step()
	return m.choose()
}

func (m *mergedCursor) Prev() bool {
	if !m.backwards {
		m.at = append(m.at[:0], m.Key()...)
		return m.SeekLT(m.at)
	}
	m.step()
	return m.choose()
}

// step moves past the record, in the direction of the cursor.
func (m *mergedCursor) step() {
	switch {
	case m.fromAbove && m.backwards:
		m.above.stand(m.above.Prev())
	case m.fromAbove:
		m.above.stand(m.above.Next())
	}
	switch {
	case m.fromBelow && m.backwards:
		m.belowOn = m.below.Prev()
	case m.fromBelow:
		m.belowOn = m.below.Next()
	}
}

// choose finds the next record among the two, and passes over deleted ones.
func (m *mergedCursor) choose() bool {
	for {
		m.fromAbove, m.fromBelow = m.above.on, m.belowOn
		if m.above.on && m.belowOn {
			order := bytes.Compare(m.above.key(), m.below.Key())
			if m.backwards {
				order = -order
			}
			m.fromAbove, m.fromBelow = order <= 0, order >= 0
		}
		if !m.fromAbove {
			return m.fromBelow && m.below.Err() == nil
		}
		if !m.above.Item().deleted {
			return m.below.Err() == nil
		}
		m.step()
	}
}

func (m *mergedCursor) Key() []byte {
	if m.fromAbove {
		return m.above.key()
	}
	return m.below.Key()
}

func (m *mergedCursor) Value() ([]byte, error) {
	if m.fromAbove {
		return m.above.Item().value, nil
	}
	return m.below.Value()
}

func (m *mergedCursor) Err() error { return m.below.Err() }

func (m *mergedCursor) Close() error {
	m.above.Release()
	return m.below.Close()
}
