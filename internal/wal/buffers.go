package wal

import "sync"

const (
	// bufferSize is how many bytes of frames are written together at most. A
	// write of this size costs little more per byte than a larger one.
	bufferSize = 256 << 10

	// maxBuffers bounds the memory of a log that is written in the background:
	// one buffer is being filled, one written, and the others let appenders go on
	// while the kernel makes the writer wait, as it does for some milliseconds when
	// a sync is under way: 4 MiB are 20 ms of 200 MB a second.
	maxBuffers = 16

	// maxIdle is how many are kept beyond the next sync by the clock.
	maxIdle = 3

	// firstBuffer is what the first buffer can hold at first; it grows as it is
	// filled. The others are made when one is full.
	firstBuffer = 4 << 10
)

// buffers hold the frames of the tail that are not written yet: those that are
// full, in order, and then the current one. The log's mu guards them.
type buffers struct {
	current []byte
	full    [][]byte
	idle    [][]byte
	made    int
	room    sync.Cond // signalled when a buffer has become idle, and on failure
}

func (b *buffers) init(mu *sync.Mutex) {
	b.room.L = mu
	b.current = b.take()
}

// take returns an empty buffer.
func (b *buffers) take() []byte {
	n := len(b.idle)
	if n == 0 {
		if b.made++; b.made > 1 {
			return make([]byte, 0, bufferSize)
		}
		return make([]byte, 0, firstBuffer)
	}
	buf := b.idle[n-1]
	b.idle = b.idle[:n-1]
	return buf
}

// give takes back what take has returned.
func (b *buffers) give(buf []byte) {
	b.idle = append(b.idle, buf[:0])
	b.room.Broadcast()
}

// trim gives up idle buffers that a stall has made necessary.
func (b *buffers) trim() {
	if n := len(b.idle) - maxIdle; n > 0 {
		clear(b.idle[maxIdle:])
		b.idle = b.idle[:maxIdle]
		b.made -= n
	}
}

// spare says whether there may be another current buffer.
func (b *buffers) spare() bool { return len(b.idle) > 0 || b.made < maxBuffers }

// turn makes the current buffer a full one.
func (b *buffers) turn() {
	b.full = append(b.full, b.current)
	b.current = b.take()
}

// next takes out what is to be written next: nil if there is nothing.
func (b *buffers) next() []byte {
	if len(b.full) == 0 && len(b.current) > 0 {
		b.turn()
	}
	if len(b.full) == 0 {
		return nil
	}
	buf := b.full[0]
	copy(b.full, b.full[1:])
	b.full = b.full[:len(b.full)-1]
	return buf
}

// takeAll takes out all that is to be written, in order.
func (b *buffers) takeAll() (all [][]byte) {
	for buf := b.next(); buf != nil; buf = b.next() {
		all = append(all, buf)
	}
	return all
}

// length returns how many bytes wait to be written.
func (b *buffers) length() int64 {
	n := int64(len(b.current))
	for _, buf := range b.full {
		n += int64(len(buf))
	}
	return n
}

// clear forgets them.
func (b *buffers) clear() {
	for _, buf := range b.full {
		b.give(buf)
	}
	b.full, b.current = b.full[:0], b.current[:0]
}
