package lsm

import (
	"fmt"

	"github.com/statelab/statelab/internal/meter"
)

// maxUnsynced is how many files are left unsynced, with their files open, in
// the hope that a compaction makes them obsolete before the next Sync.
const maxUnsynced = 128

func (s *Store) newFileNumber() uint64 { return s.nextFile.Add(1) - 1 }

// commitPending makes the current version durable, if it is not.
func (s *Store) commitPending() error {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	v := s.view.Load().version
	if v.number == s.durable.number {
		return nil
	}
	return s.commit(v, s.logStart)
}

// commit makes v, and that the log starts at segment logStart, durable. The
// files of tables that only the previous durable version needed are removed.
// After a failure it is not known which of the two a reopening will find, so
// the files of both stay. The caller holds versionMu.
func (s *Store) commit(v *version, logStart uint64) error {
	err := s.syncTables(v)
	if err == nil {
		err = s.writeEdit(v, logStart)
	}
	if err != nil {
		return s.failed.Set(fmt.Errorf("commit: %w", err))
	}
	s.files.resize(manifestName(s.manifestNumber), s.manifest.end)
	old := s.durable
	s.durable, s.logStart = v.keep(), logStart
	if old != nil {
		old.unref(s.discard)
	}
	return nil
}

// syncTables makes the files of v and their names durable.
func (s *Store) syncTables(v *version) error {
	if err := s.syncFiles(v); err != nil || !s.namesPending {
		return err
	}
	if err := s.fs.SyncDir(s.path); err != nil {
		return fmt.Errorf("sync the names of new tables: %w", err)
	}
	s.namesPending = false
	return nil
}

// syncFiles makes the bytes of the files of v durable.
func (s *Store) syncFiles(v *version) error {
	for f := range v.files {
		if f.unsynced == nil {
			continue
		}
		err := f.unsynced.Sync()
		if cerr := f.closeUnsynced(); err == nil {
			err = cerr
		}
		if err != nil {
			return fmt.Errorf("sync %s: %w", f.title(), err)
		}
		s.namesPending = true
	}
	return nil
}

// boundUnsynced syncs the files of v if too many wait for it.
func (s *Store) boundUnsynced(v *version) error {
	waiting := 0
	for f := range v.files {
		if f.unsynced != nil {
			waiting++
		}
	}
	if waiting <= maxUnsynced {
		return nil
	}
	if err := s.syncFiles(v); err != nil {
		return s.failed.Set(err)
	}
	return nil
}

// writeEdit appends the edit that leads to v, or starts a fresh manifest.
func (s *Store) writeEdit(v *version, logStart uint64) error {
	if s.manifest != nil && !s.manifest.grown() {
		known := map[uint64]bool{}
		for _, r := range s.durable.runs {
			known[r.id] = true
			for _, t := range r.tables {
				known[t.number] = true
			}
		}
		for i := range s.durable.blobs {
			known[s.durable.blobs[i].number] = true
		}
		next := s.stateOf(v, logStart)
		if err := s.manifest.append(appendEdit(nil, &next, known)); err != nil {
			return fmt.Errorf("append to manifest %06d: %w", s.manifest.number, err)
		}
		return nil
	}
	number := s.newFileNumber()
	next := s.stateOf(v, logStart)
	fresh, err := createManifest(s.fs, s.path, number, appendEdit(nil, &next, nil), &s.meter, meter.Meta)
	if err != nil {
		return err
	}
	old, oldNumber := s.manifest, s.manifestNumber
	s.manifest, s.manifestNumber = fresh, number
	if oldNumber != 0 {
		s.remove(manifestName(oldNumber))
	}
	if old != nil {
		return old.file.Close()
	}
	return nil
}

// stateOf describes a version as the manifest does.
func (s *Store) stateOf(v *version, logStart uint64) state {
	st := state{nextFile: s.nextFile.Load(), logStart: logStart, watermark: v.watermark}
	for _, r := range v.runs {
		rs := runState{id: r.id, level: r.level}
		for _, t := range r.tables {
			rs.tables = append(rs.tables, tableState{t.number, t.size, t.tableMeta})
		}
		st.runs = append(st.runs, rs)
	}
	for i := range v.blobs {
		b := v.blobs[i].blob
		st.blobs = append(st.blobs, blobState{b.number, b.size, b.blobMeta})
	}
	return st
}
