package vfs

import (
	"io"
	"os"
	"sync"
	"syscall"
)

// A Fault says which operation of a Faulty fails, and how.
type Fault struct {
	Op     Op    // the kind; OpAny counts all kinds together
	N      int64 // the N-th operation of that kind fails, counted from 1
	Sticky bool  // and so does every later one of that kind
	Err    error // what it fails with; nil is EIO, or ENOSPC if Short
	Short  bool  // of a write: the first half of the bytes reaches the file
}

// Faulty is a file system whose n-th operation of a kind fails. It counts
// operations, so that a test learns from a run without faults how many there
// are to fail, and then fails each in turn.
//
// An operation that fails is not carried out, but for the half of a write that
// Short lets through. A sync that fails over a [Mem] leaves what it should
// have made durable in a state that no later sync mends, as kernels do (V3).
// Closing files and releasing locks never fails.
type Faulty struct {
	// Only, if not nil, limits faults and counting to paths for which it
	// returns true; of the two paths of a rename or link it is given the new
	// one. Set it before the first operation.
	Only func(path string) bool

	fs     FS
	mu     sync.Mutex
	counts [opKinds]int64
	total  int64
	armed  []armedFault
	struck int64
}

// An armedFault is a fault and the count at which it is due.
type armedFault struct {
	Fault
	due int64
}

// NewFaulty returns fsys with the faults given.
func NewFaulty(fsys FS, faults ...Fault) *Faulty {
	f := &Faulty{fs: fsys}
	for _, fault := range faults {
		f.Fail(fault)
	}
	return f
}

// Fail arms one more fault; its N counts from now.
func (f *Faulty) Fail(fault Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if fault.Err == nil {
		fault.Err = syscall.EIO
		if fault.Short {
			fault.Err = syscall.ENOSPC
		}
	}
	f.armed = append(f.armed, armedFault{fault, f.count(fault.Op) + fault.N})
}

// Heal disarms all faults.
func (f *Faulty) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = nil
}

// Count returns how many operations of a kind there were, failed ones included.
func (f *Faulty) Count(op Op) int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count(op)
}

func (f *Faulty) count(op Op) int64 {
	if op == OpAny {
		return f.total
	}
	return f.counts[op]
}

// Struck returns how many operations were made to fail.
func (f *Faulty) Struck() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.struck
}

// next counts an operation and returns the fault that strikes it, or nil.
func (f *Faulty) next(op Op, path string) *Fault {
	if f.Only != nil && !f.Only(path) {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[op]++
	f.total++
	for _, a := range f.armed {
		if a.Op != op && a.Op != OpAny {
			continue
		}
		if n := f.count(a.Op); n == a.due || a.Sticky && n > a.due {
			f.struck++
			return &a.Fault
		}
	}
	return nil
}

// fail returns the error of an operation that is struck, or nil.
func (f *Faulty) fail(op Op, path string) error {
	if fault := f.next(op, path); fault != nil {
		return &os.PathError{Op: op.String(), Path: path, Err: fault.Err}
	}
	return nil
}

// Create implements FS.
func (f *Faulty) Create(name string) (File, error) { return f.file(OpCreate, name, f.fs.Create) }

// Open implements FS.
func (f *Faulty) Open(name string) (File, error) { return f.file(OpOpen, name, f.fs.Open) }

// OpenReadWrite implements FS.
func (f *Faulty) OpenReadWrite(name string) (File, error) {
	return f.file(OpOpen, name, f.fs.OpenReadWrite)
}

func (f *Faulty) file(op Op, name string, open func(string) (File, error)) (File, error) {
	if err := f.fail(op, name); err != nil {
		return nil, err
	}
	inner, err := open(name)
	if err != nil {
		return nil, err
	}
	return &faultyFile{File: inner, fs: f, name: name}, nil
}

// Remove implements FS.
func (f *Faulty) Remove(name string) error {
	if err := f.fail(OpRemove, name); err != nil {
		return err
	}
	return f.fs.Remove(name)
}

// Rename implements FS.
func (f *Faulty) Rename(oldname, newname string) error {
	if err := f.fail(OpRename, newname); err != nil {
		return err
	}
	return f.fs.Rename(oldname, newname)
}

// Link implements FS.
func (f *Faulty) Link(oldname, newname string) error {
	if err := f.fail(OpLink, newname); err != nil {
		return err
	}
	return f.fs.Link(oldname, newname)
}

// MkdirAll implements FS.
func (f *Faulty) MkdirAll(dir string) error {
	if err := f.fail(OpMkdir, dir); err != nil {
		return err
	}
	return f.fs.MkdirAll(dir)
}

// List implements FS.
func (f *Faulty) List(dir string) ([]string, error) {
	if err := f.fail(OpStat, dir); err != nil {
		return nil, err
	}
	return f.fs.List(dir)
}

// Stat implements FS.
func (f *Faulty) Stat(name string) (Info, error) {
	if err := f.fail(OpStat, name); err != nil {
		return Info{}, err
	}
	return f.fs.Stat(name)
}

// SyncDir implements FS. One that fails leaves names as they were, to be made
// durable by a later one: directories have no pages to be dropped.
func (f *Faulty) SyncDir(dir string) error {
	if err := f.fail(OpSyncDir, dir); err != nil {
		return err
	}
	return f.fs.SyncDir(dir)
}

// Lock implements FS.
func (f *Faulty) Lock(name string) (io.Closer, error) {
	if err := f.fail(OpLock, name); err != nil {
		return nil, err
	}
	return f.fs.Lock(name)
}

// faultyFile is a file of a Faulty.
type faultyFile struct {
	File
	fs   *Faulty
	name string // it was opened under
}

func (f *faultyFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.fs.fail(OpRead, f.name); err != nil {
		return 0, err
	}
	return f.File.ReadAt(b, off)
}

func (f *faultyFile) WriteAt(b []byte, off int64) (int, error) {
	fault := f.fs.next(OpWrite, f.name)
	if fault == nil {
		return f.File.WriteAt(b, off)
	}
	n := 0
	if fault.Short {
		var err error
		if n, err = f.File.WriteAt(b[:len(b)/2], off); err != nil {
			return n, err
		}
	}
	return n, &os.PathError{Op: "write", Path: f.name, Err: fault.Err}
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fs.fail(OpTruncate, f.name); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *faultyFile) Size() (int64, error) {
	if err := f.fs.fail(OpStat, f.name); err != nil {
		return 0, err
	}
	return f.File.Size()
}

func (f *faultyFile) Sync() error {
	err := f.fs.fail(OpSync, f.name)
	if err == nil {
		return f.File.Sync()
	}
	f.failSync()
	return err
}

func (f *faultyFile) failSync() {
	if s, ok := f.File.(syncFailer); ok {
		s.failSync()
	}
}
