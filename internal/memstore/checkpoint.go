package memstore

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
	"github.com/statelab/statelab/vfs"
)

// Checkpoint implements statelab.Store. The copy is a snapshot and an empty log.
func (s *Store) Checkpoint(dir string) error {
	s.write.Lock()
	if s.closed {
		s.write.Unlock()
		return statelab.ErrClosed
	}
	s.calls.Add(1)
	v := s.openView()
	s.write.Unlock()
	err := s.checkpoint(dir, v.view)
	s.closeView(v)
	s.calls.Done()
	if err != nil {
		return fmt.Errorf("checkpoint %s to %s: %w", s.path, dir, err)
	}
	return nil
}

func (s *Store) checkpoint(dir string, v view) error {
	exists, err := vfs.Exists(s.fs, dir)
	if err != nil {
		return err
	}
	if exists {
		return errors.New("the target exists")
	}
	if err := s.fs.MkdirAll(dir); err != nil {
		return err
	}
	if err := s.fillCheckpoint(dir, v); err != nil {
		s.removeCheckpoint(dir)
		return err
	}
	return nil
}

// fillCheckpoint makes the empty directory dir a store. Its identity comes
// last, so that what is cut short is no store.
func (s *Store) fillCheckpoint(dir string, v view) error {
	if err := s.fs.SyncDir(filepath.Dir(dir)); err != nil {
		return err
	}
	if _, err := s.writeImage(filepath.Join(dir, imageName(firstSegment)), firstSegment, v, meter.Checkpoint, nil); err != nil {
		return err
	}
	log, err := wal.Create(s.logOptions(dir, meter.Checkpoint), firstSegment)
	if err != nil {
		return err
	}
	if err := log.Close(); err != nil {
		return err
	}
	return storedir.Write(s.fs, dir, s.o.identity(), &s.meter, meter.Checkpoint)
}

// removeCheckpoint removes what a failed checkpoint has made. What it cannot
// remove is not a store.
func (s *Store) removeCheckpoint(dir string) {
	err := removeAll(s.fs, filepath.Join(dir, logDirName))
	if err == nil {
		err = removeAll(s.fs, dir)
	}
	if err != nil {
		s.o.Logger.Warn("memstore: remains of a failed checkpoint stay", "dir", dir, "error", err)
	}
}

// removeAll removes a directory and the files in it, if it exists.
func removeAll(fsys vfs.FS, dir string) error {
	exists, err := vfs.Exists(fsys, dir)
	if err != nil || !exists {
		return err
	}
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := fsys.Remove(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return fsys.Remove(dir)
}
