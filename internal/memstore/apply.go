package memstore

import (
	"errors"
	"fmt"
	"math"
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

// Advance implements statelab.Store. Beside the log, and a snapshot if one is due
// and maintenance is inline, it costs what looking at 1024 elements and letting
// go of four times as many pieces costs; what is dead beyond that is reclaimed by
// later calls.
func (s *Store) Advance(watermark int64) error {
	if err := s.begin(); err != nil {
		return fmt.Errorf("advance: %w", err)
	}
	start := time.Now()
	if watermark <= s.records.watermark.Load() {
		s.write.Unlock()
		s.calls.Done()
		return nil
	}
	pos, err := s.advance(watermark)
	err = s.finish("advance", pos, err)
	took := int64(time.Since(start))
	for longest := &s.counters.longestAdvance; ; {
		if was := longest.Load(); took <= was || longest.CompareAndSwap(was, took) {
			return err
		}
	}
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
	if err := s.prepare(b); err != nil {
		return pos, err
	}
	if s.o.Durability != statelab.DurabilityCheckpoint {
		if pos, err = s.appendLog(logBatch, b.Bytes()); err != nil {
			s.records.abandon()
			return pos, err
		}
	}
	s.counters.batches.Add(1)
	s.counters.ops.Add(int64(b.Len()))
	s.counters.logical.Add(s.records.logical)
	s.paceSnapshot()
	s.records.commit()
	s.reclaim(reapPerOp * b.Len())
	return pos, nil
}

// prepare finds the memory for a batch, within the budget.
func (s *Store) prepare(b *statelab.Batch) error {
	if err := s.records.prepare(b.Ops()); err != nil || !s.overBudget() {
		return err
	}
	for {
		s.records.abandon() // reclaiming may remove records that the steps refer to
		pinning := s.pinningSnapshot()
		s.records.reapAll()
		if err := s.records.prepare(b.Ops()); err != nil || !s.overBudget() {
			return err
		}
		if pinning == nil {
			s.records.abandon()
			return fmt.Errorf("%d bytes are in use of %d: %w", s.records.inUse(), s.o.Memory, statelab.ErrBudget)
		}
		s.await(pinning)
	}
}

// overBudget says whether what is prepared may not take effect. Operations that
// take no memory always may.
func (s *Store) overBudget() bool {
	return s.o.Memory > 0 && s.records.inUse() > s.o.Memory && s.records.allocated()
}

// pinningSnapshot returns what is closed when the snapshot that is being written
// is finished, if it holds memory, or nil.
func (s *Store) pinningSnapshot() <-chan struct{} {
	if !s.records.views.pinnedInternally() || !s.snapshot.busy() {
		return nil
	}
	return s.snapshot.done
}

// await waits for a snapshot, which takes memory that a batch needs.
func (s *Store) await(snapshot <-chan struct{}) {
	start := time.Now()
	s.counters.stalls.Add(1)
	s.hurrySnapshot()
	<-snapshot
	s.counters.stallTime.Add(int64(time.Since(start)))
	s.o.ReportMaintenance(statelab.EventStall, start, 0)
}

// reclaim gives dead memory back, a bounded part of it, and sees to I8.
func (s *Store) reclaim(limit int) {
	r := &s.records
	r.reap(limit)
	pinned := int64(math.MaxInt64)
	if s.o.Memory > 0 {
		pinned = s.o.Memory / pinnedShare
	}
	r.views.limit(pinned, r.seq.Load())
}

func (s *Store) advance(watermark int64) (pos wal.Pos, err error) {
	if s.o.Durability != statelab.DurabilityCheckpoint {
		if pos, err = s.appendLog(logAdvance, encodeWatermark(s.encoder.head[:0], watermark)); err != nil {
			return pos, err
		}
	}
	s.records.watermark.Store(watermark)
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
