package kv

import (
	"fmt"
	"math"
	"time"

	"github.com/statelab/statelab"
)

// Apply implements statelab.Store.
func (s *Store) Apply(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return err
	}
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.changeable(); err != nil {
		return err
	}
	if b.Len() == 0 {
		return nil
	}
	into := s.db.Begin()
	logical, err := s.translate(into, b)
	if err != nil {
		into.Discard()
		return err
	}
	if err := s.commit(into); err != nil {
		return fmt.Errorf("apply a batch of %d operations: %w", b.Len(), err)
	}
	s.volume += logical
	s.batches.Add(1)
	s.ops.Add(int64(b.Len()))
	s.logical.Add(logical)
	return nil
}

// commit commits a batch as durably as it must be.
func (s *Store) commit(b Batch) error {
	if err := b.Commit(s.opts.Durability == statelab.DurabilityAlways); err != nil {
		return s.failed.Set(err)
	}
	s.dirty = true
	return nil
}

// translate puts the operations of b into a batch of the peer.
func (s *Store) translate(into Batch, b *statelab.Batch) (logical int64, err error) {
	blind := s.cfg.Merges && s.volume+int64(len(b.Bytes())) <= statelab.MaxRecordSize
	s.pending = nil
	if !blind && hasAppend(b) {
		s.pending = map[string][]byte{}
	}
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		if s.cfg.MaxKey > 0 && len(op.Key)+1 > s.cfg.MaxKey {
			return 0, fmt.Errorf("a key of %d bytes, and %s takes %d: %w", len(op.Key), s.cfg.Engine, s.cfg.MaxKey-1, statelab.ErrTooLarge)
		}
		if err := s.translateOp(into, op, blind); err != nil {
			return 0, err
		}
		logical += int64(len(op.Key) + len(op.Value))
	}
	return logical, ops.Err()
}

func hasAppend(b *statelab.Batch) bool {
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		if op.Kind == statelab.OpAppend {
			return true
		}
	}
	return false
}

func (s *Store) translateOp(into Batch, op statelab.Op, blind bool) error {
	s.key = append(append(s.key[:0], tagRecord), op.Key...)
	dead := statelab.Expired(op.ExpireAt, s.watermark)
	switch {
	case op.Kind == statelab.OpDelete || op.Kind == statelab.OpPut && dead:
		if s.pending != nil {
			s.pending[string(op.Key)] = []byte{}
		}
		return into.Delete(s.key)
	case op.Kind == statelab.OpPut:
		s.record = appendElement(s.record[:0], op.Value, op.ExpireAt)
		if s.pending != nil {
			s.pending[string(op.Key)] = append([]byte{}, s.record...)
		}
		if err := into.Put(s.key, s.record); err != nil {
			return err
		}
	case dead:
		return nil
	case blind:
		s.record = appendElement(s.record[:0], op.Value, op.ExpireAt)
		if err := into.Merge(s.key, s.record); err != nil {
			return err
		}
	default:
		if err := s.rewrite(into, op); err != nil {
			return err
		}
	}
	return s.index(into, op)
}

// rewrite appends an element by reading the record and putting it anew.
func (s *Store) rewrite(into Batch, op statelab.Op) error {
	record, known := s.pending[string(op.Key)]
	if !known {
		found, _, err := s.db.Get(s.record[:0], s.key)
		if err != nil {
			return fmt.Errorf("read the record that is appended to: %w", err)
		}
		s.record, record = found, found // empty if there is none
	}
	grown, size, err := prune(nil, record, s.watermark)
	if err != nil {
		return err
	}
	if size+len(op.Value) > statelab.MaxRecordSize {
		return fmt.Errorf("an append that makes a record of %d bytes: %w", size+len(op.Value), statelab.ErrTooLarge)
	}
	grown = appendElement(grown, op.Value, op.ExpireAt)
	s.pending[string(op.Key)] = grown
	return into.Put(s.key, grown)
}

// index adds the entry that says when an element dies (P4).
func (s *Store) index(into Batch, op statelab.Op) error {
	if s.cfg.Options.Expiry != ExpiryIndex || op.ExpireAt == statelab.NoExpiry {
		return nil
	}
	s.key = append(appendTime(append(s.key[:0], tagIndex), op.ExpireAt), op.Key...)
	if s.cfg.MaxKey > 0 && len(s.key) > s.cfg.MaxKey {
		return nil
	}
	return into.Put(s.key, nil)
}

// Advance implements statelab.Store. With expiry=index it also removes what
// has died, at most sweepLimit entries at a time; the rest waits for the next
// Advance. So its worst case is that many reads and writes.
func (s *Store) Advance(watermark int64) error {
	start := time.Now()
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.changeable(); err != nil {
		return err
	}
	if watermark <= s.watermark {
		return nil
	}
	into := s.db.Begin()
	err := into.Put(watermarkKey, appendTime(nil, watermark))
	if err == nil && s.cfg.Options.Expiry == ExpiryIndex {
		err = s.sweep(into, watermark)
	}
	if err != nil {
		into.Discard()
		return fmt.Errorf("advance to %d: %w", watermark, err)
	}
	s.gate.Lock()
	defer s.gate.Unlock()
	if err := s.commit(into); err != nil {
		return fmt.Errorf("advance to %d: %w", watermark, err)
	}
	s.watermark = watermark
	s.longest.Store(max(s.longest.Load(), int64(time.Since(start))))
	return nil
}

// sweepLimit bounds how many entries of the time index one Advance removes. It
// is more than a tick of any workload brings.
const sweepLimit = 1 << 14

// sweep removes the elements that the watermark reaches, by the time index.
func (s *Store) sweep(into Batch, watermark int64) error {
	lower := appendTime([]byte{tagIndex}, s.swept)
	upper := []byte{tagIndex + 1}
	if watermark < math.MaxInt64 {
		upper = appendTime([]byte{tagIndex}, watermark+1)
	}
	cur, err := s.db.Cursor(lower, upper, false)
	if err != nil {
		return fmt.Errorf("read the time index: %w", err)
	}
	err = s.sweepEntries(into, cur, watermark)
	if closeErr := cur.Close(); err == nil { // once: some peers use closed cursors again
		err = closeErr
	}
	return err
}

func (s *Store) sweepEntries(into Batch, cur Cursor, watermark int64) error {
	entries := 0
	for ok := cur.First(); ok; ok = cur.Next() {
		entry := cur.Key()
		if entries++; entries > sweepLimit {
			s.swept = decodeTime(entry[1:])
			return nil
		}
		if err := s.sweepOne(into, entry, watermark); err != nil {
			return err
		}
	}
	if err := cur.Err(); err != nil {
		return fmt.Errorf("read the time index: %w", err)
	}
	s.swept = watermark
	return nil
}

// sweepOne removes one entry of the time index, and what is dead of its record.
func (s *Store) sweepOne(into Batch, entry []byte, watermark int64) error {
	s.key = append(append(s.key[:0], tagRecord), entry[9:]...)
	record, found, err := s.db.Get(s.record[:0], s.key)
	if err != nil {
		return fmt.Errorf("read a record that expires: %w", err)
	}
	s.record = record
	if found {
		kept, _, err := prune(nil, record, watermark)
		switch {
		case err != nil:
			return err
		case len(kept) == 0:
			err = into.Delete(s.key)
		case len(kept) < len(record):
			err = into.Put(s.key, kept)
		}
		if err != nil {
			return err
		}
	}
	return into.Delete(entry)
}
