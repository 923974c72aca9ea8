package memstore

import (
	"slices"
	"sync"

	"github.com/statelab/statelab"
)

// An iterator stands on rows, which are copies. If the range is that of a probe,
// with two bounds and few records in between, all of it was copied when the
// iterator was opened, within one epoch, and nothing is held for it. Otherwise
// it has a view open, and copies rows as it comes to them, in an epoch at a time.
type iterator struct {
	s      *Store
	rows   *rows
	ranged *ranged // nil if the rows are all there is
	place  place
	pos    int // the row that it stands on
	err    error
	closed bool
}

// ranged is what an iterator needs whose range is not copied whole.
type ranged struct {
	view openView
	span span
}

// A place is where an iterator stands.
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

// How many rows an iterator with a view copies at a time: few after a seek, and
// more as it moves on.
const (
	fewRows  = 4
	manyRows = 64
	rowBytes = 32 << 10
)

// rowsPool keeps rows of closed iterators, if they have not grown large.
var rowsPool = sync.Pool{New: func() any {
	return &rows{data: make([]byte, 0, 1<<10), at: make([]row, 0, 8)} // data is not nil: nor is an empty key (I6)
}}

const maxPooledRows = 64 << 10 // bytes

// Iter implements statelab.Store.
func (s *Store) Iter(r statelab.Range) (statelab.Iterator, error) {
	it := &iterator{s: s, rows: rowsPool.Get().(*rows)}
	it.rows.reset()
	whole, err := it.probe(r)
	if err != nil {
		rowsPool.Put(it.rows)
		return nil, err
	}
	if !whole {
		it.rows.reset()
		it.ranged = &ranged{span: span{lower: slices.Clone(r.Lower), upper: slices.Clone(r.Upper), bytes: rowBytes}}
		s.records.open(&it.ranged.view, false)
	}
	return it, nil
}

// probe copies the whole range, if it is small, and says whether it is.
func (it *iterator) probe(r statelab.Range) (whole bool, err error) {
	g, err := it.s.enter()
	if err != nil {
		return false, err
	}
	defer it.s.leave(g)
	rs := it.rows
	rs.isFirst = true
	if r.Empty() {
		rs.isLast = true
	} else if r.Lower != nil && r.Upper != nil {
		records := &it.s.records
		sp := span{lower: r.Lower, upper: r.Upper, records: probeRecords, bytes: probeBytes}
		v := records.present()
		var group []byte
		var ok bool
		if group, rs.from.key, ok = records.groups.resolves(rs.from.key, r.Lower, r.Upper); ok && records.copyGroup(rs, &sp, group, v) {
			return rs.isLast, nil
		}
		rs.from = start{key: append(rs.from.key[:0], r.Lower...)}
		records.copyRows(rs, &sp, v)
	}
	return rs.isLast, nil
}

// Close implements statelab.Iterator.
func (it *iterator) Close() error {
	if it.closed {
		return it.err
	}
	it.closed = true
	it.place = afterLast
	if it.ranged != nil {
		it.s.closeView(&it.ranged.view)
	}
	if cap(it.rows.data) <= maxPooledRows {
		rowsPool.Put(it.rows)
	}
	it.rows, it.ranged = nil, nil
	return it.err
}

// Key implements statelab.Iterator.
func (it *iterator) Key() []byte {
	if it.place != onRecord {
		return nil
	}
	return it.rows.key(it.pos)
}

// Value implements statelab.Iterator.
func (it *iterator) Value() []byte {
	if it.place != onRecord {
		return nil
	}
	return it.rows.value(it.pos)
}

// Err implements statelab.Iterator.
func (it *iterator) Err() error { return it.err }

// First implements statelab.Iterator.
func (it *iterator) First() bool { return it.ready() && it.first() }

// Last implements statelab.Iterator.
func (it *iterator) Last() bool { return it.ready() && it.last() }

// SeekGE implements statelab.Iterator.
func (it *iterator) SeekGE(key []byte) bool {
	switch {
	case !it.ready():
		return false
	case it.rows.covers(key):
		return it.stand(it.rows.search(key))
	case it.ranged.span.lower != nil && string(key) <= string(it.ranged.span.lower):
		return it.first()
	}
	it.ranged.span.records = fewRows
	return it.load(key, false, false) && it.stand(0)
}

