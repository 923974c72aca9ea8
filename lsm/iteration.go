package lsm

import (
	"bytes"
	"math"
	"slices"

	"github.com/statelab/statelab"
)

// iteration is the working part of an iterator.
type iteration struct {
	snapshot
	lower, upper []byte // nil is open
	bounds       []byte // memory of lower and upper
	memtables    []memtableCursor
	runs         []runCursor
	groups       []tableCursor // over the tables that may hold the group which the range is
	search       search
	merge        merger
	place        place
	key, value   []byte // copies, never nil
	probe        []byte // scratch
}

// place is where an iteration stands.
type place uint8

const (
	fresh   place = iota // it has not moved yet
	onKey                // on a record
	atStart              // before the first
	atEnd                // after the last
)

// setBounds copies the range.
func (in *iteration) setBounds(r statelab.Range) {
	in.lower, in.upper, in.place = nil, nil, fresh
	in.bounds = append(append(append(in.bounds[:0], r.Lower...), r.Upper...), 0) // not nil in any case
	if n := len(r.Lower); n > 0 {
		in.lower = in.bounds[:n:n]
	}
	if r.Upper != nil {
		in.upper = in.bounds[len(r.Lower) : len(r.Lower)+len(r.Upper)]
	}
}

// open makes a source of each layer that may hold a live record of the range.
func (in *iteration) open(s *Store) error {
	in.memtables, in.runs, in.groups = in.memtables[:0], in.runs[:0], in.groups[:0]
	if in.upper != nil && bytes.Compare(in.lower, in.upper) >= 0 {
		in.merge.reset(in.lower, in.upper)
		return nil
	}
	prefix := in.wholePrefix(s.options.Prefix)
	hash := hashKey(prefix)
	if prefix != nil {
		in.search.touched ^= uint32(in.view.touch(hash))
	}
	in.memtables = grow(in.memtables, len(in.view.memtables))
	for i, m := range in.view.memtables {
		c := &in.memtables[i]
		if prefix == nil {
			c.open(m, in.seq)
		} else {
			c.openGroup(m, in.seq, prefix, hash)
		}
		if !c.none() {
			in.merge.sources = append(in.merge.sources, c)
		}
	}
	var err error
	if prefix != nil {
		err = in.openGroup(s.env, hash)
	} else {
		in.openRuns()
	}
	in.merge.reset(in.lower, in.upper)
	return err
}

// grow returns s with length n and what its memory held before.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		s = append(s[:cap(s)], make([]T, n-cap(s))...)
	}
	return s[:n]
}

// openGroup makes a source of each table that may hold records of the group with a
// hash, which the range is.
func (in *iteration) openGroup(env *tableEnv, hash uint64) error {
	v := in.view.version
	in.search.touch(v, hash)
	in.search.find(v, in.lower, in.upper, hash)
	in.search.tell(env)
	in.groups = grow(in.groups, len(in.search.candidates))
	memtables := len(in.merge.sources)
	for n, p := range slices.Backward(in.search.candidates) {
		t := v.lookouts[p.at].table
		if !t.inBounds(in.lower, in.upper) || in.needless(t, len(in.merge.sources) > memtables) {
			continue
		}
		if !p.listed {
			if may, err := t.mayHoldPrefix(hash); err != nil {
				return err
			} else if !may {
				continue
			}
		}
		c := &in.groups[n]
		c.openAt(t, p.where(t))
		in.merge.sources = append(in.merge.sources, c)
	}
	slices.Reverse(in.merge.sources[memtables:])
	return nil
}

// needless says whether a table has nothing that lives, nor hides anything of older
// ones that are not needless. So tables are looked at from the oldest on, and of
// state that is dead a scan sees neither records nor tombstones.
func (in *iteration) needless(t *table, older bool) bool {
	return t.dead(in.watermark) && (!older || t.bases == 0)
}

