package bench

import (
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A restartable is a store that a driver can end and open again, in one
// process: cleanly, or as if the process had been killed. While it is ended its
// figures are zero, so that those of its second life begin there.
type restartable struct {
	statelab.Store // nil while it is ended
	life           *life
	opts           *statelab.Options // as instruments left them, without the life
	open           func(*statelab.Options) (statelab.Store, error)
}

// start opens the store for the first time, or again.
func (s *restartable) start() (err error) {
	s.life = &life{}
	opts := *s.opts
	if opts.FS == nil {
		opts.FS = vfs.OS
	}
	opts.FS = mortalFS{opts.FS, s.life}
	s.Store, err = s.open(&opts)
	return err
}

// stop closes the store.
func (s *restartable) stop() error {
	store := s.Store
	s.Store = nil
	return store.Close()
}

// errNotKillable is why a kill would show nothing.
var errNotKillable = errors.New("its files are not reached through Options.FS, so that it cannot be killed without the process; end it cleanly")

// kill ends the store as kill -9 ends a process: what it has given to the file
// system is there, what it was keeping for later is not, and its locks are free.
func (s *restartable) kill() error {
	if _, none := s.Store.(*noopStore); !none && s.life.locks.Load() == 0 {
		return errNotKillable
	}
	s.life.over.Store(true)
	// Close gives back memory and goroutines. It cannot do what it wants to the
	// files, and says so.
	store := s.Store
	s.Store = nil
	_ = store.Close()
	if n := s.life.locks.Load(); n > 0 {
		return fmt.Errorf("the killed store still holds %d locks", n)
	}
	return nil
}

// Stats implements statelab.Store.
func (s *restartable) Stats() statelab.Stats {
	if s.Store == nil {
		return statelab.Stats{}
	}
	return s.Store.Stats()
}

// KeepsDead implements statelab.KeepsDeadStore.
func (s *restartable) KeepsDead() bool { return s.Store != nil && statelab.KeepsDead(s.Store) }

// Close implements statelab.Store.
func (s *restartable) Close() error {
	if s.Store == nil {
		return nil
	}
	return s.stop()
}

// A life is the span in which a store can change its files.
type life struct {
	over  atomic.Bool
	locks atomic.Int64 // that are held
}

var errKilled = errors.New("the process was killed")

func (l *life) err() error {
	if l.over.Load() {
		return errKilled
	}
	return nil
}

// A mortalFS is a file system that nothing changes once a life is over.
type mortalFS struct {
	vfs.FS
	life *life
}

func (m mortalFS) Create(name string) (vfs.File, error) {
	if err := m.life.err(); err != nil {
		return nil, err
	}
	return m.file(m.FS.Create(name))
}

func (m mortalFS) OpenReadWrite(name string) (vfs.File, error) {
	return m.file(m.FS.OpenReadWrite(name))
}

func (m mortalFS) file(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return mortalFile{f, m.life}, nil
}

func (m mortalFS) Remove(name string) error {
	return m.unless(func() error { return m.FS.Remove(name) })
}

func (m mortalFS) Rename(oldname, newname string) error {
	return m.unless(func() error { return m.FS.Rename(oldname, newname) })
}

func (m mortalFS) Link(oldname, newname string) error {
	return m.unless(func() error { return m.FS.Link(oldname, newname) })
}

func (m mortalFS) MkdirAll(dir string) error {
	return m.unless(func() error { return m.FS.MkdirAll(dir) })
}

func (m mortalFS) SyncDir(dir string) error {
	return m.unless(func() error { return m.FS.SyncDir(dir) })
}

// unless runs op unless the life is over.
func (m mortalFS) unless(op func() error) error {
	if err := m.life.err(); err != nil {
		return err
	}
	return op()
}

func (m mortalFS) Lock(name string) (io.Closer, error) {
	lock, err := m.FS.Lock(name)
	if err != nil {
		return nil, err
	}
	m.life.locks.Add(1)
	return mortalLock{lock, m.life}, nil
}

type mortalLock struct {
	io.Closer
	life *life
}

func (l mortalLock) Close() error {
	l.life.locks.Add(-1)
	return l.Closer.Close()
}

type mortalFile struct {
	vfs.File
	life *life
}

func (f mortalFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.life.err(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f mortalFile) Truncate(size int64) error {
	if err := f.life.err(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f mortalFile) Sync() error {
	if err := f.life.err(); err != nil {
		return err
	}
	return f.File.Sync()
}
