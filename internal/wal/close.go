package wal

import (
	"fmt"

	"github.com/statelab/statelab"
)

// Close makes all that was appended durable and closes the log. It returns the
// first failure if there was one before. A second Close, or one after Discard,
// returns statelab.ErrClosed.
func (l *Log) Close() error { return l.close(l.finish) }

// Discard gives up what was appended since the last sync of any kind, and
// closes the log: it opens again as after that sync. Else it is as Close.
func (l *Log) Discard() error { return l.close(l.retreat) }

// close runs settle, which leaves the tail's file synced up to its end, and
// states that in DURABLE.
func (l *Log) close(settle func() error) error {
	l.clock.end()
	l.lead()
	defer l.leave()
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.file == nil {
		return fmt.Errorf("log %s: %w", l.o.Dir, statelab.ErrClosed)
	}
	err := l.latch.Err()
	if err == nil {
		err = settle()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil && l.synced != l.bound {
		if err = writeDurable(l.o.FS, l.o.Dir, l.synced, l.o.Meter); err != nil {
			err = l.latch.Set(fmt.Errorf("close log %s: %w", l.o.Dir, err))
		}
	}
	if cerr := l.file.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close log %s: %w", l.o.Dir, cerr)
	}
	l.file = nil
	l.buffers.room.Broadcast()
	return err
}

// finish writes and syncs all of the tail, and gives back the space that was
// reserved for more. The caller leads and holds writing.
func (l *Log) finish() error {
	if err := l.settleCut(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.drainHolding(); err != nil {
		return err
	}
	end := Pos{l.segment, l.end}
	if l.end >= l.space.Load() && !l.synced.Before(end) {
		return nil
	}
	return l.cut(end)
}

// retreat cuts the log at what was synced last. The caller leads and holds
// writing.
func (l *Log) retreat() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	written := l.end - l.buffers.length()
	l.buffers.clear()
	if e := l.ending; e != nil { // nothing of the tail was written
		written = e.length
		l.ending = nil
	}
	l.startTail(l.synced.Segment, l.synced.Offset)
	if max(written, l.space.Load()) <= l.end {
		return nil
	}
	return l.cut(l.synced)
}

// cut ends the tail's file at a place and makes it durable up to there. The
// caller leads and holds writing.
func (l *Log) cut(end Pos) error {
	if l.space.Load() > end.Offset {
		if err := l.file.Truncate(end.Offset); err != nil {
			return l.fail("cut", err)
		}
		l.space.Store(end.Offset)
	}
	if err := l.file.Sync(); err != nil {
		return l.fail("sync", err)
	}
	l.synced = end
	return nil
}
