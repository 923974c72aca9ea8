package pebble

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	pebblefs "github.com/cockroachdb/pebble/v2/vfs"

	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// fileSystem is Options.FS as Pebble wants it, so that what Pebble does can be
// traced and crashed. Every file that it makes is metered by its category.
// Hints have no effect: preallocating, prefetching, and writing back early
// (SyncTo), which Pebble uses to even out the disk's load.
type fileSystem struct {
	fs      vfs.FS
	meter   *meter.Meter
	copying atomic.Bool // a checkpoint is being made
}

// purpose says why Pebble writes a file.
func (f *fileSystem) purpose(c pebblefs.DiskWriteCategory) meter.Purpose {
	switch c {
	case "pebble-wal":
		return meter.Log
	case "pebble-memtable-flush":
		return meter.Flush
	case "pebble-compaction", "pebble-blob-file-rewrite":
		return meter.Compaction
	}
	if f.copying.Load() {
		return meter.Checkpoint
	}
	return meter.Meta
}

func (f *fileSystem) file(raw vfs.File, name string, err error, c pebblefs.DiskWriteCategory) (pebblefs.File, error) {
	if err != nil {
		return nil, err
	}
	return &file{File: f.meter.File(raw, f.purpose(c)), name: name}, nil
}

// Create makes a file of its own: one that exists is removed first, so that
// whoever has it open or linked keeps it. Before and after a marker, which names
// the manifest in force, the directory is synced: Pebble counts on names becoming
// durable, and going away, in the order in which it says so, which file systems
// do in practice and package vfs does not promise.
func (f *fileSystem) Create(name string, c pebblefs.DiskWriteCategory) (pebblefs.File, error) {
	if !strings.HasPrefix(filepath.Base(name), "marker.") {
		return f.create(name, c)
	}
	if err := f.fs.SyncDir(filepath.Dir(name)); err != nil {
		return nil, err
	}
	made, err := f.create(name, c)
	if err != nil {
		return nil, err
	}
	if err := f.fs.SyncDir(filepath.Dir(name)); err != nil {
		return nil, errors.Join(err, made.Close())
	}
	return made, nil
}

func (f *fileSystem) create(name string, c pebblefs.DiskWriteCategory) (pebblefs.File, error) {
	if err := f.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	raw, err := f.fs.Create(name)
	return f.file(raw, name, err, c)
}

func (f *fileSystem) Open(name string, _ ...pebblefs.OpenOption) (pebblefs.File, error) {
	if info, err := f.fs.Stat(name); err == nil && info.IsDir {
		return f.OpenDir(name)
	}
	raw, err := f.fs.Open(name)
	return f.file(raw, name, err, pebblefs.WriteCategoryUnspecified)
}

func (f *fileSystem) OpenReadWrite(name string, c pebblefs.DiskWriteCategory, _ ...pebblefs.OpenOption) (pebblefs.File, error) {
	raw, err := f.fs.OpenReadWrite(name)
	if errors.Is(err, fs.ErrNotExist) {
		raw, err = f.fs.Create(name)
	}
	return f.file(raw, name, err, c)
}

func (f *fileSystem) OpenDir(name string) (pebblefs.File, error) {
	return &directory{fs: f.fs, name: name}, nil
}

func (f *fileSystem) ReuseForWrite(oldname, newname string, c pebblefs.DiskWriteCategory) (pebblefs.File, error) {
	if err := f.fs.Rename(oldname, newname); err != nil {
		return nil, err
	}
	return f.OpenReadWrite(newname, c)
}

func (f *fileSystem) RemoveAll(name string) error {
	info, err := f.fs.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || !info.IsDir {
		return errors.Join(err, f.fs.Remove(name))
	}
	names, err := f.fs.List(name)
	for _, below := range names {
		err = errors.Join(err, f.RemoveAll(filepath.Join(name, below)))
	}
	return errors.Join(err, f.fs.Remove(name))
}

