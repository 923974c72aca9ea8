package memstore

import (
	"slices"

	"github.com/statelab/statelab"
)

// A cursor stands on rows, which are copies. If the range is that of a probe,
// with two bounds and few records in between, all of it was copied when the
// cursor was opened, within one epoch, and nothing is held for it. Otherwise it
// has a view open, and copies rows as it comes to them, in an epoch at a time.
type cursor struct {
	s      *Store
	rows   rows
	ranged bool     // whether it has a view; if not, the rows are all there is
	view   openView // if it is ranged, as is span
	span   span
	bounds []byte // that span has
	place  place
	pos    int // the row that it stands on
	err    error

	unused []iterator // that nobody has had
}

// A place is where a cursor stands.
type place uint8

const (
	fresh place = iota
	onRecord
	beforeFirst
	afterLast
)

// What a probe reads at most. More than that is read by a view.
const (
	probeRecords = 32
	probeBytes   = 32 << 10
)

// How many rows an iterator with a view copies at a time: few after a seek, some
// where a probe has found more than it reads, and more as it moves on.
const (
	fewRows  = 4
	someRows = 64
	manyRows = refsAtATime
	rowBytes = 48 << 10 // with keys, and after the first
)

// open opens a cursor that is closed or new.
func (c *cursor) open(s *Store, r statelab.Range) error {
	c.s, c.ranged, c.place, c.pos, c.err = s, false, fresh, 0, nil
	c.rows.reset()
	v, whole, err := c.probe(r)
	if err != nil || whole {
		return err
	}
	c.bounds = append(append(c.bounds[:0], r.Lower...), r.Upper...)
	c.span = span{records: someRows, bytes: rowBytes}
	if r.Lower != nil {
		c.span.lower = c.bounds[:len(r.Lower)]
	}
	if r.Upper != nil {
		c.span.upper = c.bounds[len(r.Lower):]
	}
	c.ranged = true
	c.view.gone.Store(false)
	s.records.open(&c.view, false)
	if c.view.view != v { // else what was copied is the beginning of what it sees
		c.rows.reset()
	}
	return nil
}

func (c *cursor) close() {
	if c.ranged {
		c.s.closeView(&c.view)
	}
	c.s, c.ranged = nil, false
}

// probe copies the whole range, if it is small, and says whether it is, and as of
// which view. Else it may have copied the beginning of it.
func (c *cursor) probe(r statelab.Range) (v view, whole bool, err error) {
	g, err := c.s.enter()
	if err != nil {
		return v, false, err
	}
	defer c.s.leave(g)
	rs := &c.rows
	rs.isFirst = true
	if r.Empty() {
		rs.isLast = true
	} else if r.Lower != nil && r.Upper != nil {
		records := &c.s.records
		sp := span{lower: r.Lower, upper: r.Upper, records: probeRecords, bytes: probeBytes}
		v = records.present()
		var group []byte
		var ok bool
		if group, rs.from.key, ok = records.groups.resolves(rs.from.key, r.Lower, r.Upper); ok && records.copyGroup(rs, &sp, group, v) {
			return v, rs.isLast, nil
		}
		rs.from = start{key: append(rs.from.key[:0], r.Lower...)}
		records.copyRows(rs, &sp, v)
	}
	return v, rs.isLast, nil
}

// key returns the key of the row that the cursor stands on, or nil.
func (c *cursor) key() []byte {
	if c.place != onRecord {
		return nil
	}
	return c.rows.key(c.pos)
}

// value returns the value of the row that the cursor stands on, or nil.
func (c *cursor) value() []byte {
	if c.place != onRecord {
		return nil
	}
	return c.rows.value(c.pos)
}

func (c *cursor) seekGE(key []byte) bool {
	switch {
	case !c.ready():
		return false
	case c.rows.covers(key):
		return c.stand(c.rows.search(key))
	case c.span.lower != nil && string(key) <= string(c.span.lower):
		return c.first()
	}
	c.span.records = fewRows
	return c.load(key, false, false) && c.stand(0)
}