// SeekLT implements statelab.Iterator.
func (it *iterator) SeekLT(key []byte) bool {
	switch {
	case !it.ready():
		return false
	case it.rows.covers(key):
		return it.stand(it.rows.search(key) - 1)
	case it.ranged.span.upper != nil && string(key) >= string(it.ranged.span.upper):
		return it.last()
	}
	it.ranged.span.records = fewRows
	return it.load(key, true, false) && it.stand(len(it.rows.at)-1)
}

// Next implements statelab.Iterator.
func (it *iterator) Next() bool {
	switch {
	case !it.ready() || it.place == afterLast:
		return false
	case it.place != onRecord:
		return it.first()
	case it.pos+1 < len(it.rows.at) || it.rows.isLast:
		return it.stand(it.pos + 1)
	}
	return it.load(it.Key(), false, true) && it.stand(0)
}

// Prev implements statelab.Iterator.
func (it *iterator) Prev() bool {
	switch {
	case !it.ready() || it.place == beforeFirst:
		return false
	case it.place != onRecord:
		return it.last()
	case it.pos > 0 || it.rows.isFirst:
		return it.stand(it.pos - 1)
	}
	return it.load(it.Key(), true, false) && it.stand(len(it.rows.at)-1)
}

func (it *iterator) first() bool {
	rs := it.rows
	if rs.isFirst && (rs.isLast || len(rs.at) > 0) {
		return it.stand(0)
	}
	it.ranged.span.records = fewRows
	if !it.load(it.ranged.span.lower, false, false) {
		return false
	}
	rs.isFirst = true
	return it.stand(0)
}

func (it *iterator) last() bool {
	rs := it.rows
	if rs.isLast && (rs.isFirst || len(rs.at) > 0) {
		return it.stand(len(rs.at) - 1)
	}
	upper := it.ranged.span.upper
	it.ranged.span.records = fewRows
	if !it.load(upper, true, upper == nil) {
		return false
	}
	rs.isLast = true
	return it.stand(len(rs.at) - 1)
}

// stand takes the iterator to a row, or to one of the ends of the range.
func (it *iterator) stand(i int) bool {
	switch {
	case i < 0:
		it.place = beforeFirst
	case i >= len(it.rows.at):
		it.place = afterLast
	default:
		it.place, it.pos = onRecord, i
	}
	return it.place == onRecord
}

// ready says whether the iterator can still move.
func (it *iterator) ready() bool {
	if it.closed || it.err != nil {
		return false
	}
	if it.s.closed.Load() {
		it.fail(statelab.ErrClosed)
	} else if it.ranged != nil && it.ranged.view.gone.Load() {
		it.fail(statelab.ErrSnapshotTooOld)
	}
	return it.err == nil
}

func (it *iterator) fail(err error) { it.err, it.place = err, afterLast }

// load copies other rows: those from key on, or after it, or before it.
func (it *iterator) load(key []byte, down, edge bool) bool {
	rg, rs := it.ranged, it.rows
	rs.from = start{append(rs.from.key[:0], key...), down, edge}
	rs.reset()
	for done := false; !done; {
		g, err := it.s.enter()
		if err != nil {
			it.fail(err)
			return false
		}
		// What the view sees stays until the epoch ends, even if it is given up now.
		if rg.view.gone.Load() {
			err = statelab.ErrSnapshotTooOld
		} else {
			done = it.s.records.copyRows(rs, &rg.span, rg.view.view)
		}
		it.s.leave(g)
		if err != nil {
			it.fail(err)
			return false
		}
	}
	if down {
		slices.Reverse(rs.at)
	}
	rg.span.records = min(2*rg.span.records, manyRows)
	return true
}

// openView opens a view of the present for the store itself, holding write.
func (s *Store) openView() *openView {
	v := new(openView)
	s.records.open(v, true)
	return v
}

// closeView closes a view, and reclaims some of what it held if nobody else is
// busy writing.
func (s *Store) closeView(v *openView) {
	if !s.records.close(v) || !s.write.TryLock() {
		return
	}
	if !s.closed.Load() {
		s.records.reap(reapPerAdvance)
	}
	s.write.Unlock()
}
