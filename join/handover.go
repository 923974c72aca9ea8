package join

import (
	"fmt"
	"math"

	"github.com/statelab/statelab"
)

// What a Backlog does where its input goes on as a stream. At the place where the sources have been
// read to, timers below the watermark would have fired: the horizon. What they decide is joined by
// sorting; what an Operator would have in state then, events with their timers and
// marks, goes into its store.

// Pass takes note that the rows of a side's source below seq have been read.
func (b *Backlog) Pass(side Side, seq uint64) { b.pass(side, seq) }

// AdvanceSource raises the watermark of one source of a side, as Operator.AdvanceSource does.
func (b *Backlog) AdvanceSource(side Side, source int, watermark int64) {
	b.advanceSource(side, source, watermark)
}

// HandOver joins what has been added as far as it is decided, emits it, and returns an Operator over
// store, which is empty, that goes on from there, and has committed. Its output is what an Operator would have
// emitted from the beginning, in the same order. Events come in the order in which an operator would get them; the
// caller says with Pass and AdvanceSource what they do not show. If it fails the store is of
// no use.
func (b *Backlog) HandOver(store statelab.Store, hooks Hooks) (*Operator, error) {
	if b.err != nil || b.finished {
		return nil, b.err
	}
	b.finished = true
	o, err := New(store, b.spec, hooks)
	if err != nil {
		return nil, b.fail(err)
	}
	b.to, b.horizon = o, min(b.low(Left), b.low(Right))
	if err := b.joinKeys(); err != nil {
		return nil, b.fail(err)
	}
	if err := b.emitAll(); err != nil {
		return nil, b.fail(err)
	}
	o.intake, o.fired = b.intake, b.horizon
	if o.fired != statelab.MinWatermark {
		o.cursor = appendTimerBound(o.cursor[:0], o.fired)
	}
	return o, b.fail(o.commit())
}

// waits says whether a timer of that time has not fired at the horizon.
func (b *Backlog) waits(firesAt int64) bool { return firesAt >= b.horizon }

// keep puts an event that waits into the store.
func (b *Backlog) keep(side Side, e *Event) error {
	b.counts.side[side].waiting++
	o := b.to
	o.key = appendEventTail(appendEventPrefix(o.key[:0], e.Key), side, e.Time, e.Seq)
	o.batch.Put(o.key, e.Value, o.logic.expiry(side, e.Time))
	return b.applyIfLarge()
}

// keepWithTimer puts an event and its timer into the store.
func (b *Backlog) keepWithTimer(side Side, e *Event, at int64, matched bool) error {
	var value []byte
	if matched {
		value = markedValue
	}
	b.to.setTimer(at, e.Key, side, e.Seq, value)
	return b.keep(side, e)
}

// applyIfLarge applies what is to be kept. There is no meta record yet, so that a store which a crash
// leaves is none to go on from.
func (b *Backlog) applyIfLarge() error {
	o := b.to
	if !o.batchIsLarge() {
		return nil
	}
	if err := o.store.Apply(&o.batch); err != nil {
		return fmt.Errorf("hand over a mini-batch: %w", err)
	}
	o.batch.Reset()
	return nil
}

// atTheEnd is the horizon where nothing waits any more.
const atTheEnd = math.MaxInt64
