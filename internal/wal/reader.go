package wal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/statelab/statelab/vfs"
)

// windowSize is how much of a segment is read at a time: large enough that
// the kernel reads ahead as far as it ever does.
const windowSize = 1 << 20

// A frame is a frame as read: Payload is valid until the reader moves.
type frame struct {
	kind     Kind
	off, end int64 // in the segment
	durable  int64 // up to where it says that the segment was synced
	payload  []byte
}

// A reader walks the frames of a segment.
type reader struct {
	file    vfs.File
	segment uint64
	size    int64 // of the file
	off     int64 // of the next frame

	// turn, if set, is asked for another window before each read; the one before
	// may then still be in use.
	turn func(n int) ([]byte, error)

	window      []byte // bytes of the file from windowStart on
	windowStart int64
	sealer      sealer
}

// next returns the frame at r.off and moves past it. If there is no whole
// frame, reason says why and the reader stays. The error is of reading.
func (r *reader) next() (f frame, reason string, err error) {
	if r.size-r.off < frameHeaderSize {
		return frame{}, "frame header cut short", nil
	}
	b, err := r.view(r.off, frameHeaderSize)
	if err != nil {
		return frame{}, "", err
	}
	h, ok := r.sealer.decodeHeader(b, r.segment, r.off)
	if !ok {
		return frame{}, "no frame header", nil
	}
	start := r.off + frameHeaderSize
	if int64(h.length) > r.size-start {
		return frame{}, "frame cut short", nil
	}
	payload, err := r.view(start, int(h.length))
	if err != nil {
		return frame{}, "", err
	}
	if crc32.Checksum(payload, castagnoli) != h.payloadSum {
		return frame{}, "payload checksum mismatch", nil
	}
	f = frame{kind: h.kind, off: r.off, end: start + int64(h.length), durable: h.durable(r.off), payload: payload}
	r.off = f.end
	return f, "", nil
}

// testimony searches from offset x on for a frame header that states x to be
// durable, and returns its offset.
func (r *reader) testimony(x int64) (at int64, found bool, err error) {
	for off := x; off+frameHeaderSize <= r.size; {
		b, err := r.view(off, int(min(windowSize, r.size-off)))
		if err != nil {
			return 0, false, err
		}
		i := 0
		for ; i+frameHeaderSize <= len(b); i++ {
			h, ok := r.sealer.decodeHeader(b[i:], r.segment, off+int64(i))
			if ok && h.durable(off+int64(i)) > x {
				return off + int64(i), true, nil
			}
		}
		off += int64(i)
	}
	return 0, false, nil
}

// view returns n bytes at off, which must lie in the file. They are valid until
// the next call.
func (r *reader) view(off int64, n int) ([]byte, error) {
	if at := off - r.windowStart; at >= 0 && at+int64(n) <= int64(len(r.window)) {
		return r.window[at : at+int64(n)], nil
	}
	want := int(min(max(int64(n), windowSize), r.size-off))
	if err := r.makeWindow(want); err != nil {
		return nil, err
	}
	r.windowStart = off
	got, err := r.file.ReadAt(r.window, off)
	if got == want {
		return r.window[:n], nil
	}
	r.window = r.window[:0]
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, fmt.Errorf("read %d bytes of segment %06d at %d: %w", want, r.segment, off, err)
}

func (r *reader) makeWindow(n int) (err error) {
	switch {
	case r.turn != nil:
		r.window, err = r.turn(n)
	case cap(r.window) < n:
		r.window = make([]byte, n)
	default:
		r.window = r.window[:n]
	}
	return err
}
