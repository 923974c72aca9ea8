package btree

import "github.com/statelab/statelab"

// old takes over a record of the tree of which the source has nothing, and
// whose cell is given.
func (m *merge) old(r record, cell []byte) error {
	switch {
	case statelab.Expired(r.dieAt(), m.watermark):
		return m.freeRecord(r)
	case !r.dead(m.watermark):
		return m.push(0, r.lead, cell)
	}
	m.body, _ = appendLive(m.body[:0], r.body, m.watermark)
	r.body = m.body
	return m.record(r)
}

// add takes over the source's record, and goes to the next one. old is what the
// tree has of the key, nil if nothing.
func (m *merge) add(old *record) error {
	m.added++
	m.lost += countDead(m.in.record, m.watermark)
	r := record{}
	if old != nil {
		r.keyField = old.keyField
		if m.in.record.covers {
			if err := m.freeBody(*old); err != nil {
				return err
			}
			old = nil
		}
	}
	size := min(len(m.in.key), keyLimit(m.pageSize))
	some, err := m.join(&r, old, size)
	if err != nil {
		return err
	}
	switch {
	case some && r.key == nil:
		if r.keyField, err = m.newKeyField(m.field[:0], m.in.key); err != nil {
			return err
		}
		m.field = r.key
	case !some:
		if err := m.freeKeyField(r.keyField); err != nil {
			return err
		}
	}
	if some {
		if err := m.record(r); err != nil {
			return err
		}
	}
	return m.in.next()
}

// record takes over a record that stands apart from pages.
func (m *merge) record(r record) error {
	m.cells = r.appendCell(m.cells[:0])
	return m.push(0, nil, m.cells)
}

// join makes the body of r of what is alive of old, which may be nil, and of
// the source's record behind it, and says whether there is any.
func (m *merge) join(r *record, old *record, keySize int) (some bool, err error) {
	body := m.body[:0]
	var s spill
	if old != nil {
		if body, s, err = m.unpack(body, *old, keySize); err != nil {
			return false, err
		}
	}
	if in := m.in.record; !in.spilled {
		body, _ = appendLive(body, in.body, m.watermark)
	}
	m.body = body
	if s.stream.length == 0 && !m.in.record.spilled && leafCellHeader+keySize+len(body) <= maxLeafCell(m.pageSize) {
		r.body = body
		return len(body) > 0, nil
	}
	w := streamWriter{tree: m.tree, stream: s.stream}
	err = w.write(body)
	payload, dieAt := bodySize(body)
	if err == nil && m.in.record.spilled {
		var more, later int64
		more, later, err = m.copySpilled(&w)
		payload, dieAt = payload+more, max(dieAt, later)
	}
	to := spill{w.close(), s.payload + payload, dieAt, s.sweepAt}
	if s.stream.length > 0 {
		to.dieAt = max(s.dieAt, dieAt)
	} else {
		to.sweepAt = 2 * to.stream.length
	}
	if err != nil || to.stream.length == 0 {
		return false, err
	}
	m.body = appendSpill(m.body[:0], to)
	r.body, r.spilled = m.body, true
	return true, nil
}

// unpack appends what is alive of a record of the tree to body, or returns the
// spill that it is in. What is not returned is freed.
func (m *merge) unpack(body []byte, old record, keySize int) ([]byte, spill, error) {
	if !old.spilled {
		body, _ = appendLive(body, old.body, m.watermark)
		return body, spill{}, nil
	}
	s := getSpill(old.body)
	if statelab.Expired(s.dieAt, m.watermark) {
		return body, spill{}, m.freeStream(s.stream)
	}
	if s.stream.length >= s.sweepAt {
		elements, _, whole, err := m.sweep(&s, keySize)
		if err != nil || whole {
			return append(body, elements...), spill{}, err
		}
	}
	return body, s, nil
}

// copySpilled writes what is alive of the source's spilled record, and returns
// its bytes and last expiry.
func (m *merge) copySpilled(w *streamWriter) (payload, dieAt int64, err error) {
	from, s := m.in.cursor.pager, getSpill(m.in.record.body)
	_, payload, dieAt, err = from.measure(s.stream, m.watermark)
	if err == nil {
		err = from.eachLive(s.stream, m.watermark, w.write)
	}
	return payload, dieAt, err
}