// openRuns makes a source of each run, of the tables that bounds, gaps and expiry do
// not exclude.
func (in *iteration) openRuns() {
	runs := in.view.version.runs
	from, to := headOf(in.lower), uint64(math.MaxUint64)
	if in.upper != nil {
		to = headOf(in.upper)
	}
	in.runs = grow(in.runs, len(runs))
	memtables := len(in.merge.sources)
	for i, r := range slices.Backward(runs) {
		c := &in.runs[i]
		c.begin(cached)
		c.upper = in.upper
		older := len(in.merge.sources) > memtables
		for _, t := range r.overlapping(in.lower, in.upper) {
			if !t.inGap(from, to) && !in.needless(t, older) {
				c.add(t)
			}
		}
		if len(c.tables) > 0 {
			in.merge.sources = append(in.merge.sources, c)
		}
	}
	slices.Reverse(in.merge.sources[memtables:])
}

// wholePrefix returns the prefix that all keys of the range share, if the range
// is what PrefixRange makes of it or a part of that up to its end; else nil. A
// prefix that is itself cut short, so that more bytes would make it longer,
// does not count: the filter knows whole ones only.
func (in *iteration) wholePrefix(p statelab.Prefix) []byte {
	if p.Len == nil || len(in.lower) == 0 || in.upper == nil {
		return nil
	}
	prefix := prefixOf(p, in.lower)
	in.probe = statelab.AppendSuccessor(in.probe[:0], prefix)
	if len(prefix) == 0 || !bytes.Equal(in.probe, in.upper) {
		return nil
	}
	for _, more := range []byte{0x00, 0xff} {
		in.probe = append(append(in.probe[:0], prefix...), more)
		if p.Len(in.probe) != len(prefix) {
			return nil
		}
	}
	return prefix
}

func (in *iteration) first() bool {
	if in.lower == nil {
		return in.forwards(in.merge.first())
	}
	return in.forwards(in.merge.seekGE(in.lower))
}

func (in *iteration) last() bool {
	if in.upper == nil {
		return in.backwards(in.merge.last())
	}
	return in.backwards(in.merge.seekLT(in.upper))
}

func (in *iteration) seekGE(key []byte) bool {
	if bytes.Compare(key, in.lower) <= 0 {
		return in.first()
	}
	if in.upper != nil && bytes.Compare(key, in.upper) >= 0 {
		in.place = atEnd
		return false
	}
	return in.forwards(in.merge.seekGE(key))
}

func (in *iteration) seekLT(key []byte) bool {
	if in.upper != nil && bytes.Compare(key, in.upper) >= 0 {
		return in.last()
	}
	if bytes.Compare(key, in.lower) <= 0 {
		in.place = atStart
		return false
	}
	return in.backwards(in.merge.seekLT(key))
}

func (in *iteration) next() bool {
	switch in.place {
	case onKey:
		return in.forwards(in.merge.next())
	case atEnd:
		return false
	}
	return in.first()
}

func (in *iteration) prev() bool {
	switch in.place {
	case onKey:
		return in.backwards(in.merge.prev())
	case atStart:
		return false
	}
	return in.last()
}

// forwards goes on from where the merger has moved to, to a live record of the
// range, and copies it.
func (in *iteration) forwards(moved bool) bool {
	for ; moved; moved = in.merge.next() {
		if in.upper != nil && bytes.Compare(in.merge.key(), in.upper) >= 0 {
			break
		}
		if in.take() {
			return true
		}
	}
	in.place = atEnd
	return false
}

func (in *iteration) backwards(moved bool) bool {
	for ; moved; moved = in.merge.prev() {
		if bytes.Compare(in.merge.key(), in.lower) < 0 {
			break
		}
		if in.take() {
			return true
		}
	}
	in.place = atStart
	return false
}

// take copies the record that the merger stands on, if it is live.
func (in *iteration) take() bool {
	if !in.merge.fold.anyLive(in.watermark) {
		return false
	}
	if err := in.merge.fold.load(in.watermark, cached, nil); err != nil {
		in.merge.failure = err
		return false
	}
	in.place = onKey
	in.key = append(orEmpty(in.key)[:0], in.merge.key()...)
	in.value = in.merge.fold.appendValue(orEmpty(keepSmall(in.value))[:0], in.watermark)
	return true
}

// orEmpty returns b, or an empty slice that is not nil.
func orEmpty(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
