package lsm

import (
	"bytes"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
)

// A large piece of a merge is cut by keys into shares, which are merged side by
// side (Options.Subcompactions). Nothing that one writes depends on another.
//
//	keys   a ......... k ......... t ......... z
//	       |- share 0 -)
//	                   [- share 1 -)
//	                               [- share 2 -|
//
// Their outcomes, one after the other, are the outcome of the piece. With
// MaintenanceInline they are merged one after the other too, so that files get
// the same numbers each time.
type share struct {
	lower, upper []byte // the keys from lower on that are below upper; nil is open
}

// shares cuts a piece where the index of its largest source says that about
// equal parts of that end. Each part is a table's worth of all at least.
func (s *Store) shares(p piece) ([]share, error) {
	total, most := int64(0), 0
	for i, tables := range p.sources {
		total += totalBytes(tables)
		if totalBytes(tables) > totalBytes(p.sources[most]) {
			most = i
		}
	}
	n := min(int64(s.options.Subcompactions), total/s.budget.table)
	if n < 2 {
		return []share{{}}, nil
	}
	cuts, err := cutKeys(p.sources[most], n)
	if err != nil {
		return nil, &readFailure{err}
	}
	var all []share
	var lower []byte
	for _, key := range cuts {
		all = append(all, share{lower, key})
		lower = key
	}
	return append(all, share{lower: lower}), nil
}

// cutKeys returns up to n-1 keys, which ascend, between n parts of the tables' data.
func cutKeys(tables []*table, n int64) (keys [][]byte, err error) {
	total := int64(0)
	for _, t := range tables {
		f, err := t.handles(cached)
		if err != nil {
			return nil, err
		}
		total += int64(f.keyFilter.offset)
	}
	var c tableCursor
	defer c.close()
	before := int64(0)
	for _, t := range tables {
		c.open(t, fromFile)
		for ok := c.err() == nil && c.index.first(); ok; ok = c.index.moveNext() {
			h, sound := decodeHandle(c.index.value())
			if !sound {
				break // who reads the block will be told
			}
			done := before + int64(h.offset) + int64(h.length)
			if next := int64(len(keys) + 1); next < n && done >= total/n*next && len(c.index.key()) > 0 {
				keys = append(keys, bytes.Clone(c.index.key()))
			}
		}
		if err := c.err(); err != nil {
			return nil, err
		}
		before += int64(t.footer.Load().keyFilter.offset)
	}
	return keys, nil
}

// mergePiece rewrites a piece, and returns what was written even if a part failed.
func (s *Store) mergePiece(v *version, c choice, p piece, pace *compactionPace) (all written, err error) {
	shares, err := s.shares(p)
	if err != nil {
		return all, err
	}
	outcomes, failures := make([]written, len(shares)), make([]error, len(shares))
	var failed atomic.Bool
	do := func(i int) {
		outcomes[i], failures[i] = s.mergeShare(v, c, p, shares[i], func(records int, bytes int64) error {
			if failed.Load() {
				return errAbandoned
			}
			return pace.wait(records, bytes)
		})
		if failures[i] != nil {
			failed.Store(true)
		}
	}
	var side sync.WaitGroup
	for i := 1; i < len(shares) && s.options.Maintenance == statelab.MaintenanceBackground; i++ {
		side.Go(func() { do(i) })
	}
	do(0)
	for i := 1; i < len(shares) && s.options.Maintenance == statelab.MaintenanceInline && !failed.Load(); i++ {
		do(i)
	}
	side.Wait()
	for _, made := range outcomes {
		all.add(made)
	}
	return all, firstFailure(failures)
}

// firstFailure returns the first of the failures that others were not given up for.
func firstFailure(failures []error) (first error) {
	for _, err := range failures {
		if err != nil && (first == nil || errors.Is(first, errAbandoned)) {
			first = err
		}
	}
	return first
}

func (s *Store) mergeShare(v *version, c choice, p piece, part share, resume func(int, int64) error) (written, error) {
	var m merger
	defer m.close()
	for _, tables := range p.sources {
		source := run{tables: tables}
		if tables = source.overlapping(part.lower, part.upper); len(tables) == 0 {
			continue
		}
		cur := new(runCursor)
		cur.open(tables, fromFile)
		m.sources = append(m.sources, cur)
	}
	m.reset(part.lower, part.upper)
	w := rewrite{
		store: s, from: &m, share: part, dir: s.path, purpose: meter.Compaction, level: c.level, watermark: v.watermark,
		older:  func(key []byte) bool { return mayHold(v.runs[c.end:], key) },
		worn:   v.worn,
		resume: resume,
	}
	return w.do()
}
