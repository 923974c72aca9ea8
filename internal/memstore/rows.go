package memstore

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab"
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
	// refsAtATime is how many the index is asked for at once.
	refsAtATime = 256
	// copiedTogether is how many are fetched into the processor's caches before the
	// first of them is copied: more than it waits for at a time, and few enough that
	// their lines stay in its first cache.
	copiedTogether = 32
	// fetchBytes is how much of one is: in longer ones the processor sees by itself
	// what comes next.
	fetchBytes = 640
	lineSize   = 64
)

// copyRows copies, within an epoch, the records of a span that the view sees,
// beginning at rs.from. It says whether it came to the end of what it may take;
// if not, it has moved rs.from so that it can be called again in another epoch.
// Downwards the rows are in descending order.
func (r *records) copyRows(rs *rows, sp *span, v view) (done bool) {
	at := rs.from
	want := min(sp.records-len(rs.at)+1, len(rs.refs))
	for looked := 0; looked < readAtATime; want = len(rs.refs) {
		// If the view did not see enough of what seemed to do, there may be many
		// more that it does not see.
		found := rs.refs[:0:want]
		if at.down {
			found = r.index.Descend(found, at.key, at.edge)
		} else {
			found = r.index.Ascend(found, at.key, at.edge)
		}
		refs := found[:r.countIn(sp, found, at.down)]
		if r.copyAll(rs, sp, refs, v) < len(refs) {
			return true
		}
		if len(refs) < want {
			rs.end(at.down)
			return true
		}
		looked += len(refs)
		at.key, at.edge = r.keys().Of(refs[want-1]), !at.down
	}
	rs.from.key, rs.from.edge = append(rs.from.key[:0], at.key...), at.edge
	return false
}

// countIn returns how many of the records that a look-up has found, from the
// first on, are in the range. Mostly all are, and that is known from the last.
func (r *records) countIn(sp *span, refs []arena.Ref, down bool) int {
	n := len(refs)
	if n == 0 || sp.contains(r.keys().Of(refs[n-1]), down) {
		return n
	}
	low, step := 0, 1 // those before low are in the range, refs[n-1] is not
	for low+step < n && sp.contains(r.keys().Of(refs[low+step-1]), down) {
		low += step
		step *= 2
	}
	high := min(low+step, n) - 1
	for low < high {
		if mid := (low + high) / 2; sp.contains(r.keys().Of(refs[mid]), down) {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low
}

// copyAll copies records of the range until the span is full, and returns how many it
// has looked at.
func (r *records) copyAll(rs *rows, sp *span, refs []arena.Ref, v view) (n int) {
	for n < len(refs) {
		some := refs[n:min(n+copiedTogether, len(refs))]
		copied := r.copySome(rs, sp, some, v)
		n += copied
		if copied < len(some) {
			break
		}
	}
	return n
}

func (r *records) copySome(rs *rows, sp *span, refs []arena.Ref, v view) int {
	data := slices.Grow(rs.data, min(r.fetch(refs), sp.bytes))
	at := slices.Grow(rs.at, min(len(refs), sp.records))
	n := 0
	for ; n < len(refs) && (len(at) == 0 || len(at) < sp.records && len(data) < sp.bytes); n++ {
		rec := r.rec(refs[n])
		keyAt := headSize + rec.links.size()
		if !rec.isSimple(v, keyAt) {
			rs.data, rs.at = data, at
			r.copyRow(rs, refs[n], v)
			data, at = rs.data, rs.at
			continue
		}
		key, keyLen := len(data), int(rec.keyLen)
		data = append(data, arena.Slice(unsafe.Pointer(rec), keyAt, keyLen+int(rec.size))...)
		at = append(at, row{key, key + keyLen, len(data)})
	}
	rs.data, rs.at = data, at
	return n
}

// isSimple says whether a record, whose key lies at keyAt, is one that the view sees,
// and is of one element, as most are: then key and value lie one after the other in one
// piece, and the expiry before them.
func (rec *record) isSimple(v view, keyAt int) bool {
	if rec.older.Load() != 0 || rec.ended() || rec.born() > v.seq {
		return false
	}
	switch rec.form {
	case withFirst:
		return true
	case withFirst | formExpires:
		return !statelab.Expired(*(*int64)(unsafe.Add(unsafe.Pointer(rec), keyAt-expirySize)), v.watermark)
	}
	return false
}

// fetch sums up the lengths of records' keys and first elements, and reads from all
// the cache lines that these lie in. Each is a miss, as a rule, and these do not wait
// for each other, as they would if the records were copied one by one.
func (r *records) fetch(refs []arena.Ref) (n int) {
	for _, ref := range refs {
		rec := r.rec(ref)
		size := int(rec.keyLen) + int(rec.size)
		n += size
		end := min(headSize+rec.links.size()+size, fetchBytes)
		for at := lineSize; at < end; at += lineSize {
			(*atomic.Uint32)(unsafe.Add(unsafe.Pointer(rec), at)).Load()
		}
		if size > 0 {
			(*atomic.Uint32)(unsafe.Add(unsafe.Pointer(rec), (end-1)&^3)).Load()
		}
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
	refs := rs.refs[:0]
	for ref := e.Ref; ref != 0; ref = g.next(ref) {
		key := r.keys().Of(ref)
		if !sp.contains(key, false) {
			break
		}
		if string(key) >= string(sp.lower) {
			refs = append(refs, ref)
		}
	}
	if r.copyAll(rs, sp, refs, v) == len(refs) {
		rs.end(false)
	}
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
func (r *records) copyRow(rs *rows, ref arena.Ref, v view) {
	key := r.keys().Of(ref)
	start := len(rs.data)
	data, ok := r.appendValue(append(rs.data, key...), ref, v)
	if !ok {
		rs.data = data[:start]
		return
	}
	rs.data = data
	rs.at = append(rs.at, row{start, start + len(key), len(data)})
}