func (f *fileSystem) Stat(name string) (pebblefs.FileInfo, error) {
	info, err := f.fs.Stat(name)
	if err != nil {
		return nil, err
	}
	return fileInfo{name: filepath.Base(name), size: info.Size, dir: info.IsDir}, nil
}

// GetDiskUsage tells nothing: Pebble then assumes that there is room.
func (f *fileSystem) GetDiskUsage(string) (pebblefs.DiskUsage, error) {
	return pebblefs.DiskUsage{}, pebblefs.ErrUnsupported
}

func (f *fileSystem) Link(oldname, newname string) error       { return f.fs.Link(oldname, newname) }
func (f *fileSystem) Remove(name string) error                 { return f.fs.Remove(name) }
func (f *fileSystem) Rename(oldname, newname string) error     { return f.fs.Rename(oldname, newname) }
func (f *fileSystem) MkdirAll(dir string, _ os.FileMode) error { return f.fs.MkdirAll(dir) }
func (f *fileSystem) Lock(name string) (io.Closer, error)      { return f.fs.Lock(name) }
func (f *fileSystem) List(dir string) ([]string, error)        { return f.fs.List(dir) }
func (f *fileSystem) PathBase(path string) string              { return filepath.Base(path) }
func (f *fileSystem) PathJoin(elem ...string) string           { return filepath.Join(elem...) }
func (f *fileSystem) PathDir(path string) string               { return filepath.Dir(path) }
func (f *fileSystem) Unwrap() pebblefs.FS                      { return nil }

// A file keeps the place where a plain Read or Write goes on.
type file struct {
	vfs.File
	name string
	at   int64
}

func (f *file) Read(b []byte) (int, error) {
	n, err := f.ReadAt(b, f.at)
	f.at += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

func (f *file) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, f.at)
	f.at += int64(n)
	return n, err
}

func (f *file) Stat() (pebblefs.FileInfo, error) {
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	return fileInfo{name: filepath.Base(f.name), size: size}, nil
}

func (f *file) SyncData() error              { return f.Sync() }
func (f *file) SyncTo(int64) (bool, error)   { return false, nil }
func (f *file) Preallocate(_, _ int64) error { return nil }
func (f *file) Prefetch(_, _ int64) error    { return nil }
func (f *file) Fd() uintptr                  { return pebblefs.InvalidFd }

// A directory can be synced and described, and nothing else.
type directory struct {
	fs   vfs.FS
	name string
}

var errDirectory = errors.New("is a directory")

func (d *directory) Sync() error                { return d.fs.SyncDir(d.name) }
func (d *directory) SyncData() error            { return d.Sync() }
func (d *directory) SyncTo(int64) (bool, error) { return false, nil }
func (d *directory) Stat() (pebblefs.FileInfo, error) {
	return fileInfo{name: filepath.Base(d.name), dir: true}, nil
}
func (d *directory) Close() error                       { return nil }
func (d *directory) Read([]byte) (int, error)           { return 0, errDirectory }
func (d *directory) ReadAt([]byte, int64) (int, error)  { return 0, errDirectory }
func (d *directory) Write([]byte) (int, error)          { return 0, errDirectory }
func (d *directory) WriteAt([]byte, int64) (int, error) { return 0, errDirectory }
func (d *directory) Preallocate(_, _ int64) error       { return nil }
func (d *directory) Prefetch(_, _ int64) error          { return nil }
func (d *directory) Fd() uintptr                        { return pebblefs.InvalidFd }

// A fileInfo describes a file by what package vfs knows.
type fileInfo struct {
	name string
	size int64
	dir  bool
}

func (i fileInfo) Name() string                { return i.name }
func (i fileInfo) Size() int64                 { return i.size }
func (i fileInfo) IsDir() bool                 { return i.dir }
func (i fileInfo) ModTime() time.Time          { return time.Time{} }
func (i fileInfo) Sys() any                    { return nil }
func (i fileInfo) DeviceID() pebblefs.DeviceID { return pebblefs.DeviceID{} }

func (i fileInfo) Mode() fs.FileMode {
	if i.dir {
		return fs.ModeDir | 0o755
	}
	return 0o644
}
