package wal

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// Rotate ends the tail and begins a new one, and returns its number: all that
// was appended before is durable, and in segments of lower numbers. A tail
// without a frame is kept. (W2)
func (l *Log) Rotate() (uint64, error) {
	pos, err := l.bodyEnd()
	if err == nil {
		err = l.syncTo(pos, false) // most of the work, while others append
	}
	if err != nil {
		return 0, err
	}
	l.hold()
	defer l.letGo()
	if err := l.usable(); err != nil {
		return 0, err
	}
	if l.pending {
		return 0, fmt.Errorf("rotate log %s: pending records wait for the one that completes them", l.o.Dir)
	}
	if l.end > segmentHeaderSize {
		if err := l.rotate(); err != nil {
			return 0, err
		}
	}
	return l.segment, nil
}

// rotate ends the tail. The caller holds everything.
func (l *Log) rotate() error {
	if err := l.finish(); err != nil {
		return err
	}
	old, number, length := l.file, l.segment, l.end
	if err := l.begin(number+1, length); err != nil {
		return l.fail("rotate", err)
	}
	l.ended = append(l.ended, ended{number, length})
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
