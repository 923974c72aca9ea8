package lsm

import (
	"bytes"
	"slices"
	"sort"
	"sync/atomic"
)

// run is a sequence of tables that do not overlap, in the order of their keys:
// what one flush or compactions wrote. It is immutable.
type run struct {
	id     uint64
	level  int // 0 if a flush wrote it; else as the policy that had it written counts
	tables []*table

	size       int64 // of the files, in bytes
	records    int64
	tombstones int64
	maxRecord  int64 // element bytes of the largest record
}

// maxLevel is the greatest level of a run. With the least fan-in, 2, the data
// of a run of level 30 is that of a billion flushes.
const maxLevel = 30

func newRun(id uint64, level int, tables []*table) *run {
	r := &run{id: id, level: min(level, maxLevel), tables: tables}
	for _, t := range tables {
		r.size += t.size
		r.records += t.records
		r.tombstones += t.tombstones
		r.maxRecord = max(r.maxRecord, t.maxRecord)
	}
	return r
}

// find returns the one table that may hold key, or nil.
func (r *run) find(key []byte) *table {
	i := r.search(key)
	if i == len(r.tables) || bytes.Compare(key, r.tables[i].first) < 0 {
		return nil
	}
	return r.tables[i]
}

// search returns the index of the first table whose last key is not less than key.
func (r *run) search(key []byte) int {
	return sort.Search(len(r.tables), func(i int) bool { return bytes.Compare(r.tables[i].last, key) >= 0 })
}

// overlapping returns the tables that may hold keys of lower <= key < upper,
// where nil is open.
func (r *run) overlapping(lower, upper []byte) []*table {
	begin, end := 0, len(r.tables)
	if lower != nil {
		begin = r.search(lower)
	}
	if upper != nil {
		end = sort.Search(end, func(i int) bool { return bytes.Compare(r.tables[i].first, upper) >= 0 })
	}
	return r.tables[begin:max(begin, end)]
}

// version is the tables of a store at one moment. It is immutable; references
// are counted, and it holds one on each of its tables.
type version struct {
	refs   atomic.Int32
	runs   []*run // newest first
	number uint64 // of the versions of this opening

	// watermark is the one at which elements may be missing because they are
	// dead: whoever reads this version or recovers it has at least this one. (L4)
	watermark int64

	blobs []heldBlob // in the order of their numbers
	kept  bool       // no reader has it: see keep

	// How readers find tables: all of them, newest run first; the extents that some
	// are entered in; and the indexes in lookouts of the others.
	lookouts []lookout
	extents  []shownExtents
	bare     []int32
}

// newVersion returns a version with one reference.
func newVersion(runs []*run, watermark int64) *version {
	v := &version{runs: runs, watermark: watermark}
	v.refs.Store(1)
	for t := range v.tables {
		t.refs.Add(1)
		t.shown.Add(1)
		v.lookouts = append(v.lookouts, newLookout(t))
	}
	if d := v.directory(); d != nil {
		d.show(v)
	}
	v.blobs = heldBlobs(runs, watermark)
	for i := range v.blobs {
		v.blobs[i].blob.refs.Add(1)
		v.blobs[i].blob.shown.Add(1)
	}
	return v
}

// directory returns the one that the version's tables are in, nil if it has none.
func (v *version) directory() *directory {
	if len(v.lookouts) == 0 || v.lookouts[0].table.env == nil {
		return nil
	}
	return v.lookouts[0].table.env.directory
}

// keep returns a version that holds what v does for the manifest's sake, with one
// reference: files stay, and nothing else that makes tables quick to read.
func (v *version) keep() *version {
	k := &version{runs: v.runs, number: v.number, watermark: v.watermark, blobs: v.blobs, kept: true}
	k.refs.Store(1)
	for t := range k.tables {
		t.refs.Add(1)
	}
	for i := range k.blobs {
		k.blobs[i].blob.refs.Add(1)
	}
	return k
}

// tables yields every table, newest run first.
func (v *version) tables(yield func(*table) bool) {
	for _, r := range v.runs {
		for _, t := range r.tables {
			if !yield(t) {
				return
			}
		}
	}
}

// files yields every file that the version holds.
func (v *version) files(yield func(*blockFile) bool) {
	for t := range v.tables {
		if !yield(&t.blockFile) {
			return
		}
	}
	for i := range v.blobs {
		if !yield(&v.blobs[i].blob.blockFile) {
			return
		}
	}
}

// unref gives up a reference. Tables and blob files that nobody reads any more are
// hidden, and those that nobody holds any more are passed to discard.
func (v *version) unref(discard func(*blockFile)) {
	if v.refs.Add(-1) > 0 {
		return
	}
	if d := v.directory(); d != nil {
		d.unshow(v)
	}
	for t := range v.tables {
		if !v.kept && t.shown.Add(-1) == 0 {
			t.hide()
		}
		if t.refs.Add(-1) == 0 {
			discard(&t.blockFile)
		}
	}
	v.unrefBlobs(discard)
}

// merged returns the runs of v after a merge among those of old, which are
// adjacent, as c chose it and with these tables as the outcome. The merged run
// takes the place of the oldest. What that one keeps is put into it, if it is
// of its level; what others keep stays in runs of its own.
func (v *version) merged(old []*run, c choice, tables []*table, newID func() uint64) []*run {
	at := slices.Index(v.runs, old[0])
	runs := slices.Clone(v.runs[:at])
	for i, r := range old {
		left := r.without(c.takes, newID)
		if i < len(old)-1 || r.level != c.level || len(left) == 0 {
			runs = append(runs, left...)
			continue
		}
		tables = append(slices.Clone(tables), left[0].tables...)
		slices.SortFunc(tables, func(a, b *table) int { return bytes.Compare(a.first, b.first) })
	}
	if len(tables) > 0 {
		runs = append(runs, newRun(newID(), c.level, tables))
	}
	return append(runs, v.runs[at+len(old):]...)
}

// without returns what is left of r when some tables are taken out: r itself, a
// new run, or none.
func (r *run) without(out func(*table) bool, newID func() uint64) []*run {
	left := slices.DeleteFunc(slices.Clone(r.tables), out)
	switch len(left) {
	case len(r.tables):
		return []*run{r}
	case 0:
		return nil
	}
	return []*run{newRun(newID(), r.level, left)}
}

// view is what a reader reads: the memtables and a version, as of one moment.
// It is immutable; references are counted, and it holds one on each part.
type view struct {
	refs      atomic.Int32
	memtables []*memtable // newest first; the first is the active one
	version   *version
}

// newView returns a view with one reference.
func newView(memtables []*memtable, version *version) *view {
	w := &view{memtables: memtables, version: version}
	w.refs.Store(1)
	version.refs.Add(1)
	for _, m := range memtables {
		m.refs.Add(1)
	}
	return w
}

// tryRef takes a reference, unless the last one is already gone.
func (w *view) tryRef() bool {
	for {
		n := w.refs.Load()
		if n == 0 {
			return false
		}
		if w.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// immutable returns the memtables that were rotated, newest first.
func (w *view) immutable() []*memtable { return w.memtables[1:] }
