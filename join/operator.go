package join

import (
	"errors"
	"fmt"
	"math"

	"github.com/statelab/statelab"
)

// An Event is one event of a side.
type Event struct {
	Key   []byte // join key
	Time  int64  // µs since 1970
	Seq   uint64 // position in its source; grows from event to event of a side
	Value []byte // the caller's bytes, kept as they are
}

// Hooks are what an Operator calls. Slices passed to them are valid during the
// call only. An error they return ends the join: every later call returns it.
type Hooks struct {
	// Sample gets each sample (left outer join), or each left event that has
	// pairs (inner join), in the order of J3. It is required.
	Sample func(*Sample) error

	// Late gets each late event; nil drops them. They are counted either way.
	Late func(Side, *Event) error

	// Note appends to dst what the caller wants kept with the operator's own
	// state: it is stored in the same batch, and Operator.Note returns it after
	// a restart. commit says that a Sync follows. With a store that keeps a log,
	// any Apply may turn out to be where a crash left it, so whatever a note
	// speaks of must be durable before it is returned. Nil notes nothing.
	Note func(dst []byte, commit bool) ([]byte, error)
}

// A mini-batch ends when it holds this many operations or bytes. Larger ones
// amortise the meta record and the store's own cost per batch; smaller ones stay
// in the CPU's cache. Output does not depend on it (J4).
const (
	miniBatchOps   = 512
	miniBatchBytes = 256 << 10
)

// markedLimit bounds the set of right events known to be marked, in entries.
const markedLimit = 1 << 16

// An Operator joins two streams of events over a store, which it uses alone.
// It is not safe for concurrent use.
type Operator struct {
	store statelab.Store
	spec  Spec
	hooks Hooks

	// From Spec, in µs. A left event fires hold after its time; a right one is
	// done linger after its.
	lower, upper, hold, linger int64
	disorder                   [2]int64 // -1 is unbounded
	keepBelow                  uint64   // hashes of kept negatives, unless all are kept

	deletes bool // the store keeps what has died: what is done is deleted

	// What the meta record holds.
	position  [2]uint64
	watermark [2]int64
	counts    counts
	fired     int64  // all timers below this time have fired
	cursor    []byte // the least timer key that has not
	finished  bool
	note      []byte // as found at New

	batch    statelab.Batch
	advanced int64 // the store's watermark
	// marked holds the sequences of right events whose timers were marked
	// lately. It makes marks that still lie in batch known to fireRight, and
	// saves marking an event again for each of its pairs.
	marked map[uint64]struct{}
	err    error // the first failure, for good

	// Buffers used again and again. A range keeps its bounds, so those of the
	// two iterators that may be open at once are apart from all others.
	key, upperKey        []byte // bounds of a probe; key also encodes in Add
	timersFrom, timersTo []byte // bounds of the timers
	seekKey, bound       []byte
	meta                 []byte
	arena                []byte // what sample refers to
	sample               Sample
}

// New returns an operator over store, which is empty, or holds what an operator
// with the same spec left there: then it goes on from the last batch that
// the store kept, and Position says which events it still needs. The store is
// best opened with Options.Prefix set to Prefix().
func New(store statelab.Store, spec Spec, hooks Hooks) (*Operator, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if hooks.Sample == nil {
		return nil, errors.New("join: Hooks.Sample is nil")
	}
	o := &Operator{
		store: store, spec: spec, hooks: hooks,
		lower: micros(spec.Lower), upper: micros(spec.Upper),
		watermark: [2]int64{statelab.MinWatermark, statelab.MinWatermark},
		fired:     statelab.MinWatermark, advanced: statelab.MinWatermark,
		cursor:  []byte{tagTimer},
		marked:  make(map[uint64]struct{}),
		deletes: statelab.KeepsDead(store),
	}
	o.hold = max(o.upper, 0)
	o.linger = o.hold - o.lower
	for side, d := range spec.MaxDisorder {
		o.disorder[side] = micros(d)
		if d == Unbounded {
			o.disorder[side] = -1
		}
	}
	if spec.Negatives.Keep < 1 {
		o.keepBelow = uint64(math.Ldexp(spec.Negatives.Keep, 64))
	}
	if err := o.resume(); err != nil {
		return nil, fmt.Errorf("resume join: %w", err)
	}
	return o, nil
}

