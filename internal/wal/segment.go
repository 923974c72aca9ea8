package wal

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A segment's file is longer than its frames while it is the tail: space is
// reserved ahead, so that a write need not ask the file system for any. And a
// file that is not needed any more is kept as a spare, to be the tail again
// under another name: writing over a file is cheaper than growing one. What
// follows the frames is then zeros or the remains of another segment's, which
// are no frames here (W5). A log without policy does neither: it is synced
// seldom, and then so much at a time that its length is worth no thought.

const (
	// Space is reserved in steps of an eighth of what the tail has, so that a small
	// log stays one, within these bounds.
	reserveShare = 8
	leastReserve = 4 << 10
	mostReserve  = 16 << 20

	// maxSpares is how many files are kept: a log that is cut short by a whole
	// segment again and again needs one.
	maxSpares = 1

	spareSuffix = ".spare"
)

// A spare is a file that a segment can be made of.
type spare struct {
	name string // in the log's directory
	size int64
}

// reserve sees to it that the tail's file is at least end bytes long, if the
// file system can reserve space. Where it cannot, or has none left, the write
// that follows grows the file, or says what is wrong.
func (l *Log) reserve(end int64) {
	if end <= l.space.Load() || l.unreserved || !l.isOften() {
		return
	}
	size := end + min(max(end/reserveShare, leastReserve), mostReserve)
	if err := vfs.Preallocate(l.file, size); err != nil {
		l.unreserved = true
		return
	}
	l.space.Store(size)
}

// isOften says whether the log is synced often enough for reserved space and
// spares to be worth what they take.
func (l *Log) isOften() bool { return l.o.Policy != statelab.DurabilityCheckpoint }

// begin creates segment number, durably, and makes its file the tail's.
// previousLength is that of the segment before it, which must be whole and
// synced (W2). The caller leads and holds writing.
func (l *Log) begin(number uint64, previousLength int64) error {
	path := filepath.Join(l.o.Dir, segmentName(number))
	raw, used, err := l.openSpare(path)
	if err != nil {
		return err
	}
	file := l.o.Meter.File(raw, l.o.Purpose)
	if _, err = file.WriteAt(encodeSegmentHeader(number, previousLength), 0); err == nil {
		err = file.Sync()
	}
	if err == nil && used.name != "" { // only now: the name of a segment has never stood for another's header
		err = l.o.FS.Rename(filepath.Join(l.o.Dir, used.name), path)
	}
	if err == nil {
		err = l.o.FS.SyncDir(l.o.Dir)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.extend(raw, number, segmentHeaderSize, max(used.size, segmentHeaderSize))
	return nil
}

// openSpare returns the file of a spare, or a new one at path: also if the spare
// cannot be opened, since nobody depends on it. The next Open finds it again.
func (l *Log) openSpare(path string) (vfs.File, spare, error) {
	if s, ok := l.takeSpare(); ok {
		if f, err := l.o.FS.OpenReadWrite(filepath.Join(l.o.Dir, s.name)); err == nil {
			return f, s, nil
		}
	}
	f, err := l.o.FS.Create(path)
	return f, spare{}, err
}

func (l *Log) takeSpare() (spare, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.spares) == 0 {
		return spare{}, false
	}
	s := l.spares[0]
	l.spares = l.spares[1:]
	return s, true
}

// retire removes a segment's file, or keeps it as a spare.
func (l *Log) retire(s ended) error {
	l.mu.Lock()
	keep := l.isOften() && len(l.spares) < maxSpares
	l.mu.Unlock()
	if !keep {
		return l.removeSegment(s.number)
	}
	name := strings.TrimSuffix(segmentName(s.number), segmentSuffix) + spareSuffix
	err := l.o.FS.Rename(filepath.Join(l.o.Dir, segmentName(s.number)), filepath.Join(l.o.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // an earlier attempt came as far as this
	}
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.spares = append(l.spares, spare{name, s.length})
	l.mu.Unlock()
	return nil
}

// findSpares takes over the spares in the log's directory, and removes those
// that are too many.
func (l *Log) findSpares() error {
	names, err := l.spareNames()
	if err != nil {
		return err
	}
	for _, name := range names[:min(len(names), maxSpares)] {
		info, err := l.o.FS.Stat(filepath.Join(l.o.Dir, name))
		if err != nil {
			return err
		}
		l.spares = append(l.spares, spare{name, info.Size})
	}
	return l.removeSpares(maxSpares)
}

// removeSpares removes all spares in the log's directory but the first so many.
func (l *Log) removeSpares(but int) error {
	names, err := l.spareNames()
	if err != nil {
		return err
	}
	for _, name := range names[min(len(names), but):] {
		if err := l.o.FS.Remove(filepath.Join(l.o.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) spareNames() ([]string, error) {
	names, err := l.o.FS.List(l.o.Dir)
	return slices.DeleteFunc(names, func(name string) bool { return !strings.HasSuffix(name, spareSuffix) }), err
}

// Disk returns the length in bytes of all files of segments, with the space
// that is reserved and with spares.
func (l *Log) Disk() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	size := max(l.end, l.space.Load())
	if l.ending != nil { // and the tail has no file yet
		size = max(l.ending.length, l.space.Load())
	}
	for _, s := range l.ended {
		size += s.length
	}
	for _, s := range l.spares {
		size += s.size
	}
	return size
}
