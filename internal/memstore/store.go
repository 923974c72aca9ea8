package memstore

import (
	"sync"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/latch"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
	"github.com/statelab/statelab/vfs"
)

// A Store is an open store. It implements statelab.Store and, of the optional
// abilities, ElementStore, CheckStore and DumpStore.
//
// Locks, in the order in which they are taken:
//
//	write     whoever adds to the history holds it; so the log has the order in
//	          which things take effect
//	mu        readers hold it shared; exclusively it is held, together with
//	          write, to change records
//	viewsMu   guards, together with mu shared, the views, what they hold and the
//	          list of orphans
//
// Who holds write alone may read records: nobody changes them.
type Store struct {
	o     Options
	fs    vfs.FS
	path  string
	dir   *storedir.Dir
	meter meter.Meter
	latch latch.Latch // of failed writes and syncs (F1)
	log   *wal.Log

	write   sync.Mutex
	mu      sync.RWMutex
	viewsMu sync.Mutex
	closed  bool // set holding write and mu

	records records        // but for views: guarded by mu
	buffers []buffers      // of closed iterators; guarded by viewsMu
	calls   sync.WaitGroup // that change or copy the store; added to holding write

	encoder  encoder // guarded by write
	saved    int64   // watermark as of the last Sync; guarded by write, and used under checkpoint durability
	snapshot snapshotter

	counters counters // guarded by mu
}

type counters struct {
	batches, ops, logical     int64
	stalls                    int64
	stallTime, longestAdvance time.Duration
}

// How many elements are looked at to reclaim what is dead (see records.reap).
// An operation adds one element at most, and that is touched nine times at
// most, so that what is due cannot pile up. An Advance costs at most its
// number of touches: a millisecond or two when none of them is in a CPU cache.
const (
	reapPerOp      = 16
	reapPerAdvance = 1024
)

// pinnedShare is the part of Options.Memory that may be held for open
// iterators alone (I8).
const pinnedShare = 4

// begin takes write for a call that changes or copies the store. The call ends
// with unlocking write and, at last, with calls.Done.
func (s *Store) begin() error {
	s.write.Lock()
	err := error(statelab.ErrClosed)
	if !s.closed {
		_ = s.failed(s.log.Err()) // which its clock may have found
		err = s.latch.Err()
	}
	if err != nil {
		s.write.Unlock()
		return err
	}
	s.calls.Add(1)
	return nil
}

// Get implements statelab.Store.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return dst, statelab.ErrClosed
	}
	if ref := s.records.index.Find(key); ref != 0 {
		if dst, ok := s.records.appendValue(dst, ref, s.records.present()); ok {
			return dst, nil
		}
	}
	return dst, statelab.ErrNotFound
}

// Elements implements statelab.ElementStore.
func (s *Store) Elements(key []byte, yield func(element []byte, expireAt int64) bool) error {
	type span struct {
		end      int
		expireAt int64
	}
	var (
		spans []span
		data  []byte
	)
	copyOut := func() error {
		s.mu.RLock()
		defer s.mu.RUnlock()
		if s.closed {
			return statelab.ErrClosed
		}
		ref := s.records.index.Find(key)
		if ref == 0 {
			return statelab.ErrNotFound
		}
		refs := s.records.elements(nil, ref, s.records.present())
		if len(refs) == 0 {
			return statelab.ErrNotFound
		}
		for i := len(refs) - 1; i >= 0; i-- {
			e := s.records.elem(refs[i])
			data = append(data, e.value()...)
			spans = append(spans, span{len(data), e.expireAt})
		}
		return nil
	}
	if err := copyOut(); err != nil {
		return err
	}
	start := 0
	for _, sp := range spans {
		if !yield(data[start:sp.end:sp.end], sp.expireAt) {
			return nil
		}
		start = sp.end
	}
	return nil
}

// Stats implements statelab.Store.
func (s *Store) Stats() statelab.Stats {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.viewsMu.Lock()
	pinned := s.records.pinned
	s.viewsMu.Unlock()
	st := statelab.Stats{
		Engine:         s.o.Engine,
		Watermark:      s.records.watermark,
		Batches:        s.counters.batches,
		Ops:            s.counters.ops,
		LogicalBytes:   s.counters.logical,
		DroppedDead:    s.records.dropped,
		Stalls:         s.counters.stalls,
		StallTime:      s.counters.stallTime,
		LongestAdvance: s.counters.longestAdvance,
		Memory:         s.records.mem.InUse(),
		Pinned:         pinned,
	}
	if !s.closed {
		st.Records = int64(s.records.index.Len())
		snapshotBytes, number := s.snapshot.current()
		st.Disk = s.log.Size() + snapshotBytes
		st.Files = int64(s.log.Segment()-max(number, firstSegment)) + 1
		if snapshotBytes > 0 {
			st.Files++
		}
	}
	s.meter.Fill(&st)
	return st
}

// Close implements statelab.Store.
func (s *Store) Close() error {
	s.write.Lock()
	if s.closed {
		s.write.Unlock()
		return statelab.ErrClosed
	}
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.write.Unlock()
	s.snapshot.stop()
	s.calls.Wait()
	return s.release()
}

// release gives everything back, when no call is in flight.
func (s *Store) release() (err error) {
	if s.log != nil {
		if s.o.Durability == statelab.DurabilityCheckpoint {
			err = s.log.Discard()
		} else {
			err = s.log.Close()
		}
	}
	s.mu.Lock()
	s.records.mem.Release()
	s.mu.Unlock()
	if cerr := s.dir.Close(); err == nil {
		err = cerr
	}
	return err
}
