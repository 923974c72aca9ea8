package vfs

import (
	"io"
	"path/filepath"
	"strings"
	"sync"
)

// A TraceOp is one operation that a traced file system carried out.
type TraceOp struct {
	Op   Op
	Path string // of the file or directory; of a rename or link the old name

	// NewPath is the new name of a rename or link, else empty.
	NewPath string

	// File identifies the file through renames and links, and after its name
	// is gone; ids count from 1 in the order in which files are first seen, and
	// are never used twice. It is 0 for operations on directories.
	File uint64

	// Offset and Length say, in bytes, which part of the file was read or
	// written; of a truncation Length is the new size. They are zero otherwise.
	Offset, Length int64
}

// NewTrace returns fsys with every operation but Stat, List, Size and Close
// reported to observe once it has succeeded, and a short write with the bytes
// that arrived. Reports come one at a time, in the order in which the
// operations ended, before they return to their caller; so observe sees fsys
// exactly as after the operation if there is one caller. observe may use fsys
// but not the file system returned.
//
// Two names that one file had before it was traced count as two files.
func NewTrace(fsys FS, observe func(TraceOp)) FS {
	return &traceFS{FS: fsys, observe: observe, reads: true, ids: map[string]uint64{}}
}

// NewChangeTrace is NewTrace without reads, which then cost nothing but the
// passing on: for who wants to know what a store does to its files while its reads are timed.
func NewChangeTrace(fsys FS, observe func(TraceOp)) FS {
	return &traceFS{FS: fsys, observe: observe, ids: map[string]uint64{}}
}

type traceFS struct {
	FS
	observe func(TraceOp)
	reads   bool // are observed too

	mu  sync.Mutex
	ids map[string]uint64 // of the files seen, by clean path
	nID uint64
}

// report hands op on, once complete has filled in the file and has moved the
// ids of names as the operation moved the names.
func (t *traceFS) report(op TraceOp, complete func(op *TraceOp)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if complete != nil {
		complete(&op)
	}
	t.observe(op)
}

// id returns the id of the file at name. The caller holds t.mu.
func (t *traceFS) id(name string) uint64 {
	name = filepath.Clean(name)
	id, ok := t.ids[name]
	if !ok {
		t.nID++
		id = t.nID
		t.ids[name] = id
	}
	return id
}

func (t *traceFS) Create(name string) (File, error) { return t.file(OpCreate, name, t.FS.Create) }

func (t *traceFS) Open(name string) (File, error) { return t.file(OpOpen, name, t.FS.Open) }

func (t *traceFS) OpenReadWrite(name string) (File, error) {
	return t.file(OpOpen, name, t.FS.OpenReadWrite)
}

func (t *traceFS) file(op Op, name string, open func(string) (File, error)) (File, error) {
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	f := &traceFile{File: inner, fs: t, name: name}
	t.report(TraceOp{Op: op, Path: name}, func(op *TraceOp) {
		f.id = t.id(name)
		op.File = f.id
	})
	return f, nil
}

func (t *traceFS) Remove(name string) error {
	info, err := t.FS.Stat(name)
	if err == nil {
		err = t.FS.Remove(name)
	}
	if err != nil {
		return err
	}
	t.report(TraceOp{Op: OpRemove, Path: name}, func(op *TraceOp) {
		if !info.IsDir {
			op.File = t.id(name)
			delete(t.ids, filepath.Clean(name))
		}
	})
	return nil
}

func (t *traceFS) Rename(oldname, newname string) error {
	info, err := t.FS.Stat(oldname)
	if err == nil {
		err = t.FS.Rename(oldname, newname)
	}
	if err != nil {
		return err
	}
	t.report(TraceOp{Op: OpRename, Path: oldname, NewPath: newname}, func(op *TraceOp) {
		if info.IsDir {
			t.moveDir(filepath.Clean(oldname), filepath.Clean(newname))
			return
		}
		op.File = t.id(oldname)
		delete(t.ids, filepath.Clean(oldname))
		t.ids[filepath.Clean(newname)] = op.File
	})
	return nil
}

// moveDir moves the ids of the files below a directory.
func (t *traceFS) moveDir(from, to string) {
	from += string(filepath.Separator)
	for name, id := range t.ids {
		if rest, ok := strings.CutPrefix(name, from); ok {
			delete(t.ids, name)
			t.ids[filepath.Join(to, rest)] = id
		}
	}
}

func (t *traceFS) Link(oldname, newname string) error {
	if err := t.FS.Link(oldname, newname); err != nil {
		return err
	}
	t.report(TraceOp{Op: OpLink, Path: oldname, NewPath: newname}, func(op *TraceOp) {
		op.File = t.id(oldname)
		t.ids[filepath.Clean(newname)] = op.File
	})
	return nil
}

func (t *traceFS) MkdirAll(dir string) error {
	if err := t.FS.MkdirAll(dir); err != nil {
		return err
	}
	t.report(TraceOp{Op: OpMkdir, Path: dir}, nil)
	return nil
}

func (t *traceFS) SyncDir(dir string) error {
	if err := t.FS.SyncDir(dir); err != nil {
		return err
	}
	t.report(TraceOp{Op: OpSyncDir, Path: dir}, nil)
	return nil
}

func (t *traceFS) Lock(name string) (io.Closer, error) {
	lock, err := t.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	t.report(TraceOp{Op: OpLock, Path: name}, func(op *TraceOp) { op.File = t.id(name) })
	return lock, nil
}

// traceFile is a file of a traceFS.
type traceFile struct {
	File
	fs   *traceFS
	id   uint64
	name string // it was opened under
}

func (f *traceFile) report(op Op, off, n int64) {
	f.fs.report(TraceOp{Op: op, Path: f.name, File: f.id, Offset: off, Length: n}, nil)
}

func (f *traceFile) ReadAt(b []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(b, off)
	if n > 0 && f.fs.reads {
		f.report(OpRead, off, int64(n))
	}
	return n, err
}

func (f *traceFile) WriteAt(b []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(b, off)
	if n > 0 {
		f.report(OpWrite, off, int64(n))
	}
	return n, err
}

func (f *traceFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	if err == nil {
		f.report(OpTruncate, 0, size)
	}
	return err
}

func (f *traceFile) Sync() error {
	err := f.File.Sync()
	if err == nil {
		f.report(OpSync, 0, 0)
	}
	return err
}

func (f *traceFile) failSync() {
	if s, ok := f.File.(syncFailer); ok {
		s.failSync()
	}
}
