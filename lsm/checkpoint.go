package lsm

import (
	"fmt"
	"path/filepath"

	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/vfs"
)

// Checkpoint implements statelab.Store. Tables never change, so they are
// shared by links, as are blob files; what is in memory is written to tables of the copy alone, so that
// the store itself is as it was, on disk and in what a crash would leave.
func (s *Store) Checkpoint(dir string) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	snap := s.acquire()
	defer s.release(snap.view)
	if err := s.checkpoint(snap, dir); err != nil {
		return fmt.Errorf("checkpoint %s to %s: %w", s.path, dir, err)
	}
	return nil
}

func (s *Store) checkpoint(snap snapshot, dir string) error {
	return storedir.Copy(s.fs, dir, identity(&s.options), &s.meter, func() error { return s.fillCheckpoint(snap, dir) })
}

// fillCheckpoint writes the files of a store that holds what the snapshot does.
func (s *Store) fillCheckpoint(snap snapshot, dir string) error {
	memory, err := s.writeMemory(snap, dir)
	if err != nil {
		return err
	}
	v := version{runs: snap.view.version.runs, watermark: snap.watermark}
	v.blobs = heldBlobs(v.runs, v.watermark)
	for f := range v.files {
		if err := s.shareFile(f, dir); err != nil {
			return err
		}
	}
	if len(memory.tables) > 0 {
		v.runs = append([]*run{newRun(s.newFileNumber(), 0, memory.tables)}, v.runs...)
		v.blobs = heldBlobs(v.runs, v.watermark)
	}
	number := s.newFileNumber()
	st := s.stateOf(&v, 0)
	man, err := createManifest(s.fs, dir, number, appendEdit(nil, &st, nil), &s.meter, meter.Checkpoint)
	if err != nil {
		return err
	}
	return man.file.Close()
}

// writeMemory writes what the memtables of the snapshot hold to tables in dir.
func (s *Store) writeMemory(snap snapshot, dir string) (written, error) {
	var m merger
	defer m.close()
	for _, mem := range snap.view.memtables {
		c := new(memtableCursor)
		c.open(mem, snap.seq)
		m.sources = append(m.sources, c)
	}
	m.reset(nil, nil)
	w := rewrite{
		store: s, from: &m, dir: dir, purpose: meter.Checkpoint, watermark: snap.watermark,
		older: func(key []byte) bool { return mayHold(snap.view.version.runs, key) },
	}
	made, err := w.do()
	for f := range made.files {
		if serr := f.unsynced.Sync(); err == nil {
			err = serr
		}
		if cerr := f.closeUnsynced(); err == nil {
			err = cerr
		}
	}
	return made, err
}

// shareFile gives the copy a table or blob file. One that is not synced yet is copied
// and not linked: if syncing it failed for the copy, the kernel might forget
// that it still has to be written for the store itself.
func (s *Store) shareFile(from *blockFile, dir string) error {
	path := filepath.Join(dir, from.name())
	s.versionMu.Lock()
	synced := from.unsynced == nil
	s.versionMu.Unlock()
	if synced {
		return s.fs.Link(from.path(), path)
	}
	raw, err := s.fs.Create(path)
	if err != nil {
		return err
	}
	f := s.meter.File(raw, meter.Checkpoint)
	err = s.copyFile(from, f)
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

func (s *Store) copyFile(from *blockFile, to vfs.File) error {
	buf := make([]byte, min(from.size, 1<<20))
	for off := int64(0); off < from.size; off += int64(len(buf)) {
		part := buf[:min(int64(len(buf)), from.size-off)]
		if err := from.readAt(part, off); err != nil {
			return err
		}
		if _, err := to.WriteAt(part, off); err != nil {
			return err
		}
	}
	return nil
}
