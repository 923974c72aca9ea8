package bench

import (
	"context"
	"fmt"

	"github.com/statelab/statelab"
)

// A driver takes one workload through a store, in two phases. It belongs to
// one goroutine.
type driver interface {
	warmUp(context.Context) error
	measure(context.Context) error
	// tally returns what was done so far, both phases together.
	tally() tally
}

// A tally is what a driver has done.
type tally struct {
	events   int64
	logical  int64 // bytes of keys and values that brought state
	checksum uint64
	diskPeak int64 // greatest Stats.Disk seen
	memPeak  int64 // greatest Stats.Memory seen
}

// look keeps the greatest sizes that the store has had.
func (t *tally) look(s statelab.Store) {
	stats := s.Stats()
	t.diskPeak = max(t.diskPeak, stats.Disk)
	t.memPeak = max(t.memPeak, stats.Memory)
}

// An operator is what an eventDriver feeds with events.
type operator interface {
	handle(ev *event) error
	// advance says that no event will arrive before watermark any more, and that
	// everything handled should be as durable as Sync makes it if sync is set.
	advance(watermark int64, sync bool) error
	// results returns the bytes that brought state and the output's checksum.
	results() (logical int64, checksum uint64)
}

// An eventDriver runs an operator in event time: it feeds events as they arrive,
// advances the watermark at every tick, syncs at every checkpoint, and so
// divides the run into equal intervals, each of which ends with its own Sync.
//
// It is the arrival of an event at or past it that makes a tick or a checkpoint
// due, so what they take is part of that event's latency.
type eventDriver struct {
	source   source
	operator operator
	store    statelab.Store
	arrivals arrivals
	tick     int64 // µs
	interval int64 // µs between checkpoints
	warm     int   // intervals of the warm-up that are still to be run
	measured int   // intervals measured

	ev       event // shown by the source, not yet handled
	begun    bool
	arrived  bool // ev has
	nextTick int64
	end      int64 // of the last interval that was run
	counts   tally
}

func newEventDriver(job Job, src source, op operator, store statelab.Store, rec *recorder) *eventDriver {
	k := job.Knobs
	return &eventDriver{
		source:   src,
		operator: op,
		store:    store,
		arrivals: newArrivals(job, rec),
		tick:     k.micros("tick_s"),
		interval: k.micros("checkpoint_s"),
		warm:     int(k["warm_checkpoints"]),
		measured: int(k["checkpoints"]),
		nextTick: k.micros("tick_s"),
	}
}

// load runs all intervals of the warm-up but the last.
func (d *eventDriver) load(ctx context.Context) error {
	n := max(0, d.warm-1)
	d.warm -= n
	return d.runIntervals(ctx, n)
}

// warmUp runs the intervals of the warm-up that load has not run.
func (d *eventDriver) warmUp(ctx context.Context) error { return d.runIntervals(ctx, d.warm) }

func (d *eventDriver) measure(ctx context.Context) error {
	d.arrivals.begin()
	d.arrived = false // the event that ended the warm-up is the first
	return d.runIntervals(ctx, d.measured)
}

func (d *eventDriver) tally() tally {
	counts := d.counts
	counts.logical, counts.checksum = d.operator.results()
	return counts
}

// gaugesPerInterval is how often the size of the store's files is looked at.
const gaugesPerInterval = 16

func (d *eventDriver) runIntervals(ctx context.Context, n int) error {
	for range n {
		start := d.end
		for i := int64(1); i <= gaugesPerInterval; i++ {
			if err := d.feedUntil(start + d.interval*i/gaugesPerInterval); err != nil {
				return fmt.Errorf("event %d: %w", d.counts.events, err)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if i == gaugesPerInterval {
				d.arrive()
				if err := d.operator.advance(d.end, true); err != nil {
					return fmt.Errorf("checkpoint after event %d: %w", d.counts.events, err)
				}
			}
			d.counts.look(d.store)
		}
	}
	return nil
}

// feedUntil handles all events that arrive before end.
func (d *eventDriver) feedUntil(end int64) error {
	if !d.begun {
		d.source.next(&d.ev)
		d.begun = true
	}
	for d.ev.arrival() < end {
		if err := d.step(); err != nil {
			return err
		}
	}
	d.end = end
	return nil
}

// arrive waits until the event at hand has arrived.
func (d *eventDriver) arrive() {
	if !d.arrived {
		d.arrivals.take()
		d.arrived = true
	}
}

// step handles the event at hand, after the ticks up to it, and takes the next:
// the hot path, which must not allocate.
func (d *eventDriver) step() error {
	d.arrive()
	for d.nextTick <= d.ev.arrival() {
		if err := d.operator.advance(d.nextTick, false); err != nil {
			return err
		}
		d.nextTick += d.tick
	}
	if err := d.operator.handle(&d.ev); err != nil {
		return err
	}
	d.arrivals.rec.handled()
	d.counts.events++
	d.source.next(&d.ev)
	d.arrived = false
	return nil
}
