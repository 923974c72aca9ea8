package lsm

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
)

// rewrite is the writing of a run from what a merger folds: what a flush, a
// compaction and a checkpoint have in common.
type rewrite struct {
	store   *Store
	from    *merger
	share   share // of the keys that from has
	dir     string
	purpose meter.Purpose
	level   int // of the run

	// watermark says which elements are dead and left out.
	watermark int64
	// older says whether a table older than all sources may hold key. If none
	// does, a tombstone has nothing to hide and is left out.
	older func(key []byte) bool
	// worn says whether the live elements in a blob file are to be written anew; nil
	// if none are.
	worn func(*blob) bool
	// resume is called now and then, to wait and to say whether to go on; nil if
	// nobody asks for it.
	resume func(records int, bytes int64) error

	dropped int64 // dead elements left out
	bytes   int64 // of keys and elements that were read
	tables  []*table
	writer  *tableWriter
	begun   bool // the writer has a table that is not finished
	ageless bool // something in it never expires
	cuts    int  // tables that were ended because the next record is not alike in this
	scratch []element
	current *table
	blobs   blobWriter
	refs    []byte // references of scratch
}

// rewrite.resume is called after so many records, or bytes of keys and elements if
// these are large.
const (
	resumeRecords = 256
	resumeBytes   = 256 << 10
)

var errAbandoned = errors.New("given up because the store is closing")

// written is what a rewrite made.
type written struct {
	tables []*table
	blobs  []*blob // each with a reference of its maker's: see Store.letGo
}

func (m *written) add(more written) {
	m.tables, m.blobs = append(m.tables, more.tables...), append(m.blobs, more.blobs...)
}

// bytes returns the length of the files.
func (m *written) bytes() int64 {
	total := totalBytes(m.tables)
	for _, b := range m.blobs {
		total += b.size
	}
	return total
}

// do writes tables and blob files; there are none if nothing is left to write. The
// files are not synced, and are held open in blockFile.unsynced. After an error no
// file is left behind. If it was reading that failed, the error is a *readFailure.
func (w *rewrite) do() (written, error) {
	w.writer = w.store.pool.tableWriter(w.store.format)
	defer w.store.pool.putTableWriter(w.writer)
	err := w.copy()
	if err == nil && w.begun {
		err = w.endTable()
	}
	if err == nil {
		err = w.endBlob()
	}
	m := written{w.tables, w.blobs.made}
	if err != nil {
		w.undo(m)
		return written{}, err
	}
	return m, nil
}

func (w *rewrite) copy() error {
	n, before := 0, int64(0)
	for ok := w.first(); ok && w.within(); ok = w.from.next() {
		if n++; w.resume != nil && (n >= resumeRecords || w.bytes-before >= resumeBytes) {
			if err := w.resume(n, w.bytes-before); err != nil {
				return err
			}
			n, before = 0, w.bytes
		}
		if err := w.add(w.from.key(), &w.from.fold); err != nil {
			return err
		}
	}
	if err := w.from.failure; err != nil {
		return &readFailure{err}
	}
	return nil
}

func (w *rewrite) first() bool {
	if w.share.lower == nil {
		return w.from.first()
	}
	return w.from.seekGE(w.share.lower)
}

// within says whether the merger stands before the end of the share.
func (w *rewrite) within() bool {
	return w.share.upper == nil || bytes.Compare(w.from.key(), w.share.upper) < 0
}

func (w *rewrite) add(key []byte, f *fold) error {
	w.bytes += int64(len(key))
	for i := range f.elements {
		w.bytes += int64(len(f.elements[i].data))
	}
	if err := w.fetchWorn(f); err != nil {
		return err
	}
	w.scratch = w.scratch[:0]
	for i := len(f.elements) - 1; i >= 0; i-- {
		if e := f.elements[i]; e.live(w.watermark) {
			w.scratch = append(w.scratch, e)
		}
	}
	w.dropped += int64(len(f.elements) - len(w.scratch))
	if len(w.scratch) == 0 && (!f.based || !w.older(key)) {
		return nil
	}
	if err := w.part(); err != nil {
		return err
	}
	if err := w.place(w.scratch); err != nil {
		return err
	}
	if !w.begun {
		if err := w.beginTable(); err != nil {
			return err
		}
	}
	if err := w.writer.add(key, f.based, w.scratch); err != nil {
		return fmt.Errorf("write table %06d: %w", w.current.number, err)
	}
	if w.writer.size() >= w.store.budget.table {
		return w.endTable()
	}
	return nil
}

// maxCuts is how many tables of a run may be ended before they are full because
// what never expires begins or ends there.
const maxCuts = 4

// part ends the table if of it and the elements of scratch one holds something
// that never expires and the other does not: as a whole it would never die.
// Such records are few and lie together where a join notes how far it is.
func (w *rewrite) part() error {
	ageless := slices.ContainsFunc(w.scratch, func(e element) bool { return e.expireAt == statelab.NoExpiry })
	differs := ageless != w.ageless
	w.ageless = ageless
	if !w.begun || !differs || w.cuts == maxCuts {
		return nil
	}
	w.cuts++
	return w.endTable()
}

func (w *rewrite) beginTable() error {
	number := w.store.newFileNumber()
	raw, err := w.store.fs.Create(filepath.Join(w.dir, tableName(number)))
	if err != nil {
		return fmt.Errorf("create table %06d: %w", number, err)
	}
	if w.dir == w.store.path {
		w.store.files.add(tableName(number))
	}
	w.current = &table{blockFile: blockFile{number: number, env: w.store.env, unsynced: w.store.meter.File(raw, w.purpose)}}
	w.tables = append(w.tables, w.current)
	w.writer.begin(w.current.unsynced)
	w.begun = true
	return nil
}

func (w *rewrite) endTable() (err error) {
	w.begun = false
	t := w.current
	if t.tableMeta, t.size, err = w.writer.finish(); err != nil {
		return fmt.Errorf("write table %06d: %w", t.number, err)
	}
	if w.dir == w.store.path {
		w.store.files.resize(tableName(t.number), t.size)
		w.store.levels.wrote(w.level, t.size)
		if w.store.env.prefix.Len != nil {
			w.store.env.directory.add(t, w.writer.groups, w.writer.blocks)
		}
	}
	return nil
}

// undo gives up what was written. In another directory than the store's own it
// is up to the caller to remove it.
func (w *rewrite) undo(m written) {
	if w.dir == w.store.path {
		w.store.undo(m)
		return
	}
	for f := range m.files {
		f.closeUnsynced()
	}
}

// undo removes files that no version holds.
func (s *Store) undo(m written) {
	for _, t := range m.tables {
		s.env.directory.drop(t)
	}
	for f := range m.files {
		f.closeUnsynced()
		s.remove(f.name())
	}
}

func (m *written) files(yield func(*blockFile) bool) {
	for _, t := range m.tables {
		if !yield(&t.blockFile) {
			return
		}
	}
	for _, b := range m.blobs {
		if !yield(&b.blockFile) {
			return
		}
	}
}
