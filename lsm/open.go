package lsm

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
)

// Engine is the name of the engine in backend specs, Stats and the directories
// it makes.
const Engine = "lsm"

const formatVersion = 3

func identity(o *Options) storedir.Identity {
	return storedir.Identity{Engine: Engine, Version: formatVersion, Prefix: o.Prefix.Name}
}

// Open opens the store in dir, making it if there is none. o may be nil.
// Durability and all that is not written into the identity may differ from one
// opening to the next.
func Open(dir string, o *Options) (*Store, error) {
	options, err := o.resolve()
	if err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s := &Store{
		options:     options,
		budget:      options.budget(),
		strategy:    strategyOf(&options, options.budget()),
		fs:          options.FS,
		path:        dir,
		recordLimit: statelab.MaxRecordSize,
	}
	if s.dir, err = storedir.Open(s.fs, dir, identity(&options), &s.meter); err != nil {
		return nil, err
	}
	if err := s.begin(); err != nil {
		s.shut()
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	return s, nil
}

// begin makes a locked directory an open store.
func (s *Store) begin() error {
	codec, err := newCodec(s.options.Compression)
	if err != nil {
		return err
	}
	s.env = &tableEnv{
		files:      newFilePool(s.fs, s.path, &s.meter),
		cache:      cache.New(cache.Options{Budget: s.budget.readers, Policy: s.options.CachePolicy, Kinds: blockKinds}),
		memory:     readerMemory{budget: s.budget.readers},
		cacheLimit: int(min(s.budget.readers/6, math.MaxInt32)),
		codec:      codec,
		prefix:     s.options.Prefix,
		told:       s.options.OnBlockAccess,
		index:      s.options.Index,
	}
	s.env.directory = newDirectory(s.env)
	s.format = &tableFormat{
		blockSize:  s.options.BlockSize,
		bufferSize: int(max(4<<10, min(s.options.Memory/64, 256<<10))),
		bloomBits:  s.options.BloomBits,
		prefix:     s.options.Prefix,
		codec:      codec,
	}
	s.pages = memtablePages(s.budget.memtable)
	s.worker.prepare()
	if s.dir.Fresh {
		err = s.create()
	} else {
		err = s.recover()
	}
	if err != nil {
		return err
	}
	s.worker.start(s)
	return nil
}

// create makes the first files of a new store, and the store last.
func (s *Store) create() error {
	st := &state{nextFile: 1, watermark: statelab.MinWatermark}
	if err := s.show(st); err != nil {
		return err
	}
	if err := s.removeLeftovers(st); err != nil {
		return err
	}
	if err := s.beginLog(); err != nil {
		return err
	}
	if err := s.recommit(); err != nil {
		return err
	}
	return s.dir.WriteIdentity(identity(&s.options))
}

// recover finds the state that a store was left in.
func (s *Store) recover() error {
	st, number, counted, err := readManifest(s.fs, s.path)
	if err != nil {
		return err
	}
	s.manifestNumber, s.logStart = number, st.logStart
	if err := s.requireFiles(st); err != nil {
		return err
	}
	info, err := s.fs.Stat(filepath.Join(s.path, manifestName(number)))
	if err != nil {
		return err
	}
	s.files.resize(manifestName(number), info.Size)
	if err := s.show(st); err != nil {
		return err
	}
	s.versionMu.Lock()
	s.durable = s.view.Load().version.keep()
	s.versionMu.Unlock()
	// What was found must stay found (D8), and so it must be durable before
	// the files of an older state are removed. An edit that no slot counts may
	// be one whose sync failed, so it is written again; CURRENT may have been
	// renamed without its directory being synced.
	if !counted {
		err = s.recommit()
	} else {
		err = s.fs.SyncDir(s.path)
	}
	if err == nil {
		err = s.removeLeftovers(st)
	}
	if err == nil {
		err = s.recoverLog()
	}
	if err != nil {
		return err
	}
	s.options.Logger.Info("lsm: opened", "store", s.path, "tables", st.tables(), "watermark", s.watermark.Load(),
		"batches from the log", s.seq.Load())
	return nil
}

// requireFiles finds tables and blob files that are missing or cut short.
func (s *Store) requireFiles(st *state) error {
	for name, size := range st.files {
		path := filepath.Join(s.path, name)
		info, err := s.fs.Stat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return &statelab.CorruptError{File: path, Offset: -1, Reason: "missing"}
		case err != nil:
			return err
		case info.Size != size:
			return &statelab.CorruptError{File: path, Offset: min(info.Size, size),
				Reason: fmt.Sprintf("%d bytes long, and the manifest says %d", info.Size, size)}
		}
	}
	return nil
}

