package lsm

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
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
	c := s.policy(v)
	switch {
	case len(c.drop) > 0:
		return true, s.dropTables(c.drop)
	case c.nothing():
		return false, nil
	}
	return true, s.mergeRuns(v, c.begin, c.end)
}

// mergeRuns merges the runs [begin, end) of v into one.
func (s *Store) mergeRuns(v *version, begin, end int) error {
	start := time.Now()
	var m merger
	defer m.close()
	for _, r := range v.runs[begin:end] {
		c := new(runCursor)
		c.open(r.tables, fromFile)
		m.sources = append(m.sources, c)
	}
	m.reset()
	w := rewrite{
		store: s, from: &m, dir: s.path, purpose: meter.Compaction, watermark: v.watermark,
		older:   func(key []byte) bool { return mayHold(v.runs[end:], key) },
		abandon: s.worker.stopping,
	}
	r, err := w.do()
	if err != nil {
		return err
	}
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	current := s.view.Load().version
	next := newVersion(current.with(v.runs[begin:end], r), current.watermark)
	if err := s.install(next, nil); err != nil {
		return err
	}
	s.counts.compactions.Add(1)
	s.options.ReportMaintenance(statelab.EventCompaction, start, r.bytes())
	return nil
}

// dropTables takes tables out of the current version. Their runs are replaced
// by runs of what is left of them.
func (s *Store) dropTables(dead []*table) error {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	current := s.view.Load().version
	var runs []*run
	for _, r := range current.runs {
		left := slices.DeleteFunc(slices.Clone(r.tables), func(t *table) bool { return slices.Contains(dead, t) })
		switch {
		case len(left) == len(r.tables):
			runs = append(runs, r)
		case len(left) > 0:
			runs = append(runs, newRun(s.newFileNumber(), left))
		}
	}
	return s.install(newVersion(runs, current.watermark), nil)
}
