package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// A tail reads a file that grows, up to the end of its last whole line: what is being
// written is not there yet.
type tail struct {
	in     *input
	next   int64 // offset of what is read next
	whole  int64 // end of the last line that is known to be whole
	seen   int64 // how long the file was then
	chunk  []byte
	onWait func() bool
}

// tailChunk is how much is looked at for the end of a line at a time.
const tailChunk = 32 << 10

// ErrStopped is the error of a followed source whose wait was broken off.
var ErrStopped = errors.New("stopped")

// OnWait sets what a source that is followed calls when it has come to the end of the last whole
// line: it returns when it may be worth to look again, or false to have Next fail with ErrStopped.
// Without, the source ends there. Of standard input it is called before each read, which
// may take any time.
func (s *Source) OnWait(wait func() bool) {
	switch in := s.input; {
	case in.tail != nil:
		in.tail.onWait = wait
	case in.file == nil:
		in.onRead = wait
	}
}

// Follows says whether a source has no end: there can be more to read later.
func (s *Source) Follows() bool { return s.input.tail != nil }

func (t *tail) Read(b []byte) (int, error) {
	for t.next == t.whole {
		if err := t.look(); err != nil {
			return 0, err
		}
		if t.next < t.whole {
			break
		}
		if t.onWait == nil {
			return 0, io.EOF
		}
		if !t.onWait() {
			return 0, ErrStopped
		}
	}
	n, err := t.in.ReadAt(b[:min(int64(len(b)), t.whole-t.next)], t.next)
	t.next += int64(n)
	if err == io.EOF && n > 0 {
		err = nil
	}
	if err == io.EOF {
		err = errShrunk
	}
	return n, err
}

var errShrunk = errors.New("has become shorter while it was followed")

// look finds the end of the last whole line in what the file has grown by.
func (t *tail) look() error {
	size, err := t.in.file.Size()
	if err != nil {
		if t.in.failed == nil {
			t.in.failed = err
		}
		return err
	}
	if size < t.seen {
		return errShrunk
	}
	for end := size; end > t.seen; {
		begin := max(t.seen, end-int64(len(t.chunk)))
		chunk := t.chunk[:end-begin]
		if n, err := t.in.ReadAt(chunk, begin); n < len(chunk) {
			if err == nil || err == io.EOF {
				return errShrunk
			}
			return err
		}
		if i := bytes.LastIndexByte(chunk, '\n'); i >= 0 {
			t.whole, t.seen = begin+int64(i)+1, size
			return nil
		}
		end = begin
	}
	t.seen = size
	return nil
}

// follow has in read its file as a tail.
func (in *input) follow() error {
	if in.file == nil {
		return errors.New("standard input is read live anyway; leave follow out")
	}
	if in.compressed() {
		return errors.New("a compressed file cannot be followed")
	}
	in.tail = &tail{in: in, chunk: make([]byte, tailChunk)}
	in.stream = bufio.NewReaderSize(in.tail, bufferSize)
	return nil
}
