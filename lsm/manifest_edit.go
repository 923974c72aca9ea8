package lsm

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

// state is what the manifest says of a store: which tables it is made of, and
// what else has to be known to go on with it.
type state struct {
	nextFile  uint64 // no file has this number or a greater one
	logStart  uint64 // first segment of the log that is not in the tables; 0 if there is no log
	watermark int64
	runs      []runState // newest first
	blobs     []blobState
}

type runState struct {
	id     uint64
	level  int
	tables []tableState
}

type tableState struct {
	number uint64
	size   int64 // of the file in bytes
	tableMeta
}

// blobState is a blob file that tables refer to and in which something lives.
type blobState struct {
	number uint64
	size   int64 // of the file in bytes
	blobMeta
}

// tables returns the number of tables.
func (s *state) tables() int {
	n := 0
	for _, r := range s.runs {
		n += len(r.tables)
	}
	return n
}

// files yields the names of the tables and blob files, and their lengths.
func (s *state) files(yield func(name string, size int64) bool) {
	for _, r := range s.runs {
		for i := range r.tables {
			if !yield(tableName(r.tables[i].number), r.tables[i].size) {
				return
			}
		}
	}
	for i := range s.blobs {
		if !yield(fileName(blobFile, s.blobs[i].number), s.blobs[i].size) {
			return
		}
	}
}

// An edit takes a manifest from one state to the next. It names all runs, in
// their order, which costs a few bytes for each; the tables of a run are named
// only by the first edit that names it, and a table is described only by the
// first edit that names it, though it may go from one run to another.
//
//	SIZE     FIELD
//	uvarint  next file number
//	uvarint  first segment of the log, or 0
//	8        watermark, little-endian
//	uvarint  number of runs; for each, newest first:
//	uvarint    id
//	uvarint    number of tables, or 0 if it is as the edit before says; else
//	uvarint    level, and for each table:
//	uvarint      file number
//	uvarint      length of the file in bytes, or 0 if it is as the edit before says; else
//	             figures (table_format.go)
//	uvarint  number of blob files that the edit before does not describe; for each:
//	uvarint    file number
//	uvarint    length of the file in bytes
//	           figures (blob_format.go)
//
// Blob files that no table of the outcome refers to, or in which nothing is live at
// its watermark, are not mentioned: they are gone.
//
// The edit that keeps only run 3 of two runs, with next file number 9, no log
// and watermark 5, is
//
//	09 00 05 00 00 00 00 00 00 00 01 03 00 00

// appendEdit appends the edit that leads to next from a state that has the
// runs and tables with these ids and numbers, which are never the same.
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
		dst = binary.AppendUvarint(dst, uint64(r.level))
		for j := range r.tables {
			t := &r.tables[j]
			dst = binary.AppendUvarint(dst, t.number)
			if known[t.number] {
				dst = append(dst, 0)
				continue
			}
			dst = binary.AppendUvarint(dst, uint64(t.size))
			dst = t.tableMeta.append(dst)
		}
	}
	return appendBlobStates(dst, next.blobs, known)
}

func appendBlobStates(dst []byte, blobs []blobState, known map[uint64]bool) []byte {
	fresh := 0
	for i := range blobs {
		if !known[blobs[i].number] {
			fresh++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(fresh))
	for i := range blobs {
		if b := &blobs[i]; !known[b.number] {
			dst = binary.AppendUvarint(dst, b.number)
			dst = binary.AppendUvarint(dst, uint64(b.size))
			dst = b.blobMeta.append(dst)
		}
	}
	return dst
}

// applyEdit returns the state that the edit leads to from previous, or says
// why data is no edit of it.
func applyEdit(previous *state, data []byte) (next *state, damage string) {
	d := editDecoder{decoder: decoder{rest: data}, runs: map[uint64]runState{}, tables: map[uint64]tableState{}}
	for _, r := range previous.runs {
		d.runs[r.id] = r
		for _, t := range r.tables {
			d.tables[t.number] = t
		}
	}
	next = &state{nextFile: d.uvarint(), logStart: d.uvarint(), watermark: int64(d.fixed64())}
	for n := d.uvarint(); n > 0 && !d.bad && d.unknown == ""; n-- {
		next.runs = append(next.runs, d.run())
	}
	blobs := previous.blobs
	for n := d.uvarint(); n > 0 && !d.bad; n-- {
		blobs = append(blobs[:len(blobs):len(blobs)], blobState{d.uvarint(), d.count(), d.blobMeta()})
	}
	if d.unknown != "" {
		return nil, d.unknown
	}
	next.keepBlobs(blobs)
	if d.bad || len(d.rest) > 0 {
		return nil, "edit cannot be read"
	}
	return next, next.implausible()
}

// editDecoder reads an edit beside the runs and tables of the state before it.
type editDecoder struct {
	decoder
	runs    map[uint64]runState
	tables  map[uint64]tableState
	unknown string // what the edit refers to and nothing describes
}

func (d *editDecoder) run() runState {
	r := runState{id: d.uvarint()}
	tables := d.uvarint()
	if tables == 0 {
		known, ok := d.runs[r.id]
		if !ok && !d.bad {
			d.unknown = fmt.Sprintf("edit names run %d, which nothing describes", r.id)
		}
		return known
	}
	level := d.uvarint()
	d.bad = d.bad || level > maxLevel
	r.level = int(level)
	for ; tables > 0 && !d.bad && d.unknown == ""; tables-- {
		r.tables = append(r.tables, d.table())
	}
	return r
}

func (d *editDecoder) table() tableState {
	t := tableState{number: d.uvarint(), size: d.count()}
	if t.size > 0 || d.bad {
		t.tableMeta = d.tableMeta()
		return t
	}
	known, ok := d.tables[t.number]
	if !ok {
		d.unknown = fmt.Sprintf("edit names table %d, which nothing describes", t.number)
	}
	return known
}

// keepBlobs sorts out which of some blob files the state has.
func (s *state) keepBlobs(all []blobState) {
	referred := map[uint64]bool{}
	for _, r := range s.runs {
		for i := range r.tables {
			for _, use := range r.tables[i].blobs {
				referred[use.number] = true
			}
		}
	}
	for _, b := range all {
		if referred[b.number] && !b.dead(s.watermark) {
			s.blobs = append(s.blobs, b)
		}
	}
	slices.SortStableFunc(s.blobs, func(a, b blobState) int { return cmp.Compare(a.number, b.number) })
}

// implausible says what no state can be, or nothing.
func (s *state) implausible() string {
	numbers := map[uint64]bool{}
	use := func(n uint64) bool {
		fresh := !numbers[n] && n < s.nextFile
		numbers[n] = true
		return fresh
	}
	used := map[uint64]int64{} // values by blob file
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
			for _, use := range t.blobs {
				used[use.number] += use.values
			}
		}
	}
	for i := range s.blobs {
		b := &s.blobs[i]
		if !use(b.number) {
			return fmt.Sprintf("blob file %d is named twice or its number is not given out yet", b.number)
		}
		if !b.plausible() || used[b.number] > b.values {
			return fmt.Sprintf("figures of blob file %d are impossible", b.number)
		}
	}
	return ""
}
