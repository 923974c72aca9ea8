package lsm

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
)

// worker runs maintenance. With MaintenanceInline it has no goroutines, and
// relieve does all on the caller's. Else one goroutine flushes and another
// compacts; a writer in need of room waits for them.
type worker struct {
	flushC, compactC chan struct{} // of one place: something may be to do
	stopC            chan struct{}
	done             sync.WaitGroup
	stop             atomic.Bool
	broken           atomic.Bool   // the last compaction could not read its input
	settled          atomic.Uint64 // number of the last version that the policy left as it is

	mu      sync.Mutex
	changed *sync.Cond // a step was done, or failed
	waiting int        // writers that wait for room
}

// prepare readies the worker for its other methods.
func (w *worker) prepare() {
	w.changed = sync.NewCond(&w.mu)
	w.flushC, w.compactC = make(chan struct{}, 1), make(chan struct{}, 1)
	w.stopC = make(chan struct{})
}

// start starts the goroutines, if there are to be any.
func (w *worker) start(s *Store) {
	if s.options.Maintenance == statelab.MaintenanceInline {
		return
	}
	w.done.Go(func() { w.loop(w.flushC, s.flushSome) })
	w.done.Go(func() { w.loop(w.compactC, s.compactSome) })
	w.wake()
	w.progress()
}

func (w *worker) loop(work chan struct{}, step func()) {
	for {
		select {
		case <-w.stopC:
			return
		case <-work:
			step()
			w.broadcast()
		}
	}
}

// halt ends the goroutines and waits for them.
func (w *worker) halt() {
	w.stop.Store(true)
	close(w.stopC)
	w.done.Wait()
}

func (w *worker) stopping() bool { return w.stop.Load() }

// wake says that a memtable may have to be flushed.
func (w *worker) wake() { poke(w.flushC) }

// progress says that the view has changed: there may be room to write, and
// something to compact.
func (w *worker) progress() {
	poke(w.compactC)
	w.broadcast()
}

func (w *worker) broadcast() {
	w.mu.Lock()
	w.changed.Broadcast()
	w.mu.Unlock()
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (w *worker) writersWait() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.waiting > 0
}

// flushDue says whether it is time to flush the oldest memtable that waits: as soon as
// it is spent; or, if memtables are not held, as those that follow it have half of one, so that a
// writer need not wait for it, and not earlier, so that what dies young is not written.
func (s *Store) flushDue() bool {
	w := s.view.Load()
	if len(w.immutable()) == 0 {
		return false
	}
	oldest := w.oldest()
	if oldest.spent(s.watermark.Load()) {
		return true
	}
	return w.memtableBytes()-oldest.bytes() >= s.budget.memtable/2 && !s.holds(w)
}

// flushSoon has it flushed.
func (s *Store) flushSoon() error {
	if s.options.Maintenance == statelab.MaintenanceInline {
		return s.relieve()
	}
	s.worker.wake()
	return nil
}

func (s *Store) flushSome() {
	s.flushMu.Lock()
	defer s.flushMu.Unlock()
	if s.failed.Err() == nil && (s.flushDue() || s.worker.writersWait()) {
		s.flushWaiting() // a failure is latched, and told to the next writer
	}
}

func (s *Store) compactSome() {
	s.compactAll() // a failure is latched, and told to the next writer
}

// flushWaiting flushes immutable memtables that are not held, holding flushMu.
func (s *Store) flushWaiting() error {
	memtables := s.flushable(s.view.Load())
	if len(memtables) == 0 {
		return nil
	}
	watermark, err := s.flushAsOf(memtables)
	if err != nil {
		return err
	}
	return s.flush(memtables, watermark)
}

// relieve makes room to write, or waits until there is some. The caller holds
// no lock.
func (s *Store) relieve() error {
	if s.options.Maintenance == statelab.MaintenanceInline {
		s.flushMu.Lock()
		defer s.flushMu.Unlock()
		if err := s.flushWaiting(); err != nil {
			return err
		}
		return s.compactAll()
	}
	s.stallWhile(s.crowded)
	return s.failed.Err()
}

// stallWhile waits for the worker's goroutines until the condition is false,
// or the store has failed.
func (s *Store) stallWhile(condition func() bool) {
	if !condition() {
		return
	}
	start := time.Now()
	w := &s.worker
	w.mu.Lock()
	w.waiting++
	for s.failed.Err() == nil && condition() {
		w.wake()
		w.changed.Wait()
	}
	w.waiting--
	w.mu.Unlock()
	waited := time.Since(start).Nanoseconds()
	s.counts.stalls.Add(1)
	s.counts.stallNanos.Add(waited)
	storeMax(&s.counts.longestStallNs, waited)
	s.options.ReportMaintenance(statelab.EventStall, start, 0)
}

// crowded says whether a memtable cannot be rotated yet.
func (s *Store) crowded() bool {
	w := s.view.Load()
	return len(w.immutable()) > 0 && !s.holds(w) || s.tooManyRuns()
}

// tooManyRuns says whether background compaction has to catch up.
func (s *Store) tooManyRuns() bool {
	return s.options.Maintenance == statelab.MaintenanceBackground && s.fallenBehind(s.view.Load().version) >= 1
}
