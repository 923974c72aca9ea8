// Package vfs is the file system as a storage engine sees it.
//
// An engine reaches files only through [FS], so that one and the same engine
// runs over the real file system ([OS]), over one in memory whose power can be
// cut ([Mem]), over one that fails on command ([Faulty]), over one that records
// what is done to it ([NewTrace]) and over one that leaves no trace ([Overlay]).
// They wrap or stand for each other freely.
//
// What an engine may rely on is what POSIX promises and no more:
//
//	V1  Bytes written to a File are durable once a later Sync of a File of the
//	    same name returned nil. Until then a crash may keep any of them, in
//	    any order, cut anywhere.
//	V2  A name (from Create, Link, Rename, Remove, MkdirAll) is durable once a
//	    later SyncDir of its directory returned nil. Syncing the file is not
//	    enough. Rename replaces its target atomically.
//	V3  After a failed Sync nothing may be assumed of what was written since
//	    the last good one; repeating the Sync proves nothing, because kernels
//	    mark pages clean when write-back fails.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// FS is a file system. Names are slash-separated paths as package path/filepath
// makes them. Errors satisfy errors.Is with io/fs's ErrNotExist and ErrExist
// where those apply. Its methods are safe for concurrent use.
type FS interface {
	// Create makes a file for reading and writing, emptied if it exists.
	Create(name string) (File, error)
	// Open opens an existing file for reading.
	Open(name string) (File, error)
	// OpenReadWrite opens an existing file for reading and writing.
	OpenReadWrite(name string) (File, error)
	// Remove removes a file or an empty directory.
	Remove(name string) error
	// Rename moves a file, atomically replacing what newname held.
	Rename(oldname, newname string) error
	// Link makes newname a second name of the file oldname; newname must not exist.
	Link(oldname, newname string) error
	// MkdirAll makes a directory and its missing parents.
	MkdirAll(dir string) error
	// List returns the names (not paths) in dir, sorted.
	List(dir string) ([]string, error)
	// Stat describes a file or directory.
	Stat(name string) (Info, error)
	// SyncDir makes the names in dir durable.
	SyncDir(dir string) error
	// Lock takes an exclusive advisory lock on the file name, creating it if
	// need be, without waiting. If another process or another part of this
	// one holds it, the error is a *LockedError. Closing the result releases it.
	Lock(name string) (io.Closer, error)
}

// File is an open file. Reads and writes name their offset: an engine knows
// where it stands, and a trace can say where a write went. ReadAt and WriteAt
// are safe for concurrent use on ranges that do not overlap.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Truncate sets the file's length; growing fills with zeros.
	Truncate(size int64) error
	// Sync makes the file's bytes and length durable (V1).
	Sync() error
}

// Info describes a file.
type Info struct {
	Size  int64 // bytes
	IsDir bool
}

// ErrLocked is what errors.Is finds in a *LockedError.
var ErrLocked = errors.New("in use")

// LockedError says that a lock is held, and by whom as far as is known.
type LockedError struct {
	Path   string // the lock file
	Holder string // such as "process 4711 (statelab)"; empty if unknown
}

func (e *LockedError) Error() string {
	if e.Holder == "" {
		return fmt.Sprintf("%s: in use by another process", e.Path)
	}
	return fmt.Sprintf("%s: in use by %s", e.Path, e.Holder)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// Exists says whether name exists.
func Exists(fsys FS, name string) (bool, error) {
	_, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// ReadFile returns the whole of a file.
func ReadFile(fsys FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	data := make([]byte, size)
	n, err := f.ReadAt(data, 0)
	if errors.Is(err, io.EOF) && int64(n) == size {
		err = nil
	}
	return data[:n], err
}
