package lsm

import (
	"bytes"
	"encoding/binary"
)

// lookout is what a look-up needs to know of a table before it goes there. Those of
// a version lie side by side, so that a probe passes tables by at the cost of a
// comparison, and asks the extents of the others after it has touched them all:
//
//	lookouts   first..last   first..last   first..last   ...     newest run first
//	near                         here                     here
//	touch                     a line of its extents     and of its
//	ask                             no                     block 7
type lookout struct {
	first, last uint64 // the first 8 bytes of the table's bounds
	lines       []extentLine
	table       *table
}

func newLookout(t *table) lookout {
	l := lookout{first: headOf(t.first), last: headOf(t.last), table: t}
	if t.extents != nil {
		l.lines = t.extents.lines
	}
	return l
}

// headOf returns the first 8 bytes of a key as a number, zeros if it ends before.
// The heads of two keys are in their order, or the same.
func headOf(key []byte) uint64 {
	if len(key) >= 8 {
		return binary.BigEndian.Uint64(key)
	}
	var head [8]byte
	copy(head[:], key)
	return binary.BigEndian.Uint64(head[:])
}

// near appends to dst the indexes of the lookouts of all tables, and a few more, that
// may hold keys of a group from lower to upper, newest first. It reads from all
// extents that are to be asked for the group, so that the processor waits for
// memory once and not once for each table. What it has read is to be kept, lest the
// reading be left out.
func (v *version) near(dst []int32, lower, upper []byte, hash uint64) (near []int32, touched uint32) {
	from, to := headOf(lower), headOf(upper)
	for i := range v.lookouts {
		l := &v.lookouts[i]
		if l.first > to || l.last < from {
			continue
		}
		dst = append(dst, int32(i))
		if l.lines != nil {
			touched ^= l.lines[lineOf(hash, len(l.lines))][0]
		}
	}
	return dst, touched
}

// inBounds says whether the table may hold keys of lower <= key <= upper.
func (t *table) inBounds(lower, upper []byte) bool {
	return bytes.Compare(lower, t.last) <= 0 && bytes.Compare(t.first, upper) <= 0
}

// probes counts what extents were asked, to be told at once: counters that all
// readers share are not for each table.
type probes struct{ asked, refused int64 }

// where asks a table's extents for a group.
func (p *probes) where(t *table, hash uint64) (where blockHandle, may bool) {
	where, may = t.whereIs(hash)
	if t.extents != nil {
		p.asked++
		if !may {
			p.refused++
		}
	}
	return where, may
}

func (p *probes) tell(e *tableEnv) {
	if p.asked > 0 {
		e.filterProbes.Add(p.asked)
		e.filterNegatives.Add(p.refused)
		*p = probes{}
	}
}
