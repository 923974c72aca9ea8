package kv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/latch"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/vfs"
)

// First bytes of keys in the peer.
const (
	tagRecord = 'd'
	tagMeta   = 'm'
	tagIndex  = 'x'
)

var watermarkKey = []byte("mwatermark")

// version is that of how peers' files are kept.
const version = 1

// dbDir is where in a store's directory the peer keeps its files.
const dbDir = "DB"

// A Store is a peer behind the contract of package statelab.
type Store struct {
	cfg    Config
	opts   statelab.Options // resolved
	dir    *storedir.Dir
	meter  meter.Meter
	db     DB
	failed latch.Latch

	// write is held by whatever changes the store (P2).
	write   sync.Mutex
	key     []byte // scratch, under write
	record  []byte
	volume  int64 // bytes of elements ever put, as far as is known: no record holds more
	dirty   bool  // something was committed since the last Sync
	swept   int64 // expiry=index: entries below this expiry are gone
	pending map[string][]byte

	// gate is shared by reads, and held while the store closes or its
	// watermark moves (P2).
	gate      sync.RWMutex
	closed    bool
	watermark int64

	iters iterList

	batches, ops, logical, dead, longest atomic.Int64

	stop    chan struct{} // ends the interval's goroutine; nil if there is none
	stopped chan struct{}
}

// Open opens the store in dir, making it if need be.
func Open(dir string, cfg Config) (*Store, error) {
	opts, err := cfg.Options.Resolve()
	if err != nil {
		return nil, err
	}
	if cfg.RealFS {
		opts.FS = vfs.OS
	}
	if opts.Maintenance == statelab.MaintenanceInline && !cfg.Inline {
		return nil, fmt.Errorf("open store %s: %s has no inline maintenance: %w", dir, cfg.Engine, statelab.ErrUnsupported)
	}
	s := &Store{cfg: cfg, opts: opts, watermark: statelab.MinWatermark, swept: statelab.MinWatermark}
	if s.dir, err = storedir.Open(opts.FS, dir, s.identity(), &s.meter); err != nil {
		return nil, err
	}
	if err := s.open(); err != nil {
		if s.db != nil {
			err = errors.Join(err, s.db.Close())
		}
		s.dir.Close()
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	if opts.Durability == statelab.DurabilityInterval {
		s.stop, s.stopped = make(chan struct{}), make(chan struct{})
		go s.syncEvery(opts.SyncInterval)
	}
	return s, nil
}

// identity is what the directory says of the store.
func (s *Store) identity() storedir.Identity {
	settings := map[string]string{"expiry": s.cfg.Options.Expiry.String()}
	maps.Copy(settings, s.cfg.Settings)
	return storedir.Identity{Engine: s.cfg.Engine, Version: version, Prefix: s.opts.Prefix.Name, Settings: settings}
}

func (s *Store) open() error {
	id := s.identity()
	fresh := s.dir.Fresh
	if !fresh && !maps.Equal(s.dir.Found.Settings, id.Settings) {
		return fmt.Errorf("made with %v, not %v: %w", s.dir.Found.Settings, id.Settings, statelab.ErrMismatch)
	}
	place := Place{Dir: filepath.Join(s.dir.Path, dbDir), FS: s.opts.FS, Meter: &s.meter, Options: s.opts}
	if s.opts.Prefix.Len != nil {
		place.Split = s.split
	}
	if fresh { // what an opening that was cut short has left promised nothing
		if err := removeFiles(s.opts.FS, place.Dir); err != nil {
			return err
		}
	}
	if err := s.opts.FS.MkdirAll(place.Dir); err != nil {
		return err
	}
	db, err := s.cfg.Open(place)
	if err != nil {
		return err
	}
	s.db = db
	if fresh {
		if err := s.opts.FS.SyncDir(s.dir.Path); err != nil {
			return err
		}
		return s.dir.WriteIdentity(id)
	}
	s.volume = statelab.MaxRecordSize
	value, found, err := s.db.Get(nil, watermarkKey)
	if err != nil || !found {
		return err
	}
	if len(value) != 8 {
		return damaged("the watermark is not of 8 bytes")
	}
	s.watermark = decodeTime(value)
	return nil
}

// split is Options.Prefix.Len for keys of the peer. A key without a prefix is
// one of its own: no part that all keys share may be taken for a prefix, since
// peers order by prefix first.
func (s *Store) split(key []byte) int {
	if len(key) > 1 && key[0] == tagRecord {
		if n := s.opts.Prefix.Len(key[1:]); n > 0 {
			return 1 + n
		}
	}
	return len(key)
}

// syncEvery syncs at each interval what was committed since the last one.
func (s *Store) syncEvery(interval time.Duration) {
	defer close(s.stopped)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-tick.C:
			s.write.Lock()
			if s.dirty && !s.closed {
				_ = s.syncLocked() // the latch keeps it for the next call
			}
			s.write.Unlock()
		}
	}
}

// changeable returns why the store takes no change. The caller holds write.
func (s *Store) changeable() error {
	if s.closed {
		return statelab.ErrClosed
	}
	return s.failed.Err()
}

// Sync implements statelab.Store.
func (s *Store) Sync() error {
	s.write.Lock()
	defer s.write.Unlock()
	if err := s.changeable(); err != nil {
		return err
	}
	return s.syncLocked()
}

func (s *Store) syncLocked() error {
	if !s.dirty {
		return nil
	}
	if err := s.db.Sync(); err != nil {
		return s.failed.Set(fmt.Errorf("sync %s: %w", s.dir.Path, err))
	}
	s.dirty = false
	return nil
}

// KeepsDead says whether dead records hold their space until they are deleted.
func (s *Store) KeepsDead() bool { return s.cfg.Options.Expiry == ExpiryDriver }

// Notes returns what a reader of figures must know of the store as it is set.
func (s *Store) Notes() []string { return s.cfg.Notes }

// Stats implements statelab.Store.
func (s *Store) Stats() statelab.Stats {
	s.gate.RLock()
	defer s.gate.RUnlock()
	st := statelab.Stats{Engine: s.cfg.Engine, Watermark: s.watermark, Records: -1}
	s.meter.Fill(&st)
	if !s.closed {
		s.db.Fill(&st)
		if st.Disk == 0 {
			st.Disk = diskSize(s.opts.FS, s.dir.Path)
		}
	}
	st.Batches, st.Ops, st.LogicalBytes = s.batches.Load(), s.ops.Load(), s.logical.Load()
	st.DroppedDead = s.dead.Load()
	st.LongestAdvance = time.Duration(s.longest.Load())
	return st
}

// Close implements statelab.Store.
func (s *Store) Close() error {
	if s.stop != nil {
		s.write.Lock()
		if !s.closed {
			select {
			case <-s.stop:
			default:
				close(s.stop)
			}
		}
		s.write.Unlock()
		<-s.stopped
	}
	s.write.Lock()
	defer s.write.Unlock()
	if s.closed {
		return statelab.ErrClosed
	}
	var err error
	if s.opts.Durability != statelab.DurabilityCheckpoint && s.failed.Err() == nil {
		err = s.syncLocked()
	}
	s.gate.Lock()
	defer s.gate.Unlock()
	s.closed = true
	s.iters.closeAll()
	if e := s.db.Close(); err == nil && e != nil {
		err = fmt.Errorf("close %s: %w", s.dir.Path, e)
	}
	if e := s.dir.Close(); err == nil {
		err = e
	}
	return err
}

func appendTime(dst []byte, t int64) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^1<<63)
}

func decodeTime(b []byte) int64 { return int64(binary.BigEndian.Uint64(b) ^ 1<<63) }
