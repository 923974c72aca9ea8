package lsm

import (
	"sync/atomic"
	"time"

	"github.com/statelab/statelab"
)

// In the background maintenance and writers pace each other, so that neither
// has to stop for the other:
//
//	runs piled up    0 ........ most/2 ........ most
//	a compaction     takes its    hurries
//	                 time
//	a writer         runs free    slows down    waits
//
// A compaction that is not urgent spreads its work over the writes that come in
// meanwhile: what it has done of its bytes is not more than the share that has
// come in of those until writers would have to slow down, or than minimumPace,
// so that it ends if nobody writes. A writer sleeps in proportion to the bytes it
// writes: not at all up to half of what may pile up, then more and more. The same
// goes for a memtable that fills up faster than the one before it is flushed.
//
// With MaintenanceInline there is nothing to pace.

// minimumPace is how fast a compaction goes on when nobody writes, in bytes of
// keys and elements a second.
const minimumPace = 32 << 20

// compactionPace says how far a compaction may be.
type compactionPace struct {
	store *Store
	total int64 // bytes of keys and elements to go through
	room  int64 // bytes that may come in until the compaction must be done; 0 if it is urgent
	from  int64 // of the store's logical bytes at the beginning
	start time.Time
	done  atomic.Int64
}

func (s *Store) newCompactionPace(v *version, c choice) *compactionPace {
	p := &compactionPace{store: s, from: s.counts.logicalBytes.Load(), start: time.Now()}
	for _, r := range v.runs[c.begin:c.end] {
		for _, t := range r.tables {
			if c.takes(t) {
				p.total += t.rawBytes + v.wornBytes(t)
			}
		}
	}
	if s.options.Maintenance == statelab.MaintenanceBackground {
		free := s.strategy.most/2 - s.strategy.pile(v)
		p.room = max(0, int64(free)) * s.budget.memtable / 4
	}
	return p
}

// wait takes note of work that was done, and waits until more may be. It
// returns errAbandoned if the store is closing. Any number of goroutines may call it.
func (p *compactionPace) wait(_ int, bytes int64) error {
	p.done.Add(bytes)
	for {
		if p.store.worker.stopping() {
			return errAbandoned
		}
		in := p.store.counts.logicalBytes.Load() - p.from
		done := p.done.Load()
		if done >= p.total || done <= p.allowed(in, time.Since(p.start)) || p.store.worker.writersWait() {
			return nil // more than the total was done only if figures lie, which is no reason to wait
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// allowed returns how many bytes may be done when so many have come in since
// the beginning, which is so long ago.
func (p *compactionPace) allowed(in int64, elapsed time.Duration) int64 {
	if p.room == 0 || in >= p.room {
		return p.total
	}
	byWrites := int64(float64(p.total) * float64(in) / float64(p.room))
	return max(byWrites, int64(elapsed.Seconds()*minimumPace))
}

// brake slows writers down.
type brake struct {
	// Guarded by Store.writeMu.
	rotated time.Time // when the active memtable was begun
	waited  int64     // what writers had waited until then, in nanoseconds

	perKiB atomic.Int64 // nanoseconds that writers take for a KiB of memtable if nothing slows them
	debt   atomic.Int64 // nanoseconds that writers have yet to sleep

	flushing, flushed atomic.Int64 // records that the flush under way has to write, and those it has gone through
}

const (
	// maxPerKiB bounds brake.perKiB where writers have been idle: 5 MiB/s.
	maxPerKiB = int64(time.Second / 5 / 1024)
	// A sleep takes as long as is worth the while, and not so long that the
	// writer does not see that the pressure is gone.
	minSleep = 500 * time.Microsecond
	maxSleep = 10 * time.Millisecond
)

// noteRotation learns how fast writers are. The caller holds writeMu.
func (s *Store) noteRotation(filled int64) {
	b := &s.brake
	now := time.Now()
	waited := s.counts.stallNanos.Load() + s.counts.slowNanos.Load()
	if !b.rotated.IsZero() && filled >= 1024 {
		took := max(0, now.Sub(b.rotated).Nanoseconds()-(waited-b.waited))
		b.perKiB.Store(min(maxPerKiB, (b.perKiB.Load()+took/(filled/1024))/2))
	}
	b.rotated, b.waited = now, waited
}

// slowDown delays a writer of size bytes as the pressure asks for. The caller
// holds no lock.
func (s *Store) slowDown(size int64) {
	if s.options.Maintenance == statelab.MaintenanceInline {
		return
	}
	w := s.view.Load()
	p := pressure(s.fallenBehind(w.version), s.flushBehind(w))
	b := &s.brake
	if p == 0 {
		if b.debt.Load() != 0 {
			b.debt.Store(0) // nobody pays later for a pressure that is gone
		}
		return
	}
	due := b.debt.Add(int64(float64(size*b.perKiB.Load()/1024) * p / (1 - p)))
	if due < int64(minSleep) {
		return
	}
	start := time.Now()
	time.Sleep(min(time.Duration(due), maxSleep))
	slept := time.Since(start).Nanoseconds()
	b.debt.Add(-min(slept, due))
	s.counts.slowNanos.Add(slept)
}

// pressure is what is made of the two ways to fall behind, each a share from 0
// to 1: less than 1, since at 1 a writer waits. Its square is gentle at first.
func pressure(compaction, flush float64) float64 {
	p := max(compaction, flush)
	return min(p*p, 0.95)
}

// fallenBehind says how far compaction is behind: 0 up to half the runs that
// may pile up, 1 where writers have to wait. If nothing is left to do it is not
// behind, and if it cannot read its tables there is no use in waiting.
func (s *Store) fallenBehind(v *version) float64 {
	if s.worker.broken.Load() || s.worker.settled.Load() == v.number {
		return 0
	}
	free := s.strategy.most / 2
	return max(0, min(1, float64(s.strategy.pile(v)-free)/float64(s.strategy.most-free)))
}

// flushBehind says how far the flush is behind a writer that fills the second
// half of the memtable, in which the flush of the one before takes place.
func (s *Store) flushBehind(w *view) float64 {
	b := &s.brake
	all := b.flushing.Load()
	if len(w.immutable()) == 0 || all == 0 {
		return 0
	}
	half := float64(s.budget.memtable) / 2
	filled := (float64(w.memtables[0].bytes()) - half) / half
	return max(0, min(1, filled-float64(b.flushed.Load())/float64(all)))
}
