package wal

import (
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/statelab/statelab"
)

// Append adds a record, the concatenation of parts, and returns the place it
// ends at. It copies into a buffer, and writes the buffer to the file when it
// is full; records of more than the buffer's 256 KiB are written at once. It is
// as durable as Commit of the place makes it.
func (l *Log) Append(parts ...[]byte) (Pos, error) { return l.append(KindRecord, parts) }

// AppendPending adds a record that counts only together with the next one that
// Append adds: recovery replays both or neither (W6). Between the two the
// caller must not Rotate.
func (l *Log) AppendPending(parts ...[]byte) (Pos, error) { return l.append(KindPending, parts) }

func (l *Log) append(kind Kind, parts [][]byte) (Pos, error) {
	length, sum := 0, uint32(0)
	for _, p := range parts {
		length += len(p)
		sum = crc32.Update(sum, castagnoli, p)
	}
	if length > MaxPayload {
		return Pos{}, fmt.Errorf("append %d bytes to log %s: %w", length, l.o.Dir, statelab.ErrTooLarge)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.makeRoom(length); err != nil {
		return Pos{}, err
	}
	l.pending = kind == KindPending
	l.add(kind, sum, length)
	if length > bufferSize-frameHeaderSize {
		return l.appendLarge(parts)
	}
	for _, p := range parts {
		l.buf = append(l.buf, p...)
	}
	return Pos{l.segment, l.end}, nil
}

// makeRoom sees to it that a frame with a payload of length bytes can be added
// to the tail and to the buffer, if it fits into the buffer at all.
func (l *Log) makeRoom(length int) error {
	for {
		if err := l.usable(); err != nil {
			return err
		}
		size := frameHeaderSize + length
		full := l.end > segmentHeaderSize && l.end+int64(size) > l.o.SegmentSize
		if full && !l.pending {
			l.mu.Unlock()
			_, err := l.Rotate()
			l.mu.Lock()
			if err != nil {
				return err
			}
			continue
		}
		if len(l.buf)+size > bufferSize {
			return l.writeOut()
		}
		return nil
	}
}

func (l *Log) usable() error {
	if err := l.latch.Err(); err != nil {
		return err
	}
	if l.file == nil {
		return fmt.Errorf("log %s: %w", l.o.Dir, statelab.ErrClosed)
	}
	return nil
}

// add puts the header of a frame into the buffer and takes account of the whole
// frame.
func (l *Log) add(kind Kind, sum uint32, length int) {
	l.buf = l.sealer.appendHeader(l.buf, l.segment, l.end,
		frameHeader{payloadSum: sum, length: uint32(length), lag: lagOf(l.end, l.proved.durable), kind: kind})
	l.end += int64(frameHeaderSize + length)
	l.stated = l.proved
	if kind != KindMark {
		l.body = l.end
		l.frames++
	}
}

// appendLarge writes the frame whose header was just added, without copying
// its payload.
func (l *Log) appendLarge(parts [][]byte) (Pos, error) {
	off := l.end
	for _, p := range parts {
		off -= int64(len(p))
	}
	if err := l.writeAt(l.buf, off-int64(len(l.buf))); err != nil {
		return Pos{}, err
	}
	l.buf = l.buf[:0]
	for _, p := range parts {
		if err := l.writeAt(p, off); err != nil {
			return Pos{}, err
		}
		off += int64(len(p))
	}
	return Pos{l.segment, l.end}, nil
}

// writeOut writes the buffer to the file.
func (l *Log) writeOut() error {
	if len(l.buf) == 0 {
		return nil
	}
	if err := l.writeAt(l.buf, l.end-int64(len(l.buf))); err != nil {
		return err
	}
	l.buf = l.buf[:0]
	return nil
}

func (l *Log) writeAt(b []byte, off int64) error {
	if _, err := l.file.WriteAt(b, off); err != nil {
		return l.fail("write", err)
	}
	return nil
}

// fail latches a failure (W7).
func (l *Log) fail(what string, err error) error {
	return l.latch.Set(fmt.Errorf("%s log %s: %w", what, filepath.Join(l.o.Dir, segmentName(l.segment)), err))
}
