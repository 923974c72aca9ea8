package lsm

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/latch"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
	"github.com/statelab/statelab/internal/wal"
	"github.com/statelab/statelab/vfs"
)

// Store is a log-structured merge tree; the package comment describes it. It
// implements statelab.Store and the abilities to get many keys at once, to tell
// elements apart, to check and to dump itself.
//
// Locks are taken in the order of the fields below.
type Store struct {
	options  Options
	budget   budget
	strategy strategy
	fs       vfs.FS
	path     string
	dir      *storedir.Dir
	meter    meter.Meter
	env      *tableEnv
	format   *tableFormat
	failed   latch.Latch

	recordLimit int64 // statelab.MaxRecordSize; tests lower it

	gate   sync.RWMutex // calls in flight hold it for reading
	closed bool         // guarded by gate

	flushMu   sync.Mutex // one flush or Sync at a time
	writeMu   sync.Mutex // writes take effect one at a time
	compactMu sync.Mutex // one compaction at a time
	versionMu sync.Mutex // versions follow one another
	viewMu    sync.Mutex // views follow one another
	iterators iteratorList

	// What readers see. It changes under writeMu, but for view, which changes
	// under viewMu. acquire reads the three as of one moment.
	view      atomic.Pointer[view]
	seq       atomic.Uint64
	watermark atomic.Int64

	nextFile atomic.Uint64

	// Guarded by versionMu.
	manifest       *manifest // nil until the first commit after opening
	manifestNumber uint64    // of the manifest that CURRENT names
	durable        *version  // what that manifest leads to
	logStart       uint64    // first segment of the log that it needs; 0 if there is none
	namesPending   bool      // names of synced tables are not durable yet

	log       *wal.Log    // nil with DurabilityCheckpoint
	logHead   [9]byte     // guarded by writeMu
	keepFiles atomic.Bool // closing: what is in no version any more may be in the manifest

	pages  *arena.Pages // of memtables
	pool   scratchPool
	counts counters
	levels levelCounters
	files  inventory
	worker worker
	brake  brake
}

// counters are the counters of statelab.Stats that are kept here.
type counters struct {
	batches, ops, logicalBytes         atomic.Int64
	flushes, compactions               atomic.Int64
	droppedDead, droppedTables         atomic.Int64
	stalls, stallNanos, longestStallNs atomic.Int64
	slowNanos, longestAdvanceNs        atomic.Int64
	blobWritten                        atomic.Int64
}

var (
	_ statelab.Store         = (*Store)(nil)
	_ statelab.MultiGetStore = (*Store)(nil)
	_ statelab.ElementStore  = (*Store)(nil)
	_ statelab.CheckStore    = (*Store)(nil)
	_ statelab.DumpStore     = (*Store)(nil)
)

// enter begins a call; exit ends it. Close waits for the calls in between. (C2)
func (s *Store) enter() error {
	s.gate.RLock()
	if s.closed {
		s.gate.RUnlock()
		return statelab.ErrClosed
	}
	return nil
}

func (s *Store) exit() { s.gate.RUnlock() }

// snapshot is a moment of the history, and where it can be read.
type snapshot struct {
	view      *view
	seq       uint64
	watermark int64
}

// acquire returns a snapshot of now, whose view must be released. Sequence and
// watermark are those of one moment: the watermark only grows, so if it is the
// same before and after the sequence was read it was so in between; and if the
// view is still the current one afterwards it was so all the time.
func (s *Store) acquire() snapshot {
	for {
		w := s.view.Load()
		if !w.tryRef() {
			continue
		}
		watermark := s.watermark.Load()
		seq := s.seq.Load()
		if s.watermark.Load() == watermark && s.view.Load() == w {
			return snapshot{w, seq, watermark}
		}
		s.release(w)
	}
}

// acquireVersion returns the current version, to be given up with unref. It
// is for those who read tables for long and should not hold memtables.
func (s *Store) acquireVersion() *version {
	snap := s.acquire()
	defer s.release(snap.view)
	snap.view.version.refs.Add(1)
	return snap.view.version
}

// release gives up a reference to a view. With the last one go memtables and
// tables that nobody else holds.
func (s *Store) release(w *view) {
	if w.refs.Add(-1) > 0 {
		return
	}
	for _, m := range w.memtables {
		s.releaseMemtable(m)
	}
	w.version.unref(s.discard)
}

