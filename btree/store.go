package btree

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
)

// Engine is the engine's name, in directories and backend specs.
const Engine = "btree"

const (
	formatVersion = 2
	treeName      = "1.tree"
	logName       = "LOG"    // directory of the log
	imagesName    = "IMAGES" // and of that of images

	settingIndex    = "index"
	settingPageSize = "page_size"

	settingCompression = "compression" // of one that has any
	settingUpdate      = "update"      // of one that is not updated copy-on-write
)

// Store is a paged B+tree in a directory. It implements statelab.Store and the
// abilities CheckStore, DumpStore and ElementStore.
type Store struct {
	options Options
	dir     *storedir.Dir
	meter   *meter.Meter

	// calls is held for reading by calls that give up the others below in between,
	// and for writing by Close, which so waits for them. It is taken first. writer is
	// held by whoever changes the tree or commits it. Whoever reads pages is within the
	// gate, which is closed while pages change; a commit changes none, so readers go on
	// beside its syncs. The gate is closed, or entered, last.
	calls  sync.RWMutex
	writer sync.Mutex
	gate   gate
	closed bool // changes while the gate is closed
	tree   tree
	buffer buffer   // in front of the tree
	merge  merge    // of the one into the other
	beside int      // batches to come that are prepared beside readers
	log    *wal.Log // nil under DurabilityCheckpoint, if pages are not updated in place
	redo   redo     // of what goes into the log

	progress progress // of merging it
	round    round
	direct   bool // a batch went to the tree itself, past the buffer
	layout   layout
	dirty    bool // something was applied or advanced since the last commit

	views     views
	iterators sync.Pool // of *overlay

	batches, ops, logical, commits atomic.Int64
	longestAdvance                 atomic.Int64 // nanoseconds
}

var _ interface {
	statelab.Store
	statelab.CheckStore
	statelab.DumpStore
	statelab.ElementStore
} = (*Store)(nil)

// Get implements statelab.Store.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	defer s.gate.leave(s.gate.enter())
	if s.closed {
		return dst, statelab.ErrClosed
	}
	out, found, err := s.appendRecord(dst, key)
	if err != nil {
		return dst, fmt.Errorf("get: %w", err)
	}
	if !found {
		return dst, statelab.ErrNotFound
	}
	return out, nil
}

// Apply implements statelab.Store.
func (s *Store) Apply(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	if len(b.Bytes()) > wal.MaxPayload-1 {
		return fmt.Errorf("apply a batch of %d bytes: %w", len(b.Bytes()), statelab.ErrTooLarge)
	}
	if b.Len() == 0 {
		return s.usable()
	}
	s.calls.RLock()
	defer s.calls.RUnlock()
	pos, err := s.applyLocked(b)
	if err != nil {
		return fmt.Errorf("apply: %w", err)
	}
	return s.acknowledge(pos)
}

func (s *Store) applyLocked(b *statelab.Batch) (wal.Pos, error) {
	s.writer.Lock()
	defer s.writer.Unlock()
	beside, err := s.prepareBeside(b)
	if err != nil {
		return wal.Pos{}, err
	}
	pos, err := s.change(func() error {
		if beside {
			s.buffer.commitBeside()
			return nil
		}
		return s.apply(b.Ops)
	}, func() (wal.Pos, error) {
		return s.logChange(logBatch, b.Bytes())
	})
	if err != nil {
		s.buffer.giveUp()
		return pos, err
	}
	s.batches.Add(1)
	s.ops.Add(int64(b.Len()))
	s.logical.Add(logicalBytes(b))
	return pos, s.maintain()
}

// change runs what changes the tree, then logs it. The writer's lock is held.
func (s *Store) change(tree func() error, log func() (wal.Pos, error)) (wal.Pos, error) {
	s.noteReaders(s.gate.close())
	defer s.reopenGate()
	if s.closed {
		return wal.Pos{}, statelab.ErrClosed
	}
	if err := s.tree.failed.Err(); err != nil {
		return wal.Pos{}, err
	}
	if err := tree(); err != nil {
		return wal.Pos{}, err
	}
	s.dirty = true
	pos, err := log()
	if err != nil {
		return pos, s.tree.failed.Set(err)
	}
	s.raiseDirect()
	err = s.expire()
	s.boundSnapshots()
	return pos, err
}

// boundSnapshots fails the oldest iterators while pages held for iterators
// alone are more than a quarter of the memory (I8).
func (s *Store) boundSnapshots() {
	for s.pinned() > s.options.Memory/4 {
		oldest := s.views.failOldest()
		if oldest == nil {
			return
		}
		s.closeSnapshots(oldest)
		s.tree.snaps.reap(s.tree.releasePage)
		s.buffer.snaps.reap(s.buffer.releasePage)
	}
}

// pinned returns the bytes of pages held for iterators alone.
func (s *Store) pinned() int64 {
	return int64(s.tree.snaps.pinned()+s.buffer.snaps.pinned()) * int64(s.tree.pageSize)
}

func logicalBytes(b *statelab.Batch) int64 {
	n := int64(0)
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		n += int64(len(op.Key) + len(op.Value))
	}
	return n
}

// Advance implements statelab.Store. Besides moving the watermark it takes out
// of the tree up to 64 leaves in which everything is dead, each for the cost of
// a path from the root; one that owns overflow pages is read, and all its
// overflow pages freed, for which their index pages are read. What is left is
// taken out by later Applies and Advances.
func (s *Store) Advance(watermark int64) error {
	start := time.Now()
	s.calls.RLock()
	defer s.calls.RUnlock()
	pos, err := s.advanceLocked(watermark)
	if err != nil {
		return fmt.Errorf("advance: %w", err)
	}
	if err := s.acknowledge(pos); err != nil {
		return err
	}
	took := int64(time.Since(start))
	for {
		longest := s.longestAdvance.Load()
		if took <= longest || s.longestAdvance.CompareAndSwap(longest, took) {
			return nil
		}
	}
}

