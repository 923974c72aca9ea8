package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"sync"
)

// An Overlay is a view of a directory that can be written to without changing
// it: what is written stays in memory and is gone with the Overlay. A store can
// so be opened, and recover, and leave no trace. Files are read from below
// page by page as they are asked for, so a large store costs little.
//
// Only locks are taken below, where their files exist, so that whoever has the
// directory open is respected and kept out.
type Overlay struct {
	FS        // mem
	mem  *Mem // names, and the pages that were written
	base FS

	mu    sync.Mutex
	files map[*inode]*below // those that are still read from below
}

// below is the part of a file that was not overwritten.
type below struct {
	path string
	file File // opened when first needed

	mu    sync.Mutex     // held while the file is read or changed
	size  int64          // bytes; from here on nothing is read from below
	above map[int64]bool // pages that are not read from below any more
}

// NewOverlay returns a view of dir and all below it, and nothing else, under
// the same path. Files in dir must not change while it is in use.
func NewOverlay(base FS, dir string) (*Overlay, error) {
	mem := NewMem()
	o := &Overlay{FS: mem, mem: mem, base: base, files: map[*inode]*below{}}
	if err := o.addDir(dir); err != nil {
		return nil, fmt.Errorf("overlay %s: %w", dir, err)
	}
	return o, nil
}

func (o *Overlay) addDir(dir string) error {
	names, err := o.base.List(dir)
	if err != nil {
		return err
	}
	if err := o.mem.MkdirAll(dir); err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(dir, name)
		info, err := o.base.Stat(path)
		switch {
		case err != nil:
		case info.IsDir:
			err = o.addDir(path)
		default:
			err = o.addFile(path, info.Size)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *Overlay) addFile(path string, size int64) error {
	n, err := o.mem.create(path)
	if err != nil {
		return err
	}
	n.truncate(size)
	o.files[n] = &below{path: path, size: size, above: map[int64]bool{}}
	return nil
}

// Close closes the files below. The Overlay's own files cannot be read any more.
func (o *Overlay) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var first error
	for _, b := range o.files {
		if b.file == nil {
			continue
		}
		if err := b.file.Close(); first == nil {
			first = err
		}
	}
	clear(o.files)
	return first
}

// Create implements FS.
func (o *Overlay) Create(name string) (File, error) {
	f, err := o.wrap(o.mem.Create(name))
	if over, ok := f.(*overlayFile); ok {
		over.below.cut(0)
	}
	return f, err
}

// Open implements FS.
func (o *Overlay) Open(name string) (File, error) { return o.wrap(o.mem.Open(name)) }

// OpenReadWrite implements FS.
func (o *Overlay) OpenReadWrite(name string) (File, error) { return o.wrap(o.mem.OpenReadWrite(name)) }

// wrap returns an open file of o.Mem with what is below it.
func (o *Overlay) wrap(f File, err error) (File, error) {
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	over := f.(*memFile)
	b, ok := o.files[over.node]
	if !ok {
		return f, nil
	}
	if b.file == nil {
		if b.file, err = o.base.Open(b.path); err != nil {
			return nil, err
		}
	}
	return &overlayFile{over, b}, nil
}

// Lock implements FS.
func (o *Overlay) Lock(name string) (io.Closer, error) {
	_, err := o.base.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return o.mem.Lock(name)
	}
	return o.base.Lock(name)
}

// overlayFile is an open file that lies partly below.
type overlayFile struct {
	*memFile
	below *below
}

func (f *overlayFile) ReadAt(b []byte, off int64) (int, error) {
	f.below.mu.Lock()
	defer f.below.mu.Unlock()
	n, err := f.memFile.ReadAt(b, off)
	for i := off / pageSize; i*pageSize < off+int64(n); i++ {
		start, end := max(off, i*pageSize), min(off+int64(n), (i+1)*pageSize)
		if rerr := f.below.read(i, b[start-off:end-off], start); rerr != nil {
			return int(start - off), rerr
		}
	}
	return n, err
}

func (f *overlayFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.usable("write", true, off); err != nil {
		return 0, err
	}
	f.below.mu.Lock()
	defer f.below.mu.Unlock()
	end := off + int64(len(b))
	for i := off / pageSize; i*pageSize < end; i++ {
		if err := f.raise(i); err != nil {
			return 0, err
		}
	}
	return f.memFile.WriteAt(b, off)
}

func (f *overlayFile) Truncate(size int64) error {
	if err := f.usable("truncate", true, size); err != nil {
		return err
	}
	f.below.cut(size)
	return f.memFile.Truncate(size)
}

// raise copies page i from below, unless that has been done. The caller holds
// f.below.mu.
func (f *overlayFile) raise(i int64) error {
	start := i * pageSize
	if n := min(pageSize, f.below.size-start); n > 0 && !f.below.above[i] {
		page := make([]byte, n)
		if err := f.below.read(i, page, start); err != nil {
			return err
		}
		if _, err := f.memFile.WriteAt(page, start); err != nil {
			return err
		}
	}
	f.below.above[i] = true
	return nil
}

// read fills b with what lies below at off, in page i; what does not lie below
// it leaves alone. The caller holds b.mu.
func (b *below) read(i int64, buf []byte, off int64) error {
	n := min(int64(len(buf)), b.size-off)
	if n <= 0 || b.above[i] {
		return nil
	}
	got, err := b.file.ReadAt(buf[:n], off)
	if int64(got) == n {
		return nil
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF // it was as long as size when it was opened
	}
	return err
}

// cut says that from size on nothing is read from below.
func (b *below) cut(size int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.size = min(b.size, size)
}
