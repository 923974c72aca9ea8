package lsm

import (
	"encoding/binary"
	"errors"
	"path/filepath"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/wal"
)

// With DurabilityInterval and DurabilityAlways the history is logged before it
// takes effect. A segment of the log holds what one memtable holds, or less;
// rotating the memtable rotates the log, and the flush of the memtable makes
// the segments up to there superfluous. A record of the log is
//
//	OFFSET  SIZE  FIELD
//	0       1     1 batch, 2 advance
//	1       n     the batch's encoding (statelab.Batch), or the watermark as 8
//	              bytes, little-endian
//
// so that Advance(5) is 02 05 00 00 00 00 00 00 00.
const (
	logBatch   = 1
	logAdvance = 2

	logDirName      = "LOG"
	firstLogSegment = 1
)

type logPos = wal.Pos

func (s *Store) logOptions() wal.Options {
	return wal.Options{
		FS:            s.fs,
		Dir:           filepath.Join(s.path, logDirName),
		Meter:         &s.meter,
		Purpose:       meter.Log,
		Policy:        s.options.Durability,
		Interval:      s.options.SyncInterval,
		Deterministic: s.options.Maintenance == statelab.MaintenanceInline,
		OnTick: func(start time.Time) {
			s.options.ReportMaintenance(statelab.EventLogSync, start, 0)
		},
	}
}

// logBatch logs a batch, holding writeMu.
func (s *Store) logBatch(b *statelab.Batch) (logPos, error) {
	if s.log == nil {
		return logPos{}, nil
	}
	s.logHead[0] = logBatch
	pos, err := s.log.Append(s.logHead[:1], b.Bytes())
	return pos, s.logFailed(err)
}

// logAdvance logs an Advance, holding writeMu.
func (s *Store) logAdvance(watermark int64) (logPos, error) {
	if s.log == nil {
		return logPos{}, nil
	}
	s.logHead[0] = logAdvance
	binary.LittleEndian.PutUint64(s.logHead[1:], uint64(watermark))
	pos, err := s.log.Append(s.logHead[:])
	return pos, s.logFailed(err)
}

// commitLog makes what was logged as durable as Options.Durability says. It is
// called without locks, so that callers share a sync.
func (s *Store) commitLog(pos logPos) error {
	if s.log == nil {
		return nil
	}
	return s.logFailed(s.log.Commit(pos))
}

// rotateLog ends the segment of the active memtable, and returns the number of
// the next one.
func (s *Store) rotateLog() (uint64, error) {
	if s.log == nil {
		return 0, nil
	}
	next, err := s.log.Rotate()
	return next, s.logFailed(err)
}

// trimLog removes the segments that the durable version makes superfluous.
func (s *Store) trimLog() {
	if s.log == nil {
		return
	}
	s.versionMu.Lock()
	start := s.logStart
	s.versionMu.Unlock()
	if err := s.log.RemoveBefore(start); err != nil {
		s.options.Logger.Warn("lsm: a segment of the log stays for now", "store", s.path, "error", err)
	}
}

// logFailed latches a failure of the log. A record that is too large for it is
// the caller's failure only.
func (s *Store) logFailed(err error) error {
	if err == nil || errors.Is(err, statelab.ErrTooLarge) {
		return err
	}
	return s.failed.Set(err)
}

// replay applies one record of the log.
func (s *Store) replay(payload []byte) error {
	if len(payload) == 9 && payload[0] == logAdvance {
		s.watermark.Store(max(s.watermark.Load(), int64(binary.LittleEndian.Uint64(payload[1:]))))
		return nil
	}
	if len(payload) == 0 || payload[0] != logBatch {
		return s.corruptLog("record of unknown kind")
	}
	ops := statelab.ReadOps(payload[1:])
	seq := s.seq.Load() + 1
	if _, err := s.view.Load().memtables[0].add(seq, ops); err != nil {
		return s.corruptLog(err.Error())
	}
	s.seq.Store(seq)
	return nil
}

func (s *Store) corruptLog(reason string) error {
	return &statelab.CorruptError{File: filepath.Join(s.path, logDirName), Offset: -1, Reason: reason}
}
