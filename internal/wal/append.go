package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"path/filepath"

	"github.com/statelab/statelab"
)

// Append adds a record, the concatenation of parts, and returns the place it
// ends at. It copies into a buffer. Full buffers are written by a goroutine of
// the log's own under DurabilityInterval, if it need not be deterministic, so that
// Append waits for the file only if that cannot keep up, and by the appender
// that has filled one else. Records of more than the buffer's 256 KiB are written
// at once. A record is as durable as Commit of its place makes it.
func (l *Log) Append(parts ...[]byte) (Pos, error) { return l.append(KindRecord, parts) }

// AppendPending adds a record that counts only together with the next one that
// Append adds: recovery replays both or neither (W6). Between the two the
// caller must not Rotate.
func (l *Log) AppendPending(parts ...[]byte) (Pos, error) { return l.append(KindPending, parts) }

// Abandon gives up the pending records that no record completes: they will not be replayed.
func (l *Log) Abandon() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.pending {
		return l.usable()
	}
	if err := l.makeRoom(frameHeaderSize); err != nil {
		return err
	}
	l.add(KindVoid, 0, 0)
	l.pending = false
	return nil
}

func (l *Log) append(kind Kind, parts [][]byte) (Pos, error) {
	length := 0
	for _, p := range parts {
		length += len(p)
	}
	if length > MaxPayload {
		return Pos{}, fmt.Errorf("append %d bytes to log %s: %w", length, l.o.Dir, statelab.ErrTooLarge)
	}
	if length > bufferSize-frameHeaderSize {
		return l.appendLarge(kind, length, parts)
	}
	sum := uint32(0) // if full buffers are written beside, who writes them does this too
	if !l.writesBeside() {
		sum = sumOf(parts)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.makeRoom(frameHeaderSize + length); err != nil {
		return Pos{}, err
	}
	l.pending = kind == KindPending
	l.add(kind, sum, length)
	for _, p := range parts {
		l.buffers.current = append(l.buffers.current, p...)
	}
	return Pos{l.segment, l.end}, nil
}

// sumOf returns the checksum of the concatenation of parts.
func sumOf(parts [][]byte) (sum uint32) {
	for _, p := range parts {
		sum = crc32.Update(sum, castagnoli, p)
	}
	return sum
}

// makeRoom sees to it that a frame of size bytes can be added to the tail and
// to its buffer, for which it may let go of mu.
func (l *Log) makeRoom(size int) error {
	for {
		if err := l.usable(); err != nil {
			return err
		}
		switch {
		case l.full(size):
			l.mu.Unlock()
			_, err := l.Rotate()
			l.mu.Lock()
			if err != nil {
				return err
			}
		case len(l.buffers.current)+size <= bufferSize:
			return nil
		case !l.writesBeside():
			l.mu.Unlock()
			l.startWriting()
			err := l.drainAll()
			l.writing.Unlock()
			l.mu.Lock()
			if err != nil {
				return err
			}
		case l.buffers.spare():
			l.buffers.turn()
			l.clock.wakeWriter()
		default:
			l.buffers.room.Wait()
		}
	}
}

// full says whether the tail must end before a frame of size bytes.
func (l *Log) full(size int) bool {
	return l.end > segmentHeaderSize && l.end+int64(size) > l.o.SegmentSize && !l.pending
}

// writesBeside says whether full buffers are written by a goroutine of the log's own.
func (l *Log) writesBeside() bool {
	return l.o.Policy == statelab.DurabilityInterval && !l.o.Deterministic
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

// add puts the header of a frame into the buffer, without its checksum, and takes
// account of the whole frame.
func (l *Log) add(kind Kind, sum uint32, length int) {
	l.buffers.current = appendHeader(l.buffers.current,
		frameHeader{payloadSum: sum, length: uint32(length), lag: lagOf(l.end, l.proved.durable), kind: kind})
	l.end += int64(frameHeaderSize + length)
	l.stated = l.proved
	if kind != KindMark {
		l.body = l.end
		l.frames++
	}
}

// appendLarge adds a frame that no buffer holds, without copying its payload.
// Other appenders wait meanwhile.
func (l *Log) appendLarge(kind Kind, length int, parts [][]byte) (Pos, error) {
	l.startWriting()
	defer l.writing.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.usable() == nil && l.full(frameHeaderSize+length) {
		l.mu.Unlock()
		l.writing.Unlock()
		_, err := l.Rotate()
		l.startWriting()
		l.mu.Lock()
		if err != nil {
			return Pos{}, err
		}
	}
	if err := l.usable(); err != nil {
		return Pos{}, err
	}
	l.pending = kind == KindPending
	// Everything before goes first, and then the header, before which there must
	// be room for it.
	if err := l.drainHolding(); err != nil {
		return Pos{}, err
	}
	off := l.end
	l.add(kind, sumOf(parts), length)
	l.sealer.seal(l.buffers.current, l.segment, off)
	if err := l.writeAt(l.buffers.current, off); err != nil {
		return Pos{}, err
	}
	l.buffers.current = l.buffers.current[:0]
	off += frameHeaderSize
	for _, p := range parts {
		if err := l.writeAt(p, off); err != nil {
			return Pos{}, err
		}
		off += int64(len(p))
	}
	return Pos{l.segment, l.end}, nil
}

// drainAll writes all frames that are there at the call. The caller holds writing.
func (l *Log) drainAll() error {
	l.mu.Lock()
	end := l.end
	l.mu.Unlock()
	return l.drain(end)
}

// drain writes the frames that end at or before offset end of the tail, and
// perhaps more, letting others append meanwhile. The caller holds writing.
func (l *Log) drain(end int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		if err := l.latch.Err(); err != nil {
			l.buffers.room.Broadcast()
			return err
		}
		off := l.end - l.buffers.length()
		if off >= end || l.file == nil {
			return nil
		}
		buf, segment := l.buffers.next(), l.segment
		l.mu.Unlock()
		err := l.writeFrames(buf, segment, off)
		l.mu.Lock()
		l.buffers.give(buf)
		if err != nil {
			return err
		}
	}
}

// drainHolding writes all frames, holding writing and mu.
func (l *Log) drainHolding() error {
	for {
		if err := l.latch.Err(); err != nil {
			return err
		}
		off := l.end - l.buffers.length()
		buf := l.buffers.next()
		if buf == nil {
			return nil
		}
		err := l.writeFrames(buf, l.segment, off)
		l.buffers.give(buf)
		if err != nil {
			return err
		}
	}
}

// writeFrames writes whole frames to the file of a segment. The caller holds
// writing.
func (l *Log) writeFrames(frames []byte, segment uint64, off int64) error {
	l.seal(frames, segment, off)
	return l.writeAt(frames, off)
}

// seal puts into frames the checksums that they lack: their headers', and, if it is
// not appenders who write, their payloads'. So an appender under DurabilityInterval
// does no more than copy. The caller holds writing.
func (l *Log) seal(frames []byte, segment uint64, off int64) {
	beside := l.writesBeside()
	for len(frames) > 0 {
		size := frameHeaderSize + int(binary.LittleEndian.Uint32(frames[8:]))
		if beside {
			binary.LittleEndian.PutUint32(frames[4:], crc32.Checksum(frames[frameHeaderSize:size], castagnoli))
		}
		l.sealer.seal(frames, segment, off)
		frames, off = frames[size:], off+int64(size)
	}
}

// writeAt writes to the tail's file, for which space is reserved ahead. The
// caller holds writing.
func (l *Log) writeAt(b []byte, off int64) error {
	end := off + int64(len(b))
	l.reserve(end)
	if _, err := l.file.WriteAt(b, off); err != nil {
		return l.fail("write", err)
	}
	l.space.Store(max(l.space.Load(), end))
	return nil
}

// fail latches a failure (W7). The caller is the leader or holds writing, so
// that the tail stays what it is.
func (l *Log) fail(what string, err error) error {
	err = l.latch.Set(fmt.Errorf("%s log %s: %w", what, filepath.Join(l.o.Dir, segmentName(l.segment)), err))
	l.buffers.room.Broadcast()
	return err
}
