package extsort

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/vfs"
)

// A run is a sorted file.
type run struct {
	name string
	size int64
	sum  uint64 // xxh64
}

// A runWriter writes a run.
type runWriter struct {
	s    *Sorter
	run  run
	file vfs.File
	sum  *xxhash.Digest
}

func (s *Sorter) createRun() (*runWriter, error) {
	name := s.runName()
	f, err := s.opts.FS.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create a run: %w", err)
	}
	return &runWriter{s: s, run: run{name: name}, file: f, sum: xxhash.New()}, nil
}

func (w *runWriter) add(key, value []byte) error {
	w.s.buf = appendRecord(w.s.buf, key, value)
	if len(w.s.buf) < bufferMost {
		return nil
	}
	return w.flush()
}

func (w *runWriter) flush() error {
	w.sum.Write(w.s.buf)
	if _, err := w.file.WriteAt(w.s.buf, w.run.size); err != nil {
		return fmt.Errorf("write %s: %w", w.run.name, err)
	}
	w.run.size += int64(len(w.s.buf))
	w.s.spilled += int64(len(w.s.buf))
	w.s.buf = w.s.buf[:0]
	return nil
}

func (w *runWriter) finish() (*run, error) {
	if err := w.flush(); err != nil {
		return nil, errors.Join(err, w.abandon())
	}
	if err := w.file.Close(); err != nil {
		return nil, fmt.Errorf("close %s: %w", w.run.name, err)
	}
	w.run.sum = w.sum.Sum64()
	return &w.run, nil
}

// abandon removes a run that cannot be finished.
func (w *runWriter) abandon() error {
	w.s.buf = w.s.buf[:0]
	err := w.file.Close()
	if rerr := w.s.opts.FS.Remove(w.run.name); err == nil {
		err = rerr
	}
	return err
}

// A runReader reads the records of a run.
type runReader struct {
	run        *run
	order      int // among runs: an older one's records come first
	file       vfs.File
	r          *bufio.Reader
	left       int64
	sum        *xxhash.Digest
	record     []byte // key and value
	prefix     uint64
	key, value []byte
}

func openRun(fsys vfs.FS, r *run, order, buffer int) (*runReader, error) {
	f, err := fsys.Open(r.name)
	if err != nil {
		return nil, fmt.Errorf("open a run: %w", err)
	}
	sum := xxhash.New()
	read := io.TeeReader(io.NewSectionReader(f, 0, r.size), sum)
	return &runReader{run: r, order: order, file: f, r: bufio.NewReaderSize(read, buffer), left: r.size, sum: sum}, nil
}

// errDamaged says that a run is not what was written.
var errDamaged = errors.New("is not what was written to it")

// next reads the next record; io.EOF says that there is none.
func (r *runReader) next() error {
	if r.left == 0 {
		if r.sum.Sum64() != r.run.sum {
			return fmt.Errorf("%s %w", r.run.name, errDamaged)
		}
		return io.EOF
	}
	var head [headSize]byte
	if err := r.read(head[:]); err != nil {
		return err
	}
	k, v := int64(binary.LittleEndian.Uint32(head[:])), int64(binary.LittleEndian.Uint32(head[4:]))
	if k+v > r.left-headSize {
		return fmt.Errorf("%s %w", r.run.name, errDamaged)
	}
	if int64(cap(r.record)) < k+v {
		r.record = make([]byte, k+v)
	}
	r.record = r.record[:k+v]
	if err := r.read(r.record); err != nil {
		return err
	}
	r.left -= headSize + k + v
	r.key, r.value = r.record[:k:k], r.record[k:]
	r.prefix = prefixOf(r.key)
	return nil
}

func (r *runReader) read(b []byte) error {
	if r.left < int64(len(b)) {
		return fmt.Errorf("%s %w", r.run.name, errDamaged)
	}
	_, err := io.ReadFull(r.r, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = errDamaged
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", r.run.name, err)
	}
	return nil
}
