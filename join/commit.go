package join

import (
	"fmt"
	"math"

	"github.com/statelab/statelab"
)

// A mini-batch ends when it holds this many operations or bytes. Larger ones
// amortise the meta record and the store's own cost per batch; smaller ones stay
// in the CPU's cache. Output does not depend on it (J4).
const (
	miniBatchOps   = 512
	miniBatchBytes = 256 << 10
)

// Flush applies what has been collected and emits every sample that the
// watermarks allow. Add does it whenever a mini-batch is full.
func (o *Operator) Flush() error {
	if o.err != nil {
		return o.err
	}
	if l, ok := o.logic.(batching); ok {
		if err := l.takeWaiting(); err != nil {
			return o.fail(err)
		}
	}
	if o.batch.Len() > 0 {
		if err := o.apply(false); err != nil {
			return err
		}
	}
	return o.fail(o.fire(o.due()))
}

// due returns the time below which timers may fire.
func (o *Operator) due() int64 {
	due, _ := o.DueAt(o.Watermark())
	return due
}

// DueAt returns the time below which timers fire once the watermark of the join is
// w. Where what is emitted also depends on arrivals, this is the watermark in steps of
// a quantum, so that how the two interleave does not depend on when batches happen
// to end: whoever divides a join among operators must flush all of them at
// each step, before the event that comes next. Everywhere else steps is false.
func (o *Operator) DueAt(w int64) (due int64, steps bool) {
	if o.quantum == 0 {
		return w, false
	}
	if w == statelab.MinWatermark || w == math.MaxInt64 {
		return w, true
	}
	past := w % o.quantum
	if past < 0 {
		past += o.quantum
	}
	return w - past, true
}

// Commit flushes, checks that the counts reconcile, and returns once all is
// durable: a restart goes on from here or from later.
func (o *Operator) Commit() error {
	if err := o.Flush(); err != nil {
		return err
	}
	return o.commit()
}

func (o *Operator) commit() error {
	if err := o.counts.reconcile(o.spec.Kind, o.finished); err != nil {
		return o.fail(err)
	}
	if err := o.apply(true); err != nil {
		return err
	}
	return o.fail(o.store.Sync())
}

// Finish ends both sides, emits what is left, and commits. It may be repeated.
func (o *Operator) Finish() error {
	if o.finished {
		return o.err
	}
	o.End(Left)
	o.End(Right)
	if err := o.Flush(); err != nil {
		return err
	}
	o.finished = true
	return o.commit()
}

func (o *Operator) flushIfLarge() error {
	if !o.batchIsLarge() {
		return nil
	}
	return o.Flush()
}

func (o *Operator) batchIsLarge() bool {
	return o.batch.Len() >= miniBatchOps || len(o.batch.Bytes()) >= miniBatchBytes
}

// apply applies the batch together with the meta record, and then lets the
// store expire what that record says has fired. The order matters: were the
// watermark advanced first, a crash between the two would lose the timers that
// expire but are not yet said to have fired.
func (o *Operator) apply(commit bool) error {
	meta, err := o.appendMeta(o.meta[:0], commit)
	if err != nil {
		return o.fail(err)
	}
	o.meta = meta
	o.batch.Put(metaKey, meta, statelab.NoExpiry)
	if err := o.store.Apply(&o.batch); err != nil {
		return o.fail(fmt.Errorf("apply a mini-batch: %w", err))
	}
	o.batch.Reset()
	o.marks.applied()
	o.pending.applied()
	clear(o.retired)
	if o.fired > o.advanced {
		if err := o.store.Advance(o.fired); err != nil {
			return o.fail(fmt.Errorf("advance to %d: %w", o.fired, err))
		}
		o.advanced = o.fired
	}
	return nil
}

// fail makes err, if it is one, the answer of every later call.
func (o *Operator) fail(err error) error {
	if err != nil && o.err == nil {
		o.err = fmt.Errorf("join: %w", err)
	}
	return o.err
}
