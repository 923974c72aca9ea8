package btree

import (
	"errors"
	"time"

	"github.com/statelab/statelab"
)

// apply makes a batch take effect in the write buffer, or in the tree itself if
// there is no buffer or the batch is too large for it. The gate is closed.
func (s *Store) apply(ops func() statelab.OpReader) error {
	if s.buffer.limit == 0 {
		return s.tree.apply(ops())
	}
	err := s.buffer.apply(ops())
	if !errors.Is(err, errBufferFull) {
		return err
	}
	if err := s.mergeLocked(); err != nil {
		return err
	}
	err = s.tree.apply(ops())
	s.direct = err == nil
	return err
}

// raiseDirect takes note that the last record of the log went to the tree itself, if it did.
func (s *Store) raiseDirect() {
	if s.direct {
		s.progress.raise(nil, nil, s.redo.records)
		s.direct = false
	}
}

// advanceTo moves the watermark. The gate is closed.
func (s *Store) advanceTo(watermark int64) {
	s.tree.watermark, s.buffer.watermark = watermark, watermark
}

// mergeAll brings all that is in the write buffer to the tree, one stretch of
// keys after the other, so that each can use the space that the one before has
// freed. The writer's lock is held, and the gate is open: readers go on but for a moment
// at the end of each.
func (s *Store) mergeAll() error {
	s.round, s.buffer.turn = round{}, s.buffer.turn[:0] // the next round begins with the first key
	for from, last := []byte(nil), false; !last; {
		var until []byte
		var err error
		if until, last, err = s.tree.stretchEnd(from); err != nil {
			return err
		}
		err = s.mergeRange(from, until)
		if errors.Is(err, errBufferFull) {
			return s.mergeRange(nil, nil)
		}
		if err != nil {
			return err
		}
		s.round.turnOn(last, 0)
		from = until
	}
	return nil
}

// mergeRange merges the keys from from up to until, where nil is the end.
func (s *Store) mergeRange(from, until []byte) error {
	some, err := s.prepareMerge(from, until)
	if err != nil {
		return err
	}
	if !some {
		s.progress.raise(from, until, s.redo.records)
		return nil
	}
	s.gate.close()
	defer s.reopenGate()
	return s.finishMerge(from, until)
}

// mergeLocked merges everything at once, which takes no further page for the
// buffer. The gate is closed.
func (s *Store) mergeLocked() error {
	some, err := s.prepareMerge(nil, nil)
	if err == nil && some {
		return s.finishMerge(nil, nil)
	}
	if err == nil {
		s.progress.raise(nil, nil, s.redo.records)
	}
	return err
}

// prepareMerge makes the pages of a merge, beside readers, in a transaction
// that it leaves open, if there is anything to be merged.
func (s *Store) prepareMerge(from, until []byte) (some bool, err error) {
	m := &s.merge
	m.reset(&s.tree)
	if err := m.in.open(s.buffer.pager, s.buffer.position, from, until); err != nil || !m.in.ok && !m.tidy.force {
		return false, err
	}
	if err := m.tidy.prepare(&s.tree, from, until); err != nil || !m.in.ok && !m.tidy.active {
		return false, err
	}
	s.tree.beginBeside()
	if err := m.run(); err != nil {
		s.tree.rollback()
		return false, err
	}
	return true, nil
}

// finishMerge makes what was merged the tree, and takes it out of the buffer:
// both or neither. Pages of the buffer that an iterator sees are held for it from
// then on; the next change counts them (I8), as this took no memory.
func (s *Store) finishMerge(from, until []byte) error {
	b := &s.buffer
	b.begin()
	if err := b.removeRange(from, until); err != nil {
		b.rollback()
		s.tree.rollback()
		return err
	}
	s.merge.plant()
	s.merge.tidy.settle()
	s.tree.commit()
	b.commit()
	s.progress.raise(from, until, s.redo.records)
	return nil
}

// relieve merges one stretch of keys after the other while the buffer is over
// its limit. The writer's lock is held.
func (s *Store) relieve() error {
	b := &s.buffer
	if b.pages <= b.limit || b.limit == 0 {
		return nil
	}
	_, err := s.relieveBy(func() error {
		for b.pages > b.limit {
			if err := s.mergeNext(); err != nil {
				return err
			}
		}
		return nil
	})
	return err
}

// relieveBy lets merge stretches, and says whether that was done. That a leaf cannot be read fails
// nobody's change, which has taken effect; the stretch stays in the buffer.
func (s *Store) relieveBy(merge func() error) (done bool, err error) {
	start, before := time.Now(), s.buffer.pages
	err = merge()
	if err != nil {
		if s.tree.failed.Err() != nil {
			return false, s.tree.failed.Err()
		}
		s.options.Logger.Warn("btree: a stretch of the write buffer cannot be merged", "file", s.tree.name, "err", err)
	}
	s.gate.close()
	s.boundSnapshots()
	s.reopenGate()
	s.options.ReportMaintenance(statelab.EventFlush, start, int64(before-s.buffer.pages)*int64(s.tree.pageSize))
	return err == nil, nil
}

// mergeNext merges the stretch of keys whose turn it is.
func (s *Store) mergeNext() error {
	b := &s.buffer
	from := append([]byte(nil), b.turn...)
	until, last, err := s.tree.stretchEnd(from)
	if err == nil {
		b.turn = append(b.turn[:0], until...)
		err = s.mergeRange(from, until)
	}
	if errors.Is(err, errBufferFull) {
		last, err = true, s.mergeAll()
	}
	if err == nil {
		s.round.turnOn(last, s.quota())
	}
	return err
}

// smallStretch is how many leaves make a stretch of a tree of one inner page.
const smallStretch = 16

// A merge needs room for a stretch again before it gives up the pages that were there. Where
// that decides how long the file becomes, a stretch is at most this part of it.
const (
	inPlaceShare   = 16
	inPlaceStretch = 8 // leaves, at least

	childBytes = 64 // of an inner page for each child, about
)

// stretchLeaves returns how many leaves make a stretch; 0 is all that one page above leads to.
func (t *tree) stretchLeaves() int {
	switch {
	case t.space.inPlace:
		n := max(inPlaceStretch, int(t.space.usedCount.Load()/inPlaceShare))
		if n < t.pageSize/childBytes {
			return n
		}
		return 0
	case t.height == 2:
		return smallStretch
	}
	return 0
}

// stretchEnd returns the end of the stretch of keys that is merged at a time and
// begins at from, nil after the last. It is what one page above leaves leads to,
// or a part of that if there is no other, so that a merge never needs room for
// the whole tree again.
func (t *tree) stretchEnd(from []byte) (until []byte, last bool, err error) {
	r, lowest, leaves := t.root, 2, t.stretchLeaves()
	if leaves > 0 {
		lowest = 1
	}
	last = true
	for level := t.height - 1; level >= lowest; level-- {
		n, err := t.get(r, level)
		if err != nil {
			return nil, false, err
		}
		at, err := t.childFor(&n, from)
		if err != nil {
			return nil, false, err
		}
		r = n.child(at)
		step := 1
		if level == 1 {
			step = leaves
		}
		if at+step < n.count() {
			next := n.entry(at + step)
			last = false
			until, err = t.appendKey(until[:0], next.keyField)
		}
		n.release()
		if err != nil {
			return nil, false, err
		}
	}
	return until, last, nil
}
