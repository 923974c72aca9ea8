package lsm

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/statelab/statelab/internal/meter"
)

// rewrite is the writing of a run from what a merger folds: what a flush, a
// compaction and a checkpoint have in common.
type rewrite struct {
	store   *Store
	from    *merger
	dir     string
	purpose meter.Purpose

	// watermark says which elements are dead and left out.
	watermark int64
	// older says whether a table older than all sources may hold key. If none
	// does, a tombstone has nothing to hide and is left out.
	older func(key []byte) bool
	// abandon is asked now and then whether to give up.
	abandon func() bool

	dropped int64 // dead elements left out
	tables  []*table
	writer  *tableWriter
	begun   bool // the writer has a table that is not finished
	scratch []element
	current *table
}

var errAbandoned = errors.New("given up because the store is closing")

// do writes the tables and returns them in a run, or nil if nothing is left
// to write. Their files are not synced, and are held open in table.unsynced.
// After an error no file is left behind. If it was reading that failed, the
// error is a *readFailure.
func (w *rewrite) do() (*run, error) {
	w.writer = newTableWriter(w.store.format)
	err := w.copy()
	if err == nil && w.begun {
		err = w.endTable()
	}
	if err != nil {
		w.undo()
		return nil, err
	}
	if len(w.tables) == 0 {
		return nil, nil
	}
	return newRun(w.store.newFileNumber(), w.tables), nil
}

func (w *rewrite) copy() error {
	n := 0
	for ok := w.from.first(); ok; ok = w.from.next() {
		if n++; n%1024 == 0 && w.abandon != nil && w.abandon() {
			return errAbandoned
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

func (w *rewrite) add(key []byte, f *fold) error {
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

func (w *rewrite) beginTable() error {
	number := w.store.newFileNumber()
	raw, err := w.store.fs.Create(filepath.Join(w.dir, tableName(number)))
	if err != nil {
		return fmt.Errorf("create table %06d: %w", number, err)
	}
	if w.dir == w.store.path {
		w.store.files.add(tableName(number))
	}
	w.current = &table{number: number, env: w.store.env, unsynced: w.store.meter.File(raw, w.purpose)}
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
	}
	return nil
}

// undo gives up what was written. In another directory than the store's own it
// is up to the caller to remove it.
func (w *rewrite) undo() {
	for _, t := range w.tables {
		t.unsynced.Close()
		if w.dir == w.store.path {
			w.store.remove(tableName(t.number))
		}
	}
}