// resume takes up what the store holds.
func (o *Operator) resume() error {
	meta, err := o.store.Get(nil, metaKey)
	if err == nil {
		return o.restore(meta)
	}
	if !errors.Is(err, statelab.ErrNotFound) {
		return err
	}
	it, err := o.store.Iter(statelab.Range{})
	if err != nil {
		return err
	}
	found := it.First()
	if err := it.Close(); err != nil {
		return err
	}
	if found {
		return fmt.Errorf("the store holds records but no join: %w", statelab.ErrMismatch)
	}
	return nil
}

// Position returns the least sequence of a side that the operator has not seen.
// Events below it may be added again: they are passed over.
func (o *Operator) Position(side Side) uint64 { return o.position[side] }

// Note returns what Hooks.Note had appended to the state that New found; nil
// over an empty store.
func (o *Operator) Note() []byte { return o.note }

// Finished says whether Finish has been called, before or after a restart.
func (o *Operator) Finished() bool { return o.finished }

// Summary returns the counts so far.
func (o *Operator) Summary() Summary { return o.counts.summary() }

// Watermark returns the smaller of the sides' watermarks.
func (o *Operator) Watermark() int64 { return min(o.watermark[Left], o.watermark[Right]) }

// SideWatermark returns the watermark of a side.
func (o *Operator) SideWatermark(side Side) int64 { return o.watermark[side] }

// Add takes an event of a side. It copies what it keeps. An event that was seen
// before (Position) is passed over; one below its side's watermark is late; one
// whose key, value or time no store could hold is rejected.
func (o *Operator) Add(side Side, e Event) error {
	if ok, err := o.see(side, e.Seq); !ok {
		return err
	}
	c := &o.counts.side[side]
	c.in++
	if e.Time < o.watermark[side] {
		c.late++
		if o.hooks.Late != nil {
			late := e // or every event would be allocated, for the sake of the few that are late
			return o.fail(o.hooks.Late(side, &late))
		}
		return nil
	}
	if e.Time > MaxTime || e.Time < -MaxTime || len(e.Value) > statelab.MaxRecordSize {
		c.rejected++
		return nil
	}
	prefix := appendEventPrefix(o.key[:0], e.Key)
	o.key = appendEventTail(prefix, side, e.Time, e.Seq)
	if len(o.key) > statelab.MaxKeySize {
		c.rejected++
		return nil
	}
	doneAt := e.Time + o.hold
	if side == Right {
		doneAt = e.Time + o.linger
	}
	o.batch.Put(o.key, e.Value, doneAt+1)
	o.key = appendTimer(o.key[:0], doneAt, e.Key, side, e.Seq)
	o.batch.Put(o.key, nil, doneAt+1)
	c.waiting++
	if d := o.disorder[side]; d >= 0 {
		o.watermark[side] = max(o.watermark[side], e.Time-d)
	}
	return o.flushIfLarge()
}

// Filter takes note that row seq of a side is no event of this join.
func (o *Operator) Filter(side Side, seq uint64) error {
	if ok, err := o.see(side, seq); !ok {
		return err
	}
	o.counts.filtered++
	return nil
}

// Reject takes note that row seq of a side is an event that cannot be joined,
// such as one without a key.
func (o *Operator) Reject(side Side, seq uint64) error {
	if ok, err := o.see(side, seq); !ok {
		return err
	}
	o.counts.side[side].in++
	o.counts.side[side].rejected++
	return nil
}

// see says whether a row is new, and moves the side's position past it.
func (o *Operator) see(side Side, seq uint64) (bool, error) {
	if o.err != nil {
		return false, o.err
	}
	if seq < o.position[side] {
		return false, nil
	}
	if o.finished {
		return false, ErrFinished
	}
	o.position[side] = seq + 1
	return true, nil
}

// Advance raises the watermark of a side: no event below it is expected any
// more. Less than the watermark that MaxDisorder has brought about changes nothing.
func (o *Operator) Advance(side Side, watermark int64) {
	o.watermark[side] = max(o.watermark[side], watermark)
}

// End says that a side has ended: its watermark passes every time.
func (o *Operator) End(side Side) { o.Advance(side, math.MaxInt64) }

// Flush applies what has been collected and emits every sample that the
// watermarks allow. Add does it whenever a mini-batch is full.
func (o *Operator) Flush() error {
	if o.err != nil {
		return o.err
	}
	if o.batch.Len() > 0 {
		if err := o.apply(false); err != nil {
			return err
		}
	}
	return o.fail(o.fire(o.Watermark()))
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
	if err := o.counts.reconcile(o.finished); err != nil {
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
	if len(o.marked) > markedLimit {
		clear(o.marked)
	}
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
