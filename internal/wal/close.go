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
	l.hold()
	defer l.letGo()
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
	l.buffers.room.Broadcast()
	return err
}

// hold takes leadership and all locks, in their order.
func (l *Log) hold() {
	l.lead()
	l.writing.Lock()
	l.mu.Lock()
}

func (l *Log) letGo() {
	l.mu.Unlock()
	l.writing.Unlock()
	l.leave()
}

// finish writes and syncs all of the tail, and gives back the space that was
// reserved for more. The caller holds everything.
func (l *Log) finish() error {
	if err := l.drainHolding(); err != nil {
		return err
	}
	end := Pos{l.segment, l.end}
	if cut := l.end < l.space.Load(); !cut && !l.synced.Before(end) {
		return nil
	}
	return l.cut(end)
}

// retreat cuts the tail at what was synced last. The caller holds everything.
func (l *Log) retreat() error {
	written := l.end - l.buffers.length()
	l.buffers.clear()
	l.end = l.synced.Offset
	if max(written, l.space.Load()) <= l.end {
		return nil
	}
	return l.cut(l.synced)
}

// cut ends the tail's file at its end and makes that durable.
func (l *Log) cut(end Pos) error {
	if l.space.Load() > l.end {
		if err := l.file.Truncate(l.end); err != nil {
			return l.fail("cut", err)
		}
		l.space.Store(l.end)
	}
	if err := l.file.Sync(); err != nil {
		return l.fail("sync", err)
	}
	l.synced = end
	return nil
}
