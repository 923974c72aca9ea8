package memstore

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/epoch"
	"github.com/statelab/statelab/internal/latch"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
	"github.com/statelab/statelab/vfs"
)

// A Store is an open store. It implements statelab.Store and, of the optional
// abilities, MultiGetStore, ElementStore, CheckStore and DumpStore.
//
// Whoever adds to the history, the writer, holds write; so the log has the order
// in which things take effect. Readers take no lock: they enter an epoch of the
// records. Views have a lock of their own, which may be taken holding write.
type Store struct {
	o     Options
	fs    vfs.FS
	path  string
	dir   *storedir.Dir
	meter meter.Meter
	latch latch.Latch // of failed writes and syncs (F1)
	log   *wal.Log

	write  sync.Mutex
	closed atomic.Bool // set holding write

	records records        // what is not for readers is guarded by write
	calls   sync.WaitGroup // that change or copy the store; added to holding write

	encoder  encoder // guarded by write
	saved    int64   // watermark as of the last Sync; guarded by write, and used under checkpoint durability
	snapshot snapshotter

	counters counters
}

// counters are added to holding write, and read at any time.
type counters struct {
	batches, ops, logical     atomic.Int64
	stalls                    atomic.Int64
	stallTime, longestAdvance atomic.Int64 // nanoseconds
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
	if !s.closed.Load() {
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

// enter begins an epoch of a reader, which must be left with leave.
func (s *Store) enter() (epoch.Guard, error) {
	g := s.records.epoch.Enter()
	if s.closed.Load() {
		s.records.epoch.Leave(g)
		return g, statelab.ErrClosed
	}
	return g, nil
}

func (s *Store) leave(g epoch.Guard) { s.records.epoch.Leave(g) }

// Get implements statelab.Store.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	g, err := s.enter()
	if err != nil {
		return dst, err
	}
	r := &s.records
	v := r.present() // before the look-up, which may then miss nothing of it
	dst, found := r.appendValue(dst, r.find(key), v)
	s.leave(g)
	if !found {
		return dst, statelab.ErrNotFound
	}
	return dst, nil
}

// Elements implements statelab.ElementStore.
func (s *Store) Elements(key []byte, yield func(element []byte, expireAt int64) bool) error {
	elements, err := s.copyElements(key)
	if err != nil {
		return err
	}
	for _, e := range slices.Backward(elements) {
		if !yield(e.bytes, e.expireAt) {
			return nil
		}
	}
	return nil
}

type elementCopy struct {
	bytes    []byte
	expireAt int64
}

// copyElements returns the live elements of a record, newest first.
func (s *Store) copyElements(key []byte) (elements []elementCopy, err error) {
	g, err := s.enter()
	if err != nil {
		return nil, err
	}
	defer s.leave(g)
	r := &s.records
	v := r.present()
	w := r.walkOver(r.find(key), v)
	for at := w.next(); at != 0; at = w.next() {
		e := r.elem(at)
		elements = append(elements, elementCopy{slices.Clone(e.value()), e.expireAt()})
	}
	if len(elements) == 0 {
		return nil, statelab.ErrNotFound
	}
	return elements, nil
}

// Stats implements statelab.Store.
func (s *Store) Stats() statelab.Stats {
	st := statelab.Stats{
		Engine:         s.o.Engine,
		Watermark:      s.records.watermark.Load(),
		Batches:        s.counters.batches.Load(),
		Ops:            s.counters.ops.Load(),
		LogicalBytes:   s.counters.logical.Load(),
		DroppedDead:    s.records.dropped.Load(),
		Stalls:         s.counters.stalls.Load(),
		StallTime:      time.Duration(s.counters.stallTime.Load()),
		LongestAdvance: time.Duration(s.counters.longestAdvance.Load()),
		Memory:         s.records.inUse(),
		Pinned:         s.records.views.pinnedBytes(),
	}
	if g, err := s.enter(); err == nil {
		st.Records = int64(s.records.index.Len())
		s.leave(g)
		snapshotBytes, number := s.snapshot.current()
		st.Disk = s.log.Disk() + snapshotBytes
		st.Files = int64(s.log.Segment()-max(number, firstSegment)) + 1
		if snapshotBytes > 0 {
			st.Files++
		}
	}
	s.meter.Fill(&st)
	return st
}

// Mapped returns the bytes that records and the index have taken from the system,
// the hash table has in use, and noting which records are dirty takes. Stats.Memory
// is how much of the first two is in use.
func (s *Store) Mapped() int64 {
	s.write.Lock()
	defer s.write.Unlock()
	return s.records.mem.Mapped() + s.records.groups.bytes() + s.records.dirty.bytes()
}

// Close implements statelab.Store.
func (s *Store) Close() error {
	s.write.Lock()
	if s.closed.Load() {
		s.write.Unlock()
		return statelab.ErrClosed
	}
	s.closed.Store(true)
	s.write.Unlock()
	s.snapshot.stop()
	s.calls.Wait()
	return s.release()
}

// release gives everything back, when no call that changes the store is in
// flight and readers come no more.
func (s *Store) release() (err error) {
	if s.log != nil {
		if s.o.Durability == statelab.DurabilityCheckpoint {
			err = s.log.Discard()
		} else {
			err = s.log.Close()
		}
	}
	s.write.Lock()
	s.records.epoch.Wait()
	s.records.mem.Release()
	s.records.groups.close()
	s.write.Unlock()
	if cerr := s.dir.Close(); err == nil {
		err = cerr
	}
	return err
}
