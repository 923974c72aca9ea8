package btree

import (
	"cmp"
	"fmt"
	"path/filepath"
	"time"

	"github.com/statelab/statelab"
)

// Where pages are updated in place and there is a write buffer, commits are fuzzy: they
// leave in the buffer what is in it, and note how far each range of keys is merged
// (progress.go). The merging is spread over the changes: with so many bytes of log as divide a
// round around all keys by its stretches, one stretch is merged.
//
//	log      |........|........|........|........|........|...   a commit at each bar
//	merged    aa bb cc dd ee ff gg hh aa bb cc dd ee ff gg hh    a round: roundShare of log_limit
//
// So a commit writes what is dirty, syncs, and writes its root, and the log is cut where the
// range begins that is merged least far, a round ago. As the pages that merges give up fall free with the next commit
// and commits are near each other, few are overwritten that need an image.
//
// If a log becomes longer than it may be all the same, the next commit merges everything.
const (
	roundShare  = 0.75   // of LogLimit, in which all keys are merged once
	commitShare = 0.0625 // of LogLimit, of log and images, behind which a commit comes

	guessedStretch = 32 // leaves that a page above leads to, where nothing better is known
)

// A round counts what is merged in one.
type round struct {
	stretches int   // of this one, so far
	before    int   // of the one before; 0 when there was none
	debt      int64 // bytes of log that no merging has paid for
}

// A logPart is the records of the log from one on, which begin a segment.
type logPart struct {
	segment uint64
	first   int64
}

// fuzzy says whether commits may leave changes in the write buffer.
func (s *Store) fuzzy() bool { return s.tree.space.inPlace && s.buffer.limit > 0 }

// turnOn takes note that a stretch was merged in its turn, and whether it was the last of a round.
func (r *round) turnOn(last bool, quota int64) {
	r.stretches++
	r.debt = max(0, r.debt-quota)
	if last {
		r.before, r.stretches = r.stretches, 0
	}
}

// quota returns for how many bytes of log one stretch is merged.
func (s *Store) quota() int64 {
	stretches := max(s.round.before, s.round.stretches)
	if s.round.before == 0 {
		stretches = max(stretches, int(s.tree.space.usedCount.Load())/cmp.Or(s.tree.stretchLeaves(), guessedStretch))
	}
	return max(1, int64(roundShare*float64(s.options.LogLimit))/int64(max(stretches, 1)))
}

// goRound merges the stretches that are due for what was logged. The writer's lock is held.
func (s *Store) goRound() error {
	if !s.fuzzy() || s.redo.unlogged {
		return nil
	}
	for s.round.debt >= s.quota() {
		if done, err := s.relieveBy(s.mergeNext); err != nil || !done {
			return err
		}
	}
	return nil
}

// commitDue says whether so much was logged and kept since the last commit that a fuzzy one is due.
func (s *Store) commitDue() bool {
	return s.fuzzy() && float64(s.redo.bytesSinceCommit+s.tree.images.size()) >= commitShare*float64(s.options.LogLimit)
}

// commitFuzzy makes the tree as it is durable, and lets the log begin where what is in the write
// buffer does. The log has no pending records. The writer's lock is held.
func (s *Store) commitFuzzy() error {
	start, before := time.Now(), s.pageBytes()
	segment, err := s.log.Rotate()
	if err != nil {
		return s.tree.failed.Set(err)
	}
	s.redo.divide(segment)
	from := s.redo.needed(s.progress.least)
	note := func(epoch uint64) []byte { return s.progress.encode(epoch, from.first, s.redo.records) }
	if err := s.tree.persist(from.segment, note); err != nil {
		return err
	}
	s.redo.forget(from)
	s.settleCommit(start, before, from.segment)
	return nil
}

// resume makes the progress that of a fuzzy commit, if the root is of one.
func (s *Store) resume() error {
	s.progress.restart()
	p := s.tree.found
	s.tree.found = progressRecord{}
	if !s.tree.durable.fuzzy {
		return nil
	}
	if p.epoch != s.tree.durable.epoch {
		return s.tree.corrupt(0, "the log of images does not say how far the commit has merged the log")
	}
	s.progress.spans, s.redo.wanted = p.spans, p.records
	s.progress.measure()
	return nil
}

// unmerged returns a reader over those operations of a record of the log that
// the tree does not have yet.
func (s *Store) unmerged(data []byte, record int64) func() statelab.OpReader {
	all := func() statelab.OpReader { return statelab.ReadOps(data) }
	if record > s.progress.most {
		return all
	}
	var b statelab.Batch
	ops := all()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		if s.progress.merged(op.Key) >= record {
			continue
		}
		switch op.Kind {
		case statelab.OpPut:
			b.Put(op.Key, op.Value, op.ExpireAt)
		case statelab.OpAppend:
			b.Append(op.Key, op.Value, op.ExpireAt)
		default:
			b.Delete(op.Key)
		}
	}
	if ops.Err() != nil || b.Err() != nil {
		return all // which meets the same damage
	}
	return b.Ops
}

// checkReplayed says whether the log had all that the commit was of.
func (s *Store) checkReplayed() error {
	if s.redo.records < s.redo.wanted {
		return &statelab.CorruptError{File: filepath.Join(s.dir.Path, logName), Offset: -1,
			Reason: fmt.Sprintf("the log has %d records, and %d at the commit", s.redo.records, s.redo.wanted)}
	}
	return nil
}
