package source

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"

	"github.com/statelab/statelab/vfs"
)

// A tail reads a file that grows, up to the end of its last whole line: what is being
// written is not there yet. It ends when another file has its name, and this one has been read to its end.
type tail struct {
	in     *input
	fsys   vfs.FS
	name   string
	next   int64 // offset of what is read next
	whole  int64 // end of the last line that is known to be whole
	seen   int64 // how long the file was then
	chunk  []byte
	onWait func() bool

	grow      func(head []byte)
	head, now []byte // what it began with, up to headBytes, and begins with now
	quiet     int    // looks since its name was found to be another's, at which it had not grown
	rotated   bool   // there will be no more
	emptied   bool   // since it was cut to nothing and begun anew
}

// quietLooks is how often a file that has lost its name is looked at without its having grown, before the one that has it now is
// gone on with: whoever writes may have it open for a while.
const quietLooks = 10

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
	case in.tail != nil || s.config.Follow:
		s.onWait = wait
		if in.tail != nil {
			in.tail.onWait = wait
		}
	case in.file == nil:
		in.onRead = wait
	}
}

// Follows says whether a source has no end: there can be more to read later.
func (s *Source) Follows() bool { return s.config.Follow }

func (t *tail) Read(b []byte) (int, error) {
	for t.next == t.whole {
		if t.rotated {
			return 0, io.EOF
		}
		if err := t.look(); err != nil {
			return 0, err
		}
		if t.next < t.whole || t.rotated {
			continue
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

var errShrunk = errors.New("has become shorter before all of it was read")

// look finds the end of the last whole line in what the file has grown by.
func (t *tail) look() error {
	size, err := t.in.file.Size()
	if err != nil {
		if t.in.failed == nil {
			t.in.failed = err
		}
		return err
	}
	begins, err := t.begins(size)
	if err != nil {
		return err
	}
	if size < t.seen || !begins {
		return t.cut()
	}
	if size == t.seen {
		err := t.lookForAnother()
		if t.in.failed == nil {
			t.in.failed = err
		}
		return err
	}
	t.quiet = 0
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

// begins says whether the file begins as it did, and takes note of how.
func (t *tail) begins(size int64) (bool, error) {
	if size == t.seen && len(t.head) == headBytes {
		return true, nil // it would take a cut and as many new bytes between two looks
	}
	var err error
	if t.now, err = appendHead(t.now, t.in, min(size, headBytes)); err != nil {
		return false, err
	}
	if !bytes.HasPrefix(t.now, t.head) {
		return false, nil
	}
	if len(t.now) > len(t.head) {
		t.head = append(t.head[:0], t.now...)
		if t.grow != nil {
			t.grow(t.head)
		}
	}
	return true, nil
}

// cut takes note that the file has become shorter, or another. If all of it was read, it is begun anew once it
// holds a line that it did not begin with.
func (t *tail) cut() error {
	if t.whole < t.seen {
		return errShrunk // what was there of a line is gone
	}
	if bytes.HasPrefix(t.head, t.now) { // it may have a header, the same as before, and no more yet
		if bytes.Count(t.now, []byte{'\n'}) > 1 || len(t.now) == headBytes {
			return errShortened
		}
		return nil
	}
	t.rotated = bytes.IndexByte(t.now, '\n') >= 0
	t.emptied = t.rotated
	return nil
}

var errShortened = errors.New("has become shorter, and still begins as it did: neither has it grown nor was it emptied")

// lookForAnother finds out whether the name is that of another file by now, which holds a line that this one did not begin with. It
// is if that begins otherwise, or is longer than this one.
func (t *tail) lookForAnother() error {
	f, err := t.fsys.Open(t.name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it will be back
	}
	if err != nil {
		return err
	}
	size, err := f.Size()
	if err == nil {
		t.now, err = appendHead(t.now, f, min(size, headBytes))
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	own, err := t.in.file.Size() // after the other: a file is no longer than itself, later
	if err != nil {
		return err
	}
	same := size <= own && bytes.HasPrefix(t.head, t.now[:min(len(t.now), len(t.head))]) && (size == own || own > t.seen)
	// As long as it holds no more than what this one begins with, such as the same header, the two could not be told apart later.
	if same || bytes.HasPrefix(t.head, t.now) || bytes.IndexByte(t.now, '\n') < 0 {
		return nil
	}
	if t.quiet++; t.quiet == quietLooks {
		t.whole, t.rotated = t.seen, true // its last line is whole, too
	}
	return nil
}

// follow has in read its file as a tail.
func (in *input) follow(fsys vfs.FS, name string) error {
	if in.file == nil {
		return errors.New("standard input is read live anyway; leave follow out")
	}
	if in.compressed() {
		return errors.New("a compressed file cannot be followed")
	}
	in.tail = &tail{in: in, fsys: fsys, name: name, chunk: make([]byte, tailChunk)}
	in.stream = bufio.NewReaderSize(in.tail, bufferSize)
	return nil
}
