package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// An ending is what is left to do about a segment that was cut: it is to be
// written and synced, and then the file of the next one to be made.
type ending struct {
	number uint64
	length int64
	full   [][]byte // frames that are not written yet
}

// Rotate ends the tail and begins a new one, and returns its number: all that
// was appended before is durable, and in segments of lower numbers. A tail
// without a frame is kept. (W2)
func (l *Log) Rotate() (uint64, error) {
	number, err := l.Cut()
	if err == nil {
		err = l.Settle()
	}
	return number, err
}

// Cut is Rotate for who must not wait for the disk: it only sees to it that what
// is appended from now on is in another segment. The rest is done by Settle, or
// whatever else writes or syncs first. Should the segment before still be
// unsettled, Cut waits for that.
func (l *Log) Cut() (uint64, error) {
	l.startWriting()
	defer l.writing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return 0, err
	}
	if l.pending {
		return 0, fmt.Errorf("rotate log %s: pending records wait for the one that completes them", l.o.Dir)
	}
	if l.end > segmentHeaderSize {
		l.ending = &ending{l.segment, l.end, l.buffers.takeAll()}
		l.startTail(l.segment+1, segmentHeaderSize)
		l.clock.wakeWriter()
	}
	return l.segment, nil
}

// Settle does what Cut has left to do.
func (l *Log) Settle() error {
	l.lead()
	defer l.leave()
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.settleCut()
}

// startWriting takes writing, when no cut is left to be settled. The caller does
// not lead.
func (l *Log) startWriting() {
	for {
		l.writing.Lock()
		if l.ending == nil || l.latch.Err() != nil {
			return
		}
		l.writing.Unlock()
		_ = l.Settle() // a failure is latched
	}
}

// settleCut makes the segment that was cut durable, and the file of the next
// one. The caller leads and holds writing; others append meanwhile.
func (l *Log) settleCut() error {
	e := l.ending
	if e == nil {
		return nil
	}
	if err := l.latch.Err(); err != nil {
		return err
	}
	off := e.length
	for _, buf := range e.full {
		off -= int64(len(buf))
	}
	for len(e.full) > 0 {
		buf := e.full[0]
		if err := l.writeFrames(buf, e.number, off); err != nil {
			return err
		}
		off += int64(len(buf))
		e.full = e.full[1:]
		l.mu.Lock()
		l.buffers.give(buf)
		l.mu.Unlock()
	}
	if err := l.cut(Pos{e.number, e.length}); err != nil {
		return err
	}
	old := l.file
	if err := l.begin(e.number+1, e.length); err != nil {
		return l.fail("rotate", err)
	}
	l.mu.Lock()
	l.ended = append(l.ended, ended{e.number, e.length})
	l.ending = nil
	l.mu.Unlock()
	if err := old.Close(); err != nil {
		return l.fail("rotate", err)
	}
	return nil
}

// RemoveBefore removes the segments with numbers below segment, once the
// caller has made durable that it will open the log at segment or later. A
// failure to remove is not latched; the next Open removes what is left.
func (l *Log) RemoveBefore(segment uint64) error {
	l.mu.Lock()
	tail := l.segment
	old := slices.Clone(l.ended)
	l.mu.Unlock()
	if segment > tail {
		return fmt.Errorf("remove segments before %d of log %s: it ends with %d", segment, l.o.Dir, tail)
	}
	for _, s := range old {
		if s.number >= segment {
			break
		}
		if err := l.retire(s); err != nil {
			return fmt.Errorf("remove segments before %d of log %s: %w", segment, l.o.Dir, err)
		}
	}
	l.mu.Lock()
	l.ended = slices.DeleteFunc(l.ended, func(s ended) bool { return s.number < segment })
	l.mu.Unlock()
	return nil
}

// removeSegmentsBefore removes the files of all segments with lower numbers.
func (l *Log) removeSegmentsBefore(segment uint64) error {
	numbers, err := listSegments(l.o.FS, l.o.Dir)
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if n >= segment {
			break
		}
		if err := l.removeSegment(n); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) removeSegment(number uint64) error {
	err := l.o.FS.Remove(filepath.Join(l.o.Dir, segmentName(number)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove segment of log %s: %w", l.o.Dir, err)
	}
	return nil
}
