package lsm

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/statelab/statelab"
)

// compactAll does what the policy chooses until it chooses nothing. A failure
// to read is noted and ends the work, but is no error: the caller's own call
// did not fail, and who reads the damaged table will be told.
func (s *Store) compactAll() error {
	for {
		done, err := s.compact()
		switch {
		case isReadFailure(err):
			s.options.Logger.Warn("lsm: compaction failed", "store", s.path, "error", err)
			s.worker.broken.Store(true)
			return nil
		case errors.Is(err, errAbandoned):
			return nil
		case err != nil:
			return s.failed.Set(fmt.Errorf("compact: %w", err))
		}
		s.worker.broken.Store(false)
		if !done {
			return nil
		}
	}
}

// compact takes one step, if the policy chooses one.
func (s *Store) compact() (done bool, err error) {
	s.compactMu.Lock()
	defer s.compactMu.Unlock()
	if err := s.failed.Err(); err != nil {
		return false, err
	}
	v := s.acquireVersion()
	defer v.unref(s.discard)
	c := s.strategy.choose(v)
	switch {
	case len(c.drop) > 0:
		return true, s.dropTables(c.drop)
	case c.nothing():
		s.worker.settled.Store(v.number)
		return false, nil
	}
	if why := c.unsound(v); why != "" {
		return false, fmt.Errorf("policy %s chose what must not be: %s", s.options.Compaction, why)
	}
	return true, s.merge(v, c)
}

// merge does the merge that was chosen for v.
func (s *Store) merge(v *version, c choice) error {
	start := time.Now()
	pace := s.newCompactionPace(v, c)
	made, err := s.mergePieces(v, c, pace)
	if err != nil {
		s.undo(made.written)
		return err
	}
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	defer s.letGo(made.written.blobs)
	current := s.view.Load().version
	next := newVersion(current.merged(v.runs[c.begin:c.end], c, made.tables, s.newFileNumber), current.watermark)
	if err := s.install(next, nil); err != nil {
		return err
	}
	s.levels.moved(c.level, made.movedBytes)
	if made.rewrote {
		s.counts.compactions.Add(1)
		s.options.ReportMaintenance(statelab.EventCompaction, start, made.written.bytes())
	}
	return nil
}

// merged are the tables that a merge leads to.
type merged struct {
	tables     []*table // in the order of their keys
	written    written  // of these, the new ones
	movedBytes int64    // in the others
	rewrote    bool     // something was rewritten, even if nothing was left of it
}

// mergePieces rewrites the pieces of a merge, and takes as they are the tables
// that need no rewriting.
func (s *Store) mergePieces(v *version, c choice, pace *compactionPace) (merged, error) {
	var m merged
	for _, p := range pieces(v.runs[c.begin:c.end], c, v.watermark, s.budget.table) {
		if p.moves {
			t := p.sources[0][0]
			m.tables = append(m.tables, t)
			m.movedBytes += t.size
			continue
		}
		m.rewrote = true
		made, err := s.mergePiece(v, c, p, pace)
		m.tables = append(m.tables, made.tables...)
		m.written.add(made)
		if err != nil {
			return m, err
		}
	}
	return m, nil
}

// dropTables takes tables out of the current version. Their runs are replaced
// by runs of what is left of them.
func (s *Store) dropTables(dead []*table) error {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	current := s.view.Load().version
	var runs []*run
	for _, r := range current.runs {
		runs = append(runs, r.without(func(t *table) bool { return slices.Contains(dead, t) }, s.newFileNumber)...)
	}
	if err := s.install(newVersion(runs, current.watermark), nil); err != nil {
		return err
	}
	s.counts.droppedTables.Add(int64(len(dead)))
	return nil
}

func totalBytes(tables []*table) int64 {
	total := int64(0)
	for _, t := range tables {
		total += t.size
	}
	return total
}