// show makes the first view, of a version as the state says and an empty memtable.
func (s *Store) show(st *state) error {
	s.nextFile.Store(st.nextFile)
	s.watermark.Store(st.watermark)
	for name, size := range st.files {
		s.files.resize(name, size)
	}
	s.findBlobs(st)
	var runs []*run
	for _, r := range st.runs {
		var tables []*table
		for _, t := range r.tables {
			tables = append(tables, &table{tableMeta: t.tableMeta, blockFile: blockFile{number: t.number, size: t.size, env: s.env}})
		}
		runs = append(runs, newRun(r.id, r.level, tables))
	}
	m, err := newMemtable(s.options.Memtable, s.pages, s.options.Prefix)
	if err != nil {
		return err
	}
	m.began = st.watermark
	v := newVersion(runs, st.watermark)
	v.number = 1
	s.view.Store(newView([]*memtable{m}, v))
	v.unref(s.discard)
	return nil
}

// removeLeftovers removes the files of the store's own kinds that neither the
// state nor the manifest needs: what was not committed before a crash.
func (s *Store) removeLeftovers(st *state) error {
	needed := map[string]bool{manifestName(s.manifestNumber): true}
	for name := range st.files {
		needed[name] = true
	}
	names, err := s.fs.List(s.path)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !ownFile(name) || needed[name] {
			continue
		}
		if err := s.fs.Remove(filepath.Join(s.path, name)); err != nil {
			return fmt.Errorf("remove leftover file: %w", err)
		}
	}
	if st.logStart == 0 {
		return s.removeLog()
	}
	return nil
}

func ownFile(name string) bool {
	return strings.HasSuffix(name, tableSuffix) || strings.HasSuffix(name, blobSuffix) || strings.HasPrefix(name, manifestPrefix) || name == currentTempName
}

// recommit makes the current version durable in a fresh manifest.
func (s *Store) recommit() error {
	s.versionMu.Lock()
	defer s.versionMu.Unlock()
	return s.commit(s.view.Load().version, s.logStart)
}

// beginLog makes a new log for a store without one, if its durability asks
// for it.
func (s *Store) beginLog() (err error) {
	if s.options.Durability == statelab.DurabilityCheckpoint {
		return nil
	}
	s.log, err = wal.Create(s.logOptions(), firstLogSegment)
	s.logStart = firstLogSegment
	return err
}

// recoverLog replays the log, if there is one, and makes it what the store's
// durability asks for: a store can be opened with another one than before.
func (s *Store) recoverLog() error {
	if s.logStart == 0 {
		if err := s.beginLog(); err != nil || s.log == nil {
			return err
		}
		return s.recommit()
	}
	log, err := wal.Open(s.logOptions(), s.logStart, s.replay)
	if err != nil {
		return err
	}
	s.log = log
	if s.options.Durability == statelab.DurabilityCheckpoint {
		return s.endLog()
	}
	return nil
}

// endLog makes the tables hold what the log did, and removes it.
func (s *Store) endLog() error {
	log := s.log
	s.log = nil
	if err := log.Close(); err != nil {
		return err
	}
	s.logStart = 0
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	if err := s.flushAll(); err != nil {
		return err
	}
	if err := s.recommit(); err != nil {
		return err
	}
	return s.removeLog()
}

// removeLog removes a log that the manifest does not name.
func (s *Store) removeLog() error {
	dir := filepath.Join(s.path, logDirName)
	names, err := s.fs.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, name := range names {
		if err == nil {
			err = s.fs.Remove(filepath.Join(dir, name))
		}
	}
	if err == nil {
		err = s.fs.Remove(dir)
	}
	if err != nil {
		return fmt.Errorf("remove leftover log: %w", err)
	}
	return nil
}

// Close implements statelab.Store.
func (s *Store) Close() error {
	s.gate.Lock()
	if s.closed {
		s.gate.Unlock()
		return statelab.ErrClosed
	}
	s.closed = true
	s.gate.Unlock()
	s.worker.halt()
	s.failIterators(statelab.ErrClosed)
	if err := s.shut(); err != nil {
		return fmt.Errorf("close store %s: %w", s.path, err)
	}
	return nil
}

// shut gives back what an open store, or one whose opening failed, holds. Files
// that the durable version does not need go too, unless the next opening has
// to find out which version that is.
func (s *Store) shut() error {
	var first error
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	if s.log != nil {
		keep(s.failed.Err())
		keep(s.log.Close())
	}
	if w := s.view.Load(); w != nil {
		s.release(w)
	}
	if s.pages != nil {
		s.pages.Release()
	}
	s.keepFiles.Store(true)
	if s.durable != nil {
		s.durable.unref(s.discard)
	}
	if s.manifest != nil {
		keep(s.manifest.file.Close())
	}
	if s.env != nil {
		keep(s.env.files.closeAll())
		s.env.cache.Close()
		s.env.codec.Close()
	}
	keep(s.dir.Close())
	return first
}
