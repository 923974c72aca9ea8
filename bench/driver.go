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
}

// An operator is what a timeline feeds with events.
type operator interface {
	handle(ev *event) error
	// advance says that no event before watermark will come, and that
	// everything handled should be as durable as Sync makes it if sync is set.
	advance(watermark int64, sync bool) error
	// results returns the bytes that brought state and the output's checksum.
	results() (logical int64, checksum uint64)
}

// A timeline runs an operator in event time: it feeds events in their order,
// advances the watermark at every tick, syncs at every checkpoint, and so
// divides the run into equal intervals, each of which ends with its own Sync.
type timeline struct {
	source   source
	operator operator
	store    statelab.Store
	tick     int64 // µs
	interval int64 // µs between checkpoints
	warm     int   // intervals of the warm-up
	measured int   // intervals measured

	ev       event // shown by the source, not yet handled
	begun    bool
	nextTick int64
	end      int64 // of the last interval that was run
	counts   tally
}

func newTimeline(k Knobs, src source, op operator, store statelab.Store) *timeline {
	return &timeline{
		source:   src,
		operator: op,
		store:    store,
		tick:     k.micros("tick_s"),
		interval: k.micros("checkpoint_s"),
		warm:     int(k["warm_checkpoints"]),
		measured: int(k["checkpoints"]),
		nextTick: k.micros("tick_s"),
	}
}

func (t *timeline) warmUp(ctx context.Context) error  { return t.runIntervals(ctx, t.warm) }
func (t *timeline) measure(ctx context.Context) error { return t.runIntervals(ctx, t.measured) }

func (t *timeline) tally() tally {
	counts := t.counts
	counts.logical, counts.checksum = t.operator.results()
	return counts
}

// gaugesPerInterval is how often the size of the store's files is looked at.
const gaugesPerInterval = 16

func (t *timeline) runIntervals(ctx context.Context, n int) error {
	for range n {
		start := t.end
		for i := int64(1); i <= gaugesPerInterval; i++ {
			if err := t.feedUntil(start + t.interval*i/gaugesPerInterval); err != nil {
				return fmt.Errorf("event %d: %w", t.counts.events, err)
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			if i == gaugesPerInterval {
				if err := t.operator.advance(t.end, true); err != nil {
					return fmt.Errorf("checkpoint after event %d: %w", t.counts.events, err)
				}
			}
			t.counts.diskPeak = max(t.counts.diskPeak, t.store.Stats().Disk)
		}
	}
	return nil
}

// feedUntil handles all events before end, and advances the watermark at the
// ticks on the way.
func (t *timeline) feedUntil(end int64) error {
	if !t.begun {
		t.source.next(&t.ev)
		t.begun = true
	}
	for t.ev.time < end {
		for t.nextTick <= t.ev.time {
			if err := t.operator.advance(t.nextTick, false); err != nil {
				return err
			}
			t.nextTick += t.tick
		}
		if err := t.step(); err != nil {
			return err
		}
	}
	t.end = end
	return nil
}

// step handles the event at hand and takes the next: the hot path, which must
// not allocate.
func (t *timeline) step() error {
	if err := t.operator.handle(&t.ev); err != nil {
		return err
	}
	t.counts.events++
	t.source.next(&t.ev)
	return nil
}
