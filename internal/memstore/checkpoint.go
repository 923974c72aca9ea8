package memstore

import (
	"fmt"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
)

// Checkpoint implements statelab.Store. The copy is a snapshot and an empty log.
func (s *Store) Checkpoint(dir string) error {
	s.write.Lock()
	if s.closed.Load() {
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
	return storedir.Copy(s.fs, dir, s.o.identity(), &s.meter, func() error { return s.fillCheckpoint(dir, v) })
}

// fillCheckpoint writes the files of a store that holds what the view sees.
func (s *Store) fillCheckpoint(dir string, v view) error {
	if _, err := s.writeImage(filepath.Join(dir, imageName(firstSegment)), firstSegment, v, meter.Checkpoint, unpaced); err != nil {
		return err
	}
	log, err := wal.Create(s.logOptions(dir, meter.Checkpoint), firstSegment)
	if err != nil {
		return err
	}
	return log.Close()
}
