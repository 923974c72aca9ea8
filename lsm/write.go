package lsm

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
)

// Apply implements statelab.Store.
func (s *Store) Apply(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	if b.Len() == 0 {
		return s.failed.Err()
	}
	load := s.options.Memtable.loadOf(b)
	s.slowDown(load)
	if err := s.lockToWrite(load); err != nil {
		return err
	}
	pos, err := s.applyLocked(b)
	s.writeMu.Unlock()
	if err == nil {
		err = s.commitLog(pos)
	}
	if err == nil && s.flushDue() {
		err = s.flushSoon()
	}
	return err
}

func (s *Store) applyLocked(b *statelab.Batch) (logPos, error) {
	if err := s.requireRoom(b); err != nil {
		return logPos{}, err
	}
	pos, err := s.logBatch(b)
	if err != nil {
		return pos, err
	}
	seq := s.seq.Load() + 1
	w := s.view.Load()
	bytes, err := w.memtables[0].add(seq, b.Ops())
	if err != nil {
		// Some versions of seq are in the memtable; no later one may show them.
		return pos, s.failed.Set(fmt.Errorf("apply: %w", err))
	}
	s.seq.Store(seq)
	s.counts.batches.Add(1)
	s.counts.ops.Add(int64(b.Len()))
	s.counts.logicalBytes.Add(bytes)
	return pos, nil
}

// Advance implements statelab.Store. It touches no record: its worst case is
// waiting for an Apply that is under way. With a log it may have to rotate the
// memtable, like an Apply, and with MaintenanceInline flush the one before.
func (s *Store) Advance(watermark int64) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	start := time.Now()
	defer func() { storeMax(&s.counts.longestAdvanceNs, time.Since(start).Nanoseconds()) }()
	if err := s.lockToAdvance(); err != nil {
		return err
	}
	pos, err := s.advanceLocked(watermark)
	s.writeMu.Unlock()
	if err != nil {
		return err
	}
	return s.commitLog(pos)
}

// lockToAdvance takes writeMu. With a log, Advances count towards the room in
// the memtable, since the log is only shortened when that is flushed.
func (s *Store) lockToAdvance() error {
	if s.log != nil {
		return s.lockToWrite(int64(len(s.logHead)))
	}
	s.writeMu.Lock()
	return nil
}

func (s *Store) advanceLocked(watermark int64) (logPos, error) {
	if err := s.failed.Err(); err != nil || watermark <= s.watermark.Load() {
		return logPos{}, err
	}
	pos, err := s.logAdvance(watermark)
	if err != nil {
		return pos, err
	}
	s.watermark.Store(watermark)
	if s.log != nil {
		s.view.Load().memtables[0].advances++
	}
	return pos, nil
}

// lockToWrite takes writeMu when the active memtable has room for size bytes;
// if it is empty it has room for anything.
func (s *Store) lockToWrite(size int64) error {
	for {
		s.writeMu.Lock()
		if err := s.failed.Err(); err != nil {
			s.writeMu.Unlock()
			return err
		}
		w := s.view.Load()
		switch active := w.memtables[0]; {
		case active.unused() || s.hasRoom(w, size):
			return nil
		case !s.crowded():
			err := s.rotate()
			if err == nil {
				return nil
			}
			s.writeMu.Unlock()
			return err
		}
		s.writeMu.Unlock()
		if err := s.relieve(); err != nil {
			return err
		}
	}
}

// rotate makes the active memtable immutable and begins another, holding
// writeMu.
func (s *Store) rotate() error {
	fresh, err := newMemtable(s.options.Memtable, s.pages, s.options.Prefix)
	if err != nil {
		return err
	}
	old := s.view.Load().memtables[0]
	s.noteRotation(old.bytes())
	old.watermark = s.watermark.Load()
	fresh.began = old.watermark
	if old.nextSegment, err = s.rotateLog(); err != nil {
		fresh.release()
		return err
	}
	s.setView(func(w *view) *view {
		return newView(append([]*memtable{fresh}, w.memtables...), w.version)
	})
	s.worker.wake()
	return nil
}

// requireRoom finds the batches that would make a record too large (K4).
// Knowing a record's size takes reading it, so first it is asked whether any
// record could grow beyond the limit at all, which is hardly ever so.
func (s *Store) requireRoom(b *statelab.Batch) error {
	w := s.view.Load()
	bound := int64(len(b.Bytes()))
	for _, m := range w.memtables {
		bound += m.elementBytes
	}
	for _, r := range w.version.runs {
		bound += r.maxRecord
	}
	if bound <= s.recordLimit {
		return nil
	}
	return s.requireRecordRoom(b)
}

// requireRecordRoom computes what the batch makes of each record it touches.
func (s *Store) requireRecordRoom(b *statelab.Batch) error {
	snap := s.acquire()
	defer s.release(snap.view)
	sizes := map[string]int64{}
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		size, known := sizes[string(op.Key)]
		var err error
		switch {
		case op.Kind != statelab.OpAppend:
			size = 0
		case !known:
			size, err = s.liveBytes(snap, op.Key)
		}
		if err != nil {
			return fmt.Errorf("apply: size of the record at key %.32x: %w", op.Key, err)
		}
		if op.Kind != statelab.OpDelete && !statelab.Expired(op.ExpireAt, snap.watermark) {
			size += int64(len(op.Value))
		}
		if size > s.recordLimit {
			return fmt.Errorf("apply: the record at key %.32x would be %d bytes, over the limit of %d: %w",
				op.Key, size, s.recordLimit, statelab.ErrTooLarge)
		}
		sizes[string(op.Key)] = size
	}
	return ops.Err()
}

func (s *Store) liveBytes(snap snapshot, key []byte) (int64, error) {
	g := s.pool.getter()
	defer s.pool.putGetter(g)
	err := g.gather(s.env, snap, key)
	return g.fold.liveBytes(snap.watermark), err
}

// Sync implements statelab.Store. With a log it syncs the log; without one it
// flushes the memtables and makes the version durable.
func (s *Store) Sync() error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	if err := s.failed.Err(); err != nil {
		return err
	}
	if s.log != nil {
		return s.logFailed(s.log.Sync())
	}
	s.stallWhile(s.tooManyRuns)
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	err := s.flushAll()
	if err == nil && s.options.Maintenance == statelab.MaintenanceInline {
		err = s.compactAll()
	}
	if err == nil {
		err = s.commitPending()
	}
	return err
}

// flushAll flushes everything that is in memory, as of one moment, holding
// flushMu. So the version that follows is an exact point of the history, until
// flushMu is let go.
func (s *Store) flushAll() error {
	s.writeMu.Lock()
	var err error
	if !s.view.Load().memtables[0].unused() {
		err = s.rotate()
	}
	watermark := s.watermark.Load()
	rotated := s.view.Load().immutable()
	s.writeMu.Unlock()
	if err != nil {
		return err
	}
	return s.flush(rotated, watermark)
}

func storeMax(a *atomic.Int64, n int64) {
	for old := a.Load(); n > old && !a.CompareAndSwap(old, n); old = a.Load() {
	}
}

// isReadFailure says whether err came from reading, which poisons nothing (F3).
func isReadFailure(err error) bool {
	var f *readFailure
	return errors.As(err, &f)
}

// readFailure marks an error as one of reading the store's own files while it
// was reorganised.
type readFailure struct{ error }

func (f *readFailure) Unwrap() error { return f.error }
