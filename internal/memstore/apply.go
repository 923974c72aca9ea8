package memstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/wal"
)

// Apply implements statelab.Store.
func (s *Store) Apply(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if err := s.begin(); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	pos, err := s.apply(b)
	return s.finish("apply", pos, err)
}

// Advance implements statelab.Store. Beside the log it costs what looking at
// 1024 elements costs; what is dead beyond that is reclaimed by later calls.
func (s *Store) Advance(watermark int64) error {
	if err := s.begin(); err != nil {
		return fmt.Errorf("advance: %w", err)
	}
	start := time.Now()
	if watermark <= s.records.watermark {
		s.write.Unlock()
		s.calls.Done()
		return nil
	}
	pos, err := s.advance(watermark)
	err = s.finish("advance", pos, err)
	s.mu.Lock()
	s.counters.longestAdvance = max(s.counters.longestAdvance, time.Since(start))
	s.mu.Unlock()
	return err
}

// finish ends a call that added to the history up to pos, unless it failed with
// err: it makes that as durable as it has to be, and sees to the snapshot.
func (s *Store) finish(call string, pos wal.Pos, err error) error {
	var img *image
	logs := s.o.Durability != statelab.DurabilityCheckpoint
	if err == nil && logs {
		img, err = s.startSnapshotIfDue()
	}
	s.write.Unlock()
	if err == nil && logs {
		err = s.failed(s.log.Commit(pos))
	}
	if img != nil {
		if ierr := s.runSnapshot(img); err == nil {
			err = ierr
		}
	}
	s.calls.Done()
	if err != nil {
		return fmt.Errorf("%s: %w", call, err)
	}
	return nil
}

// apply adds a batch to the history, holding write.
func (s *Store) apply(b *statelab.Batch) (pos wal.Pos, err error) {
	if key, over := s.records.overLimit(b.Ops(), int64(len(b.Bytes()))); over {
		return pos, fmt.Errorf("the record of key %x would have more than %d bytes: %w", key, statelab.MaxRecordSize, statelab.ErrTooLarge)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.prepare(b); err != nil {
		return pos, err
	}
	if s.o.Durability != statelab.DurabilityCheckpoint {
		s.mu.Unlock() // what is prepared is not seen yet, and the log may have to write
		pos, err = s.appendLog(logBatch, b.Bytes())
		s.mu.Lock()
		if err != nil {
			s.records.abandon()
			return pos, err
		}
	}
	s.counters.batches++
	s.counters.ops += int64(b.Len())
	s.counters.logical += s.records.logical
	s.records.commit()
	s.reclaim(reapPerOp * b.Len())
	return pos, nil
}

// prepare finds the memory for a batch, within the budget.
func (s *Store) prepare(b *statelab.Batch) error {
	if err := s.records.prepare(b.Ops()); err != nil || !s.overBudget() {
		return err
	}
	// Reclaiming may remove records that the prepared steps refer to.
	s.records.abandon()
	s.records.reapAll()
	for {
		if err := s.records.prepare(b.Ops()); err != nil || !s.overBudget() {
			return err
		}
		s.records.abandon()
		if !s.awaitSnapshot() {
			return fmt.Errorf("%d bytes are in use of %d: %w", s.records.mem.InUse(), s.o.Memory, statelab.ErrBudget)
		}
		s.records.reapAll()
	}
}

// overBudget says whether what is prepared may not take effect. Operations that
// take no memory always may.
func (s *Store) overBudget() bool {
	return s.o.Memory > 0 && s.records.mem.InUse() > s.o.Memory && s.records.allocated()
}

// awaitSnapshot waits for a snapshot that holds memory and is being written, if
// there is one, letting go of mu.
func (s *Store) awaitSnapshot() bool {
	if !s.records.pinnedInternally() || !s.snapshot.busy() {
		return false
	}
	start := time.Now()
	done := s.snapshot.done
	s.mu.Unlock()
	<-done
	s.mu.Lock()
	s.counters.stalls++
	s.counters.stallTime += time.Since(start)
	s.o.ReportMaintenance(statelab.EventStall, start, 0)
	return true
}

// reclaim gives dead memory back, a bounded part of it, and sees to I8.
func (s *Store) reclaim(limit int) {
	s.records.reap(limit)
	if s.o.Memory > 0 {
		s.records.limitPinned(s.o.Memory / pinnedShare)
	}
}

func (s *Store) advance(watermark int64) (pos wal.Pos, err error) {
	if s.o.Durability != statelab.DurabilityCheckpoint {
		if pos, err = s.appendLog(logAdvance, encodeWatermark(s.encoder.head[:0], watermark)); err != nil {
			return pos, err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records.watermark = watermark
	s.reclaim(reapPerAdvance)
	return pos, nil
}

// failed latches the failure of a write or sync (F1).
func (s *Store) failed(err error) error {
	if err == nil || errors.Is(err, statelab.ErrTooLarge) {
		return err
	}
	return s.latch.Set(err)
}
