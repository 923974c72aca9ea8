package vfs

import (
	"bytes"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
)

// A change is what was done to a file's bytes and is not durable yet: data
// written at off or, if data is nil, the length set to off.
type change struct {
	off  int64
	data []byte
	lost bool // a sync of it failed: no later one makes it durable (M4)
}

func (c change) apply(to *content) {
	if c.data == nil {
		to.truncate(c.off)
		return
	}
	to.writeAt(c.data, c.off)
}

func (n *inode) write(b []byte, off int64) {
	if len(b) == 0 {
		return
	}
	n.current.writeAt(b, off)
	n.unsynced = append(n.unsynced, change{off: off, data: bytes.Clone(b)})
}

func (n *inode) truncate(size int64) {
	if size == n.current.size && len(n.unsynced) == 0 && !n.diverged {
		return // nothing to forget
	}
	n.current.truncate(size)
	n.unsynced = append(n.unsynced, change{off: size})
}

func (n *inode) sync() {
	if n.diverged {
		for _, c := range n.unsynced {
			if !c.lost {
				c.apply(&n.synced)
			}
		}
	} else if len(n.unsynced) > 0 {
		n.synced = n.current.share()
	}
	n.unsynced = nil // not [:0]: copies of the file share it
}

// failSync is a sync that failed: what it should have made durable stays
// readable and may or may not be on disk, until a later sync settles that it
// is not. (M4)
func (n *inode) failSync() {
	n.unsynced = slices.Clone(n.unsynced)
	for i := range n.unsynced {
		n.unsynced[i].lost = true
		n.diverged = true
	}
}

// A syncFailer is a File whose Sync can be made to fail as kernels do. Faulty
// uses it where it finds it.
type syncFailer interface{ failSync() }

// memFile is an open file of a Mem.
type memFile struct {
	fs       *Mem
	node     *inode
	name     string // it was opened under
	writable bool
	closed   atomic.Bool
}

func (f *memFile) failed(op string, err error) error {
	return &os.PathError{Op: op, Path: f.name, Err: err}
}

// usable returns why the file cannot do op, if it cannot.
func (f *memFile) usable(op string, write bool, off int64) error {
	switch {
	case f.closed.Load():
		return f.failed(op, os.ErrClosed)
	case off < 0:
		return f.failed(op, syscall.EINVAL)
	case write && !f.writable:
		return f.failed(op, syscall.EBADF)
	}
	return nil
}

func (f *memFile) ReadAt(b []byte, off int64) (int, error) {
	if err := f.usable("read", false, off); err != nil {
		return 0, err
	}
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	return f.node.current.readAt(b, off)
}

func (f *memFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.usable("write", true, off); err != nil {
		return 0, err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.write(b, off)
	return len(b), nil
}

func (f *memFile) Truncate(size int64) error {
	if err := f.usable("truncate", true, size); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.truncate(size)
	return nil
}

func (f *memFile) Size() (int64, error) {
	if err := f.usable("stat", false, 0); err != nil {
		return 0, err
	}
	f.fs.mu.RLock()
	defer f.fs.mu.RUnlock()
	return f.node.current.size, nil
}

func (f *memFile) Sync() error {
	if err := f.usable("sync", false, 0); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.sync()
	return nil
}

func (f *memFile) failSync() {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	f.node.failSync()
}

func (f *memFile) Close() error {
	if f.closed.Swap(true) {
		return f.failed("close", os.ErrClosed)
	}
	return nil
}