func (c *cursor) seekLT(key []byte) bool {
	switch {
	case !c.ready():
		return false
	case c.rows.covers(key):
		return c.stand(c.rows.search(key) - 1)
	case c.span.upper != nil && string(key) >= string(c.span.upper):
		return c.last()
	}
	c.span.records = fewRows
	return c.load(key, true, false) && c.stand(len(c.rows.at)-1)
}

func (c *cursor) next() bool {
	if c.place == onRecord && c.pos+1 < len(c.rows.at) && c.isFit() {
		c.pos++
		return true
	}
	switch {
	case !c.ready() || c.place == afterLast:
		return false
	case c.place != onRecord:
		return c.first()
	case c.pos+1 < len(c.rows.at) || c.rows.isLast:
		return c.stand(c.pos + 1)
	}
	return c.load(c.key(), false, true) && c.stand(0)
}

func (c *cursor) prev() bool {
	switch {
	case !c.ready() || c.place == beforeFirst:
		return false
	case c.place != onRecord:
		return c.last()
	case c.pos > 0 || c.rows.isFirst:
		return c.stand(c.pos - 1)
	}
	return c.load(c.key(), true, false) && c.stand(len(c.rows.at)-1)
}

func (c *cursor) first() bool {
	rs := &c.rows
	if rs.isFirst && (rs.isLast || len(rs.at) > 0) {
		return c.stand(0)
	}
	c.span.records = fewRows
	if !c.load(c.span.lower, false, false) {
		return false
	}
	rs.isFirst = true
	return c.stand(0)
}

func (c *cursor) last() bool {
	rs := &c.rows
	if rs.isLast && (rs.isFirst || len(rs.at) > 0) {
		return c.stand(len(rs.at) - 1)
	}
	upper := c.span.upper
	c.span.records = fewRows
	if !c.load(upper, true, upper == nil) {
		return false
	}
	rs.isLast = true
	return c.stand(len(rs.at) - 1)
}

// stand takes the cursor to a row, or to one of the ends of the range.
func (c *cursor) stand(i int) bool {
	switch {
	case i < 0:
		c.place = beforeFirst
	case i >= len(c.rows.at):
		c.place = afterLast
	default:
		c.place, c.pos = onRecord, i
	}
	return c.place == onRecord
}

// isFit says whether a cursor that stands on a record can still move.
func (c *cursor) isFit() bool {
	return !c.s.closed.Load() && (!c.ranged || !c.view.gone.Load())
}

// ready says whether the cursor can still move.
func (c *cursor) ready() bool {
	if c.err != nil {
		return false
	}
	if c.s.closed.Load() {
		c.fail(statelab.ErrClosed)
	} else if c.ranged && c.view.gone.Load() {
		c.fail(statelab.ErrSnapshotTooOld)
	}
	return c.err == nil
}

func (c *cursor) fail(err error) { c.err, c.place = err, afterLast }

// load copies other rows: those from key on, or after it, or before it.
func (c *cursor) load(key []byte, down, edge bool) bool {
	rs := &c.rows
	rs.from = start{append(rs.from.key[:0], key...), down, edge}
	rs.reset()
	for done := false; !done; {
		g, err := c.s.enter()
		if err != nil {
			c.fail(err)
			return false
		}
		// What the view sees stays until the epoch ends, even if it is given up now.
		if c.view.gone.Load() {
			err = statelab.ErrSnapshotTooOld
		} else {
			done = c.s.records.copyRows(rs, &c.span, c.view.view)
		}
		c.s.leave(g)
		if err != nil {
			c.fail(err)
			return false
		}
	}
	if down {
		slices.Reverse(rs.at)
	}
	c.span.records = min(4*c.span.records, manyRows)
	if n := len(rs.at); n > 0 { // no more than there is likely to be room for
		c.span.records = min(c.span.records, 1+rowBytes*n/max(1, len(rs.data)))
	}
	return true
}
