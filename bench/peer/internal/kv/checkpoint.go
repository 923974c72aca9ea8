package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
)

// Checkpoint implements statelab.Store: with the peer's own means where it has
// any, and else by copying every key into a new store.
func (s *Store) Checkpoint(dir string) error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.changeable(); err != nil {
		return err
	}
	if err := s.checkpoint(dir); err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	return nil
}

func (s *Store) checkpoint(dir string) error {
	fsys := s.opts.FS
	if _, err := fsys.Stat(dir); err == nil {
		return fs.ErrExist
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := fsys.MkdirAll(dir); err != nil {
		return err
	}
	err := s.db.Checkpoint(filepath.Join(dir, dbDir))
	if errors.Is(err, statelab.ErrUnsupported) {
		err = s.copyTo(filepath.Join(dir, dbDir))
	}
	if err != nil {
		return err
	}
	if err := storedir.Write(fsys, dir, s.identity(), &s.meter, meter.Checkpoint); err != nil {
		return err
	}
	return fsys.SyncDir(filepath.Dir(dir))
}

// copyBatch bounds a batch of a copy, in bytes.
const copyBatch = 256 << 10

// copyTo copies every key of the peer to a new one in dir.
func (s *Store) copyTo(dir string) (err error) {
	if err := s.opts.FS.MkdirAll(dir); err != nil {
		return err
	}
	place := Place{Dir: dir, FS: s.opts.FS, Meter: &s.meter, Options: s.opts}
	if s.opts.Prefix.Len != nil {
		place.Split = s.split
	}
	to, err := s.cfg.Open(place)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := to.Close(); err == nil {
			err = closeErr
		}
	}()
	if err := s.copyInto(to); err != nil {
		return err
	}
	return to.Sync()
}

func (s *Store) copyInto(to DB) error {
	cur, err := s.db.Cursor([]byte{0}, []byte{0xff}, false)
	if err != nil {
		return err
	}
	defer cur.Close()
	b, size := to.Begin(), 0
	for ok := cur.First(); ok; ok = cur.Next() {
		value, err := cur.Value()
		if err == nil {
			err = b.Put(cur.Key(), value)
		}
		if err != nil {
			b.Discard()
			return err
		}
		if size += len(cur.Key()) + len(value); size < copyBatch {
			continue
		}
		if err := b.Commit(false); err != nil {
			return err
		}
		b, size = to.Begin(), 0
	}
	if err := cur.Err(); err != nil {
		b.Discard()
		return err
	}
	return b.Commit(false)
}