func (s *Store) releaseMemtable(m *memtable) {
	if m.refs.Add(-1) > 0 {
		return
	}
	if m.retired.Load() {
		s.env.pin(-m.bytes())
	}
	m.release()
}

// setView replaces the view by what next makes of it. The old one is released
// without the lock, since that may remove files.
func (s *Store) setView(next func(w *view) *view) {
	s.viewMu.Lock()
	old := s.view.Load()
	w := next(old)
	s.view.Store(w)
	s.env.hold(s.heldBy(w))
	s.viewMu.Unlock()
	s.release(old)
}

// Get implements statelab.Store.
func (s *Store) Get(dst, key []byte) ([]byte, error) {
	if err := s.enter(); err != nil {
		return dst, err
	}
	defer s.exit()
	snap := s.acquire()
	defer s.release(snap.view)
	g := s.pool.getter()
	defer s.pool.putGetter(g)
	if err := g.gather(s.env, snap, key); err != nil {
		return dst, fmt.Errorf("get key %.32x: %w", key, err)
	}
	if !g.fold.anyLive(snap.watermark) {
		return dst, statelab.ErrNotFound
	}
	if err := g.fold.load(snap.watermark, cached, nil); err != nil {
		return dst, fmt.Errorf("get key %.32x: %w", key, err)
	}
	return g.fold.appendValue(dst, snap.watermark), nil
}

// Elements implements statelab.ElementStore.
func (s *Store) Elements(key []byte, yield func(element []byte, expireAt int64) bool) error {
	if err := s.enter(); err != nil {
		return err
	}
	defer s.exit()
	snap := s.acquire()
	defer s.release(snap.view)
	g := s.pool.getter()
	defer s.pool.putGetter(g)
	err := g.gather(s.env, snap, key)
	if err == nil {
		err = g.fold.load(snap.watermark, cached, nil)
	}
	if err != nil {
		return fmt.Errorf("elements of key %.32x: %w", key, err)
	}
	found := false
	for i := len(g.fold.elements) - 1; i >= 0; i-- {
		e := g.fold.elements[i]
		if !e.live(snap.watermark) {
			continue
		}
		found = true
		if !yield(e.data, e.expireAt) {
			break
		}
	}
	if !found {
		return statelab.ErrNotFound
	}
	return nil
}

// Stats implements statelab.Store.
func (s *Store) Stats() statelab.Stats {
	if err := s.enter(); err != nil {
		return statelab.Stats{Engine: Engine}
	}
	defer s.exit()
	snap := s.acquire()
	defer s.release(snap.view)
	c, memory := &s.counts, s.env.memoryUse()
	stats := statelab.Stats{
		Engine:         Engine,
		Watermark:      snap.watermark,
		Batches:        c.batches.Load(),
		Ops:            c.ops.Load(),
		LogicalBytes:   c.logicalBytes.Load(),
		Flushes:        c.flushes.Load(),
		Compactions:    c.compactions.Load(),
		DroppedDead:    c.droppedDead.Load(),
		DroppedFiles:   c.droppedTables.Load(),
		Stalls:         c.stalls.Load(),
		StallTime:      time.Duration(c.stallNanos.Load()),
		LongestStall:   time.Duration(c.longestStallNs.Load()),
		SlowTime:       time.Duration(c.slowNanos.Load()),
		Levels:         s.levels.stats(snap.view.version),
		LongestAdvance: time.Duration(c.longestAdvanceNs.Load()),
		Cache:          s.env.cache.Stats(),
		CacheBytes:     memory.cache,
		Resident:       memory.resident,
		CachePolicy:    s.options.CachePolicy.String(),
		Filter: statelab.FilterStats{
			Probes:         s.env.filterProbes.Load(),
			Negatives:      s.env.filterNegatives.Load(),
			FalsePositives: s.env.filterFalse.Load(),
		},
		Pinned: memory.pinned,
		Memory: memory.total,
	}
	s.meter.Fill(&stats)
	for _, m := range snap.view.memtables {
		stats.Memory += m.bytes()
		stats.Records += int64(m.len())
	}
	for t := range snap.view.version.tables {
		stats.Records += t.records
		stats.Files++
	}
	stats.Latest = snap.view.version.latest()
	stats.Blobs = snap.view.version.blobStats()
	stats.Files += int64(stats.Blobs.Files)
	stats.Blobs.Written = s.counts.blobWritten.Load()
	stats.Disk = s.files.total()
	if s.log != nil {
		stats.Disk += s.log.Disk()
	}
	return stats
}
