package vfs

import "errors"

// A Preallocator is a File that can reserve space ahead of what is written.
type Preallocator interface {
	// Preallocate makes the file at least size bytes long, with space on the
	// disk for all of them where the file system has such a call; what it adds
	// reads as zeros. The length becomes durable as bytes do (V1).
	Preallocate(size int64) error
}

// Preallocate reserves space for f, which must be open for writing. Where f
// cannot, the error is errors.ErrUnsupported and nothing has changed.
func Preallocate(f File, size int64) error {
	if p, ok := f.(Preallocator); ok {
		return p.Preallocate(size)
	}
	return errors.ErrUnsupported
}

func (f *memFile) Preallocate(size int64) error {
	if err := f.usable("preallocate", true, size); err != nil {
		return err
	}
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	if size > f.node.current.size {
		f.node.truncate(size)
	}
	return nil
}

// Preallocate never fails where the file below does not: what a reservation is
// for, a write that finds no space, is a fault of its own.
func (f *faultyFile) Preallocate(size int64) error { return Preallocate(f.File, size) }

// Preallocate is reported as the change of length that it is.
func (f *traceFile) Preallocate(size int64) error {
	before, err := f.File.Size()
	if err != nil {
		return err
	}
	if err := Preallocate(f.File, size); err != nil {
		return err
	}
	if size > before {
		f.report(OpTruncate, 0, size)
	}
	return nil
}
