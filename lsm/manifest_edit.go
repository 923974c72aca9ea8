package lsm

import (
	"encoding/binary"
	"fmt"
)

// state is what the manifest says of a store: which tables it is made of, and
// what else has to be known to go on with it.
type state struct {
	nextFile  uint64 // no file has this number or a greater one
	logStart  uint64 // first segment of the log that is not in the tables; 0 if there is no log
	watermark int64
	runs      []runState // newest first
}

type runState struct {
	id     uint64
	tables []tableState
}

type tableState struct {
	number uint64
	size   int64 // of the file in bytes
	tableMeta
}

// tables returns the number of tables.
func (s *state) tables() int {
	n := 0
	for _, r := range s.runs {
		n += len(r.tables)
	}
	return n
}

// An edit takes a manifest from one state to the next. It names all runs, in
// their order, which costs a few bytes for each; the tables of a run are
// described only by the first edit that names it.
//
//	SIZE     FIELD
//	uvarint  next file number
//	uvarint  first segment of the log, or 0
//	8        watermark, little-endian
//	uvarint  number of runs; for each, newest first:
//	uvarint    id
//	uvarint    number of tables, or 0 if an earlier edit describes it; for each:
//	uvarint      file number
//	uvarint      length of the file in bytes
//	             figures (table_format.go)
//
// The edit that keeps only run 3 of two runs, with next file number 9, no log
// and watermark 5, is
//
//	09 00 05 00 00 00 00 00 00 00 01 03 00

// appendEdit appends the edit that leads to next from a state that has the
// runs with these ids.
func appendEdit(dst []byte, next *state, known map[uint64]bool) []byte {
	dst = binary.AppendUvarint(dst, next.nextFile)
	dst = binary.AppendUvarint(dst, next.logStart)
	dst = appendFixed64(dst, uint64(next.watermark))
	dst = binary.AppendUvarint(dst, uint64(len(next.runs)))
	for i := range next.runs {
		r := &next.runs[i]
		dst = binary.AppendUvarint(dst, r.id)
		if known[r.id] {
			dst = append(dst, 0)
			continue
		}
		dst = binary.AppendUvarint(dst, uint64(len(r.tables)))
		for j := range r.tables {
			t := &r.tables[j]
			dst = binary.AppendUvarint(dst, t.number)
			dst = binary.AppendUvarint(dst, uint64(t.size))
			dst = t.tableMeta.append(dst)
		}
	}
	return dst
}

// applyEdit returns the state that the edit leads to from previous, or says
// why data is no edit of it.
func applyEdit(previous *state, data []byte) (next *state, damage string) {
	known := map[uint64]runState{}
	for _, r := range previous.runs {
		known[r.id] = r
	}
	d := decoder{rest: data}
	next = &state{nextFile: d.uvarint(), logStart: d.uvarint(), watermark: int64(d.fixed64())}
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		r := runState{id: d.uvarint()}
		tables := d.uvarint()
		if old, ok := known[r.id]; ok && tables == 0 {
			r = old
		} else if tables == 0 {
			return nil, fmt.Sprintf("edit names run %d, which nothing describes", r.id)
		}
		for ; tables > 0 && !d.bad; tables-- {
			r.tables = append(r.tables, d.tableState())
		}
		next.runs = append(next.runs, r)
	}
	if d.bad || len(d.rest) > 0 {
		return nil, "edit cannot be read"
	}
	return next, next.implausible()
}

func (d *decoder) tableState() tableState {
	return tableState{number: d.uvarint(), size: d.count(), tableMeta: d.tableMeta()}
}

// implausible says what no state can be, or nothing.
func (s *state) implausible() string {
	numbers := map[uint64]bool{}
	use := func(n uint64) bool {
		fresh := !numbers[n] && n < s.nextFile
		numbers[n] = true
		return fresh
	}
	for _, r := range s.runs {
		if !use(r.id) {
			return fmt.Sprintf("run %d is named twice or its number is not given out yet", r.id)
		}
		for i := range r.tables {
			t := &r.tables[i]
			if !use(t.number) {
				return fmt.Sprintf("table %d is named twice or its number is not given out yet", t.number)
			}
			if !t.plausible() || i > 0 && string(t.first) <= string(r.tables[i-1].last) {
				return fmt.Sprintf("figures of table %d are impossible", t.number)
			}
		}
	}
	return ""
}
