package memstore

import (
	"slices"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/hashdir"
)

// rows are copies of records that follow each other in a range, as a view sees
// them. An iterator stands on one of them, so what it hands out lives on
// whatever becomes of the records.
type rows struct {
	data    []byte
	at      []row
	isFirst bool // the view sees nothing of the range before them
	isLast  bool // nor after them

	from start                  // of the copying
	refs [refsAtATime]arena.Ref // of records that are being copied
}

// A row says where in data a record's key and value are.
type row struct{ key, value, end int }

func (rs *rows) reset() { rs.data, rs.at, rs.isFirst, rs.isLast = rs.data[:0], rs.at[:0], false, false }

func (rs *rows) key(i int) []byte {
	r := rs.at[i]
	return rs.data[r.key:r.value:r.value]
}

func (rs *rows) value(i int) []byte {
	r := rs.at[i]
	return rs.data[r.value:r.end:r.end]
}

// search returns the first row with a key >= key.
func (rs *rows) search(key []byte) int {
	low, high := 0, len(rs.at)
	for low < high {
		if mid := int(uint(low+high) / 2); string(rs.key(mid)) < string(key) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// covers says whether the first record of the range with a key >= key, if
// there is one, is among the rows or known not to be there, and likewise the
// last one with a key < key.
func (rs *rows) covers(key []byte) bool {
	n := len(rs.at)
	if n == 0 {
		return rs.isFirst && rs.isLast
	}
	return (rs.isFirst || string(key) > string(rs.key(0))) && (rs.isLast || string(key) <= string(rs.key(n-1)))
}

// A span is what a copying may take: the records of a range, at most so many of
// them and, after the first, about so many bytes.
type span struct {
	lower, upper []byte // nil is open
	records      int
	bytes        int
}

// A start says where a copying begins and where it goes.
type start struct {
	key  []byte
	down bool
	// edge: upwards, with the first key > key instead of >= key; downwards,
	// with the last record, whatever key is, instead of the last one < key.
	edge bool
}

const (
	// readAtATime is how many records are looked at in one epoch, so that what
	// is dead need not wait for long readers.
	readAtATime = 1000
	refsAtATime = 16
)

// copyRows copies, within an epoch, the records of a span that the view sees,
// beginning at rs.from. It says whether it came to the end of what it may take;
// if not, it has moved rs.from so that it can be called again in another epoch.
// Downwards the rows are in descending order.
func (r *records) copyRows(rs *rows, sp *span, v view) (done bool) {
	keys, at := r.keys(), rs.from
	want := min(sp.records-len(rs.at)+1, len(rs.refs))
	for looked := 0; looked < readAtATime; want = len(rs.refs) {
		// If the view did not see enough of what seemed to do, there may be many
		// more that it does not see.
		refs := rs.refs[:0:want]
		if at.down {
			refs = r.index.Descend(refs, at.key, at.edge)
		} else {
			refs = r.index.Ascend(refs, at.key, at.edge)
		}
		rs.data = slices.Grow(rs.data, r.keyBytes(refs))
		for _, ref := range refs {
			at.key = keys.Of(ref)
			if !sp.contains(at.key, at.down) {
				rs.end(at.down)
				return true
			}
			if len(rs.at) > 0 && (len(rs.at) >= sp.records || len(rs.data) >= sp.bytes) {
				return true
			}
			r.copyRow(rs, ref, at.key, v)
		}
		if len(refs) < cap(refs) {
			rs.end(at.down)
			return true
		}
		looked += len(refs)
		at.edge = !at.down
	}
	rs.from.key, rs.from.edge = append(rs.from.key[:0], at.key...), at.edge
	return false
}

// keyBytes sums up the lengths of records' keys. It looks at all their heads
// before any is copied, each of which is a miss: so these do not wait for each
// other.
func (r *records) keyBytes(refs []arena.Ref) (n int) {
	for _, ref := range refs {
		n += int(r.rec(ref).keyLen)
	}
	return n
}

// copyGroup is copyRows, upwards, for a range within a group that is short, and
// says whether it is.
func (r *records) copyGroup(rs *rows, sp *span, group []byte, v view) (short bool) {
	g := &r.groups
	e := g.entry(hashdir.Hash(group), group, true)
	if e.Mark == longMark {
		return false
	}
	for ref := e.Ref; ref != 0; ref = g.next(ref) {
		key := r.keys().Of(ref)
		if !sp.contains(key, false) {
			break
		}
		if len(rs.data) >= sp.bytes {
			return true
		}
		if string(key) >= string(sp.lower) {
			r.copyRow(rs, ref, key, v)
		}
	}
	rs.end(false)
	return true
}

// contains says whether a copying that comes to key is still in the range.
func (sp *span) contains(key []byte, down bool) bool {
	if down {
		return sp.lower == nil || string(key) >= string(sp.lower)
	}
	return sp.upper == nil || string(key) < string(sp.upper)
}

// end notes that there is nothing of the range beyond the rows.
func (rs *rows) end(down bool) {
	if down {
		rs.isFirst = true
	} else {
		rs.isLast = true
	}
}

// copyRow adds a record, if the view sees anything of it.
func (r *records) copyRow(rs *rows, ref arena.Ref, key []byte, v view) {
	start := len(rs.data)
	data, ok := r.appendValue(append(rs.data, key...), ref, v)
	if !ok {
		rs.data = data[:start]
		return
	}
	rs.data = data
	rs.at = append(rs.at, row{start, start + len(key), len(data)})
}