func (s *Store) advanceLocked(watermark int64) (wal.Pos, error) {
	s.writer.Lock()
	defer s.writer.Unlock()
	if watermark <= s.tree.watermark {
		return wal.Pos{}, s.usable()
	}
	pos, err := s.change(func() error {
		s.advanceTo(watermark)
		return nil
	}, func() (wal.Pos, error) {
		return s.logChange(logAdvance, encodeWatermark(watermark))
	})
	if err != nil {
		return pos, err
	}
	return pos, s.maintain()
}

// usable returns why a change would be refused, if it would.
func (s *Store) usable() error {
	defer s.gate.leave(s.gate.enter())
	if s.closed {
		return statelab.ErrClosed
	}
	return s.tree.failed.Err()
}

// maintain relieves the write buffer, and cuts a log that is long enough short
// by a commit. The writer's lock is held.
func (s *Store) maintain() error {
	if err := s.relieve(); err != nil {
		return err
	}
	if err := s.goRound(); err != nil {
		return err
	}
	switch {
	case s.options.Durability == statelab.DurabilityCheckpoint:
	case s.tooLong():
		return s.commit()
	case s.commitDue():
		return s.commitFuzzy()
	}
	return nil
}

// expire takes some dead leaves out. That it cannot read one fails nobody's
// change, which has taken effect: whoever asks for what is in it will be told.
// The gate is closed.
func (s *Store) expire() error {
	err := s.tree.expire()
	if err == nil {
		err = s.buffer.expire()
	}
	if err == nil || s.tree.failed.Err() != nil {
		return s.tree.failed.Err()
	}
	s.options.Logger.Warn("btree: dead leaves cannot be taken out", "file", s.tree.name, "err", err)
	return nil
}

// commit makes the tree durable and cuts the log short. The writer's lock is held.
func (s *Store) commit() error {
	start, before := time.Now(), s.pageBytes()
	if err := s.mergeAll(); err != nil {
		return err
	}
	segment := uint64(0)
	if s.log != nil {
		var err error
		if segment, err = s.rotateLog(); err != nil {
			return s.tree.failed.Set(err)
		}
	}
	if err := s.tree.persist(segment, nil); err != nil {
		return err
	}
	s.dirty = false
	s.redo.restart(segment, s.options.LogLimit)
	s.progress.restart()
	s.settleCommit(start, before, segment)
	return nil
}

// settleCommit takes note of a commit that began at start, when so many bytes of pages had been written,
// and needs the log from a segment on.
func (s *Store) settleCommit(start time.Time, before int64, segment uint64) {
	s.commits.Add(1)
	s.layout.measure(&s.tree)
	s.options.ReportMaintenance(statelab.EventCommit, start, s.pageBytes()-before)
	if s.log != nil {
		// The next opening removes what could not be removed.
		if err := s.log.RemoveBefore(segment); err != nil {
			s.options.Logger.Warn("btree: log is not cut short", "err", err)
		}
	}
}

// pageBytes returns how many bytes of pages were written so far.
func (s *Store) pageBytes() int64 {
	var st statelab.Stats
	s.meter.Fill(&st)
	return st.Written.Page
}

// acknowledge waits until what the log holds up to pos is as durable as a
// change must be when it returns.
func (s *Store) acknowledge(pos wal.Pos) error {
	if s.log == nil || pos == (wal.Pos{}) {
		return nil
	}
	return s.tree.failed.Set(s.log.Commit(pos))
}

// Sync implements statelab.Store. With a log it syncs that; else it commits the
// tree, unless nothing has changed since it last did.
func (s *Store) Sync() error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	if err := s.sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	return nil
}

func (s *Store) sync() error {
	if err := s.usable(); err != nil {
		return err
	}
	if s.options.Durability != statelab.DurabilityCheckpoint {
		return s.tree.failed.Set(s.log.Sync())
	}
	s.writer.Lock()
	defer s.writer.Unlock()
	if err := s.tree.failed.Err(); err != nil || !s.dirty {
		return err
	}
	if s.log != nil {
		return s.logSync()
	}
	return s.commit()
}

// Close implements statelab.Store.
func (s *Store) Close() error {
	s.calls.Lock()
	defer s.calls.Unlock()
	s.writer.Lock()
	defer s.writer.Unlock()
	err := s.usable()
	if errors.Is(err, statelab.ErrClosed) {
		return err
	}
	// Where every change is kept the tree is committed, so that the next opening has nothing
	// to replay. Under DurabilityCheckpoint what was not synced is given up.
	if err == nil && s.options.Durability != statelab.DurabilityCheckpoint && s.dirty {
		err = s.commit()
	}
	s.gate.close()
	defer s.gate.open()
	s.closed = true
	if rerr := s.release(); err == nil {
		err = rerr
	}
	if err != nil {
		return fmt.Errorf("close btree %s: %w", s.dir.Path, err)
	}
	return nil
}

// release gives up all that Open took, as far as it came.
func (s *Store) release() error {
	var errs []error
	if s.log != nil {
		finish := s.log.Close
		if s.options.Durability == statelab.DurabilityCheckpoint {
			finish = s.log.Discard
		}
		if err := finish(); err != nil && s.tree.failed.Err() == nil {
			errs = append(errs, err)
		}
	}
	if log := s.tree.imageLog(); log != nil {
		if err := log.Close(); err != nil && s.tree.failed.Err() == nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, s.tree.close(), s.dir.Close())...)
}
