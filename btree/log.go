package btree

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/wal"
)

// A record of the log is one byte that says what it is, and
//
//	1  a batch: statelab.Batch.Bytes
//	2  an advance: the watermark, 8 bytes, little-endian
//	3  a Sync, which completes the pending records before it (redo.go)
const (
	logBatch   = 1
	logAdvance = 2
	logSync    = 3
)

func encodeWatermark(watermark int64) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(watermark))
}

func (s *Store) logOptions() wal.Options {
	return s.logOptionsOf(logName, meter.Log, s.options.Durability)
}

// logOptionsOf returns the options of a log of this store.
func (s *Store) logOptionsOf(name string, purpose meter.Purpose, policy statelab.Durability) wal.Options {
	return wal.Options{
		FS: s.options.FS, Dir: filepath.Join(s.dir.Path, name), Meter: s.meter, Purpose: purpose,
		Policy: policy, Interval: s.options.SyncInterval,
		Deterministic: s.options.Maintenance == statelab.MaintenanceInline,
		OnTick: func(start time.Time) {
			s.options.ReportMaintenance(statelab.EventLogSync, start, 0)
		},
	}
}

// openLog brings the tree from its last commit to the end of the log, if there
// is one, and sees to it that there is one if this opening's durability wants it.
func (s *Store) openLog(first uint64) error {
	if first == 0 {
		if !s.options.keepsLog() {
			return s.removeLog()
		}
		// The log is whole before the root says that there is one.
		log, err := wal.Create(s.logOptions(), 1)
		if err != nil {
			return err
		}
		s.log = log
		s.redo.restart(1, 0)
		return s.tree.persist(1, nil)
	}
	s.redo.restart(first, 0)
	if err := s.resume(); err != nil {
		return err
	}
	log, err := wal.Open(s.logOptions(), first, s.replay)
	if err != nil {
		return err
	}
	s.log = log
	if err := s.checkReplayed(); err != nil {
		return err
	}
	s.options.Logger.Info("btree: log replayed", "dir", s.dir.Path, "records", s.redo.records)
	if s.options.Durability == statelab.DurabilityCheckpoint {
		s.dirty = false // what was replayed is durable
	}
	if s.options.keepsLog() {
		return nil
	}
	if err := s.mergeAll(); err != nil {
		return err
	}
	if err := s.tree.persist(0, nil); err != nil {
		return err
	}
	s.log, s.dirty = nil, false
	if err := log.Close(); err != nil {
		return err
	}
	return s.removeLog()
}

// removeLog removes the log of a durability that the store was opened with
// before, if there is one.
func (s *Store) removeLog() error {
	fsys, dir := s.options.FS, filepath.Join(s.dir.Path, logName)
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if err == nil {
			err = fsys.Remove(filepath.Join(dir, name))
		}
	}
	if err == nil {
		err = fsys.Remove(dir)
	}
	return err
}

// replay applies a record of the log, as far as the tree does not have it.
func (s *Store) replay(payload []byte) error {
	s.dirty = true
	record := s.redo.records + 1
	switch {
	case len(payload) > 0 && payload[0] == logBatch:
		if err := s.apply(s.unmerged(payload[1:], record)); err != nil {
			return err
		}
	case len(payload) == 1 && payload[0] == logSync:
	case len(payload) == 9 && payload[0] == logAdvance:
		s.advanceTo(max(s.tree.watermark, int64(binary.LittleEndian.Uint64(payload[1:]))))
		if err := s.expire(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("replay: %w", errUnknownRecord)
	}
	s.redo.records = record
	s.raiseDirect()
	return s.relieve()
}

var errUnknownRecord = errors.New("a record of the log is neither a batch nor an advance nor a Sync")
