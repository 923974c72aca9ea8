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
	l.syncMu.Lock()
	defer l.syncMu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return fmt.Errorf("log %s: %w", l.o.Dir, statelab.ErrClosed)
	}
	err := l.latch.Err()
	if err == nil {
		err = settle()
	}
	if end := (Pos{l.segment, l.end}); err == nil && end != l.bound {
		if err = writeDurable(l.o.FS, l.o.Dir, end, l.o.Meter); err != nil {
			err = l.latch.Set(fmt.Errorf("close log %s: %w", l.o.Dir, err))
		}
	}
	if cerr := l.file.Close(); err == nil && cerr != nil {
		err = fmt.Errorf("close log %s: %w", l.o.Dir, cerr)
	}
	l.file = nil
	return err
}

// finish writes and syncs all of the tail, holding both locks.
func (l *Log) finish() error {
	if err := l.writeOut(); err != nil {
		return err
	}
	if end := (Pos{l.segment, l.end}); l.synced.Before(end) {
		if err := l.file.Sync(); err != nil {
			return l.fail("sync", err)
		}
		l.synced = end
	}
	return nil
}

// retreat cuts the tail at what was synced last, holding both locks.
func (l *Log) retreat() error {
	written := l.end - int64(len(l.buf))
	l.buf, l.end = l.buf[:0], l.synced.Offset
	if written <= l.end {
		return nil
	}
	if err := l.file.Truncate(l.end); err != nil {
		return l.fail("cut", err)
	}
	if err := l.file.Sync(); err != nil {
		return l.fail("sync", err)
	}
	return nil
}
