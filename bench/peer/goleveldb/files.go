package goleveldb

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/syndtr/goleveldb/leveldb/storage"

	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// files is Options.FS as goleveldb wants it. Every file that it makes is metered
// by its type, and its name is made durable with its first sync. The name of the
// manifest in force stands in the file CURRENT.
type files struct {
	fs     vfs.FS
	dir    string
	meter  *meter.Meter
	locked atomic.Bool
	closed atomic.Bool
}

const currentName = "CURRENT"

func (s *files) path(name string) string { return filepath.Join(s.dir, name) }

// typeName is what the names of files of a type begin with.
func typeName(t storage.FileType) string {
	switch t {
	case storage.TypeManifest:
		return "MANIFEST"
	case storage.TypeJournal:
		return "JOURNAL"
	case storage.TypeTable:
		return "TABLE"
	}
	return "TEMP"
}

func nameOf(fd storage.FileDesc) string { return fmt.Sprintf("%s-%06d", typeName(fd.Type), fd.Num) }

func parseName(name string) (fd storage.FileDesc, ok bool) {
	for _, t := range []storage.FileType{storage.TypeManifest, storage.TypeJournal, storage.TypeTable, storage.TypeTemp} {
		number, found := strings.CutPrefix(name, typeName(t)+"-")
		if !found {
			continue
		}
		n, err := strconv.ParseInt(number, 10, 64)
		return storage.FileDesc{Type: t, Num: n}, err == nil
	}
	return fd, false
}

func purpose(t storage.FileType) meter.Purpose {
	switch t {
	case storage.TypeJournal:
		return meter.Log
	case storage.TypeTable:
		return meter.Compaction
	}
	return meter.Meta
}

type locker struct{ locked *atomic.Bool }

func (l locker) Unlock() { l.locked.Store(false) }

// Lock keeps another DB from the same files; the directory's own lock is the
// adapter's.
func (s *files) Lock() (storage.Locker, error) {
	if !s.locked.CompareAndSwap(false, true) {
		return nil, storage.ErrLocked
	}
	return locker{&s.locked}, nil
}

func (s *files) Log(string) {}

// SetMeta names the manifest in force.
func (s *files) SetMeta(fd storage.FileDesc) error {
	temp := s.path(currentName + ".TEMP")
	raw, err := s.fs.Create(temp)
	if err != nil {
		return err
	}
	f := s.meter.File(raw, meter.Meta)
	if _, err = f.WriteAt([]byte(nameOf(fd)), 0); err == nil {
		err = f.Sync()
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = s.fs.SyncDir(s.dir) // the manifest's own name first
	}
	if err == nil {
		err = s.fs.Rename(temp, s.path(currentName))
	}
	if err != nil {
		return err
	}
	return s.fs.SyncDir(s.dir)
}

// GetMeta returns the manifest in force; the error is fs.ErrNotExist if there is
// none yet.
func (s *files) GetMeta() (storage.FileDesc, error) {
	name, err := vfs.ReadFile(s.fs, s.path(currentName))
	if err != nil {
		return storage.FileDesc{}, err
	}
	fd, ok := parseName(string(name))
	if !ok || fd.Type != storage.TypeManifest {
		return fd, &storage.ErrCorrupted{Err: fmt.Errorf("%s names %q", currentName, name)}
	}
	return fd, nil
}

func (s *files) List(ft storage.FileType) ([]storage.FileDesc, error) {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return nil, err
	}
	var fds []storage.FileDesc
	for _, name := range names {
		if fd, ok := parseName(name); ok && fd.Type&ft != 0 {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}

func (s *files) Open(fd storage.FileDesc) (storage.Reader, error) {
	if s.closed.Load() {
		return nil, storage.ErrClosed
	}
	raw, err := s.fs.Open(s.path(nameOf(fd)))
	if err != nil {
		return nil, err
	}
	size, err := raw.Size()
	if err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	f := s.meter.File(raw, purpose(fd.Type))
	return &reader{io.NewSectionReader(f, 0, size), f}, nil
}

// reader is a file to read, which must not grow meanwhile.
type reader struct {
	*io.SectionReader
	file io.Closer
}

func (r *reader) Close() error { return r.file.Close() }

func (s *files) Create(fd storage.FileDesc) (storage.Writer, error) {
	if s.closed.Load() {
		return nil, storage.ErrClosed
	}
	raw, err := s.fs.Create(s.path(nameOf(fd)))
	if err != nil {
		return nil, err
	}
	return &writer{files: s, file: s.meter.File(raw, purpose(fd.Type)), fd: fd}, nil
}

// writer is a file that grows.
type writer struct {
	files  *files
	file   vfs.File
	fd     storage.FileDesc
	at     int64
	named  bool // durably
	synced bool // all that was written
}

func (w *writer) Write(b []byte) (int, error) {
	n, err := w.file.WriteAt(b, w.at)
	w.at += int64(n)
	w.synced = false
	return n, err
}

func (w *writer) Sync() error {
	if err := w.file.Sync(); err != nil {
		return err
	}
	w.synced = true
	if w.named {
		return nil
	}
	w.named = true
	return w.files.fs.SyncDir(w.files.dir)
}

// Close syncs a journal, of which goleveldb will not speak again.
func (w *writer) Close() error {
	var err error
	if w.fd.Type == storage.TypeJournal && !w.synced {
		err = w.Sync()
	}
	return errors.Join(err, w.file.Close())
}

func (s *files) Remove(fd storage.FileDesc) error { return s.fs.Remove(s.path(nameOf(fd))) }

func (s *files) Rename(from, to storage.FileDesc) error {
	return s.fs.Rename(s.path(nameOf(from)), s.path(nameOf(to)))
}

func (s *files) Close() error {
	s.closed.Store(true)
	return nil
}
