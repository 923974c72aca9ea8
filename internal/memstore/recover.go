package memstore

import (
	"fmt"
	"maps"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
)

// Open opens the store in dir, making it if it does not exist. o must be resolved.
func Open(dir string, o Options) (*Store, error) {
	if o.LogLimit == 0 {
		o.LogLimit = DefaultLogLimit
	}
	s := &Store{o: o, fs: o.FS, path: dir}
	s.snapshot.stopped, s.snapshot.idle = make(chan struct{}), snapshotIdle
	var err error
	if s.dir, err = storedir.Open(o.FS, dir, o.identity(), &s.meter); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		s.abandon()
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) open() (err error) {
	r := &s.records
	r.watermark.Store(statelab.MinWatermark)
	r.mem = s.o.NewArena()
	if r.index, err = s.o.NewIndex(r.mem, r); err != nil {
		return err
	}
	if s.o.Hash {
		if r.groups, err = newGroups(r.keys(), s.o.Prefix.Len); err != nil {
			return err
		}
	}
	if s.dir.Fresh {
		if s.log, err = wal.Create(s.logOptions(s.path, logPurpose), firstSegment); err != nil {
			return err
		}
		if err = s.dir.WriteIdentity(s.o.identity()); err != nil {
			return err
		}
	} else if err = s.checkSettings(); err != nil {
		return err
	} else if err = s.recover(); err != nil {
		return err
	}
	s.saved = r.watermark.Load()
	r.tracks = s.o.Durability == statelab.DurabilityCheckpoint
	return nil
}

// checkSettings refuses a directory that was made under other settings.
func (s *Store) checkSettings() error {
	if !maps.Equal(s.dir.Found.Settings, s.o.Settings) {
		return fmt.Errorf("made with settings %v, not %v: %w", s.dir.Found.Settings, s.o.Settings, statelab.ErrMismatch)
	}
	return nil
}

// recover makes the state what the files say.
func (s *Store) recover() error {
	start := time.Now()
	names, err := s.fs.List(s.path)
	if err != nil {
		return err
	}
	number := uint64(0)
	for _, name := range names {
		if n, ok := parseImageName(name); ok {
			number = max(number, n)
		}
	}
	if err := s.load(number); err != nil {
		return err
	}
	s.removeAllBut(number, names)
	s.o.Logger.Info("memstore: opened", "store", s.path, "snapshot", number, "records", s.records.index.Len(), "time", time.Since(start))
	return nil
}

// load makes the state what the snapshot of this number, unless it is 0, and the
// log from there on say.
func (s *Store) load(number uint64) error {
	r := &s.records
	r.loading = true
	defer func() { r.loading = false }()
	l, err := s.newLoader()
	if err != nil {
		return err
	}
	defer l.close()
	if number > 0 {
		// If a kill came between its rename and the sync of that, only now is it
		// safe to let go of the log before it (D8).
		if err := s.fs.SyncDir(s.path); err != nil {
			return err
		}
		size, err := readImage(s.fs, s.path, number, &s.meter, l.setWatermark, l.load)
		if err != nil {
			return err
		}
		s.snapshot.number, s.snapshot.bytes = number, size
	}
	if s.log, err = wal.OpenRuns(s.logOptions(s.path, logPurpose), max(number, firstSegment), l.replay); err != nil {
		return err
	}
	return l.finish()
}

// abandon gives back what a failed opening took.
func (s *Store) abandon() {
	if s.log != nil {
		s.log.Discard()
	}
	if s.records.mem != nil {
		s.records.mem.Release()
	}
	s.records.groups.close()
	s.dir.Close()
}
