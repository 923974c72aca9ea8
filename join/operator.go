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

// Storable says whether a store can hold an event. One that cannot be held is
// rejected, and raises no watermark.
func (e *Event) Storable() bool {
	return e.Time <= MaxTime && e.Time >= -MaxTime &&
		len(e.Value) <= statelab.MaxRecordSize &&
		eventHead+escapedSize(e.Key)+eventTail <= statelab.MaxKeySize
}

// Hooks are what an Operator calls. Slices passed to them are valid during the
// call only. An error they return ends the join: every later call returns it.
type Hooks struct {
	// Sample gets each sample (left outer join), or each left event that has
	// pairs (inner join), in the order of J3. It is required.
	Sample func(*Sample) error

	// Late gets each late event; nil drops them. They are counted either way.
	Late func(Side, *Event) error

	// Attribute appends to dst what an event has to have in common with its partners beside the key. It depends on the
	// event's value alone, and is required if Spec.Match is not ByKey.
	Attribute func(dst []byte, side Side, e *Event) ([]byte, error)

	// Note appends to dst what the caller wants kept with the operator's own
	// state: it is stored in the same batch, and Operator.Note returns it after
	// a restart. commit says that a Sync follows. With a store that keeps a log,
	// any Apply may turn out to be where a crash left it, so whatever a note
	// speaks of must be durable before it is returned. Nil notes nothing.
	Note func(dst []byte, commit bool) ([]byte, error)
}

// A logic is what one kind of join does with events and timers. Everything else
// is the same for all kinds, and is Operator's: watermarks, mini-batches, the
// order in which timers fire, commits, counts.
type logic interface {
	// take takes an event that is not too late and that a store can hold. It
	// leaves in o.batch what is to be kept of it, and its timers; o.key is the
	// event's key, and its first o.prefixLen bytes those of its join key.
	take(side Side, e Event) error

	// expiry is when the record of an event of a side and time, or of a mark of that
	// time, expires.
	expiry(side Side, at int64) int64

	// fire decides what a timer stands for. It may be called again for the same
	// timer if it returns errSnapshotLost, so until it has all that it reads it must
	// neither count nor emit. Operator deletes the timer where that is called for.
	fire(t timer, value []byte) error
}

// An Operator joins two streams of events over a store, which it uses alone.
// It is not safe for concurrent use.
type Operator struct {
	store statelab.Store
	spec  Spec
	hooks Hooks
	logic logic

	corrects  bool     // late events are taken as long as they are retained
	retention [2]int64 // by side, how long after its time an event is kept, in µs
	quantum   int64    // timers fire when the watermark passes a multiple of it, in µs; 0: at each flush
	together  int      // events whose records are asked for at once; see MiniBatch
	deletes   bool     // the store keeps what has died: what is done is deleted

	// What the meta record holds.
	intake
	fired    int64  // all timers below this time have fired
	cursor   []byte // the least timer key that has not
	finished bool
	note     []byte // as found at New

	batch    statelab.Batch
	advanced int64 // the store's watermark
	marks    marks
	pending  pending
	firing   bool                // a timer is being fired,
	firingAt int64               // of this time
	retired  map[uint64]struct{} // sequences of right events whose timers the batch deletes
	err      error               // the first failure, for good

	// Buffers used again and again. A range keeps its bounds, so those of the
	// two iterators that may be open at once are apart from all others.
	key, upperKey        []byte // bounds of a probe; key also encodes in Add
	prefixLen            int    // of key, in Add
	timersFrom, timersTo []byte // bounds of the timers
	seekKey, bound       []byte
	meta                 []byte
	arena                []byte // what sample refers to
	sample               Sample
	attributes
	ahead   ahead
	fetched fetched // for the timer that is being fired
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
	if spec.Match != ByKey && hooks.Attribute == nil {
		return nil, errors.New("join: Hooks.Attribute is nil")
	}
	o := &Operator{
		store: store, spec: spec, hooks: hooks, intake: newIntake(&spec),
		fired: statelab.MinWatermark, advanced: statelab.MinWatermark,
		cursor:  []byte{tagTimer},
		marks:   newMarks(),
		pending: newPending(),
		retired: make(map[uint64]struct{}),
		deletes: statelab.KeepsDead(store),
	}
	if spec.Correct && o.deletes {
		return nil, fmt.Errorf("join: corrections over a store that keeps what has died: %w", statelab.ErrUnsupported)
	}
	o.logic = newLogic(o)
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
// Events below it may be added again: they are passed over. Of a side with several
// sources it is that of the first.
func (o *Operator) Position(side Side) uint64 { return o.sources[side][0].position }

// SourceProgress returns the least position of a source that the operator has not
// seen, and the watermark of the source, which is one of those of its side, from 0.
func (o *Operator) SourceProgress(side Side, source int) (position uint64, watermark int64) {
	p := &o.sources[side][source]
	return p.position, p.watermark
}

// Note returns what Hooks.Note had appended to the state that New found; nil
// over an empty store.
func (o *Operator) Note() []byte { return o.note }

// Finished says whether Finish has been called, before or after a restart.
func (o *Operator) Finished() bool { return o.finished }

// Summary returns the counts so far.
func (o *Operator) Summary() Summary { return o.counts.summary() }

// Watermark returns the smaller of the sides' watermarks.
func (o *Operator) Watermark() int64 { return min(o.low(Left), o.low(Right)) }

// SideWatermark returns the watermark of a side, the smallest of its sources'.
func (o *Operator) SideWatermark(side Side) int64 { return o.low(side) }

// Add takes an event of a side. It copies what it keeps. An event that was seen
// before (Position) is passed over; one below its source's watermark is late,
// unless it can still be joined as a correction; one whose key, value or time no store could hold is rejected.
func (o *Operator) Add(side Side, e Event) error {
	if o.quantum > 0 && o.due() > o.fired {
		if err := o.Flush(); err != nil { // what is due comes before what e brings about
			return err
		}
	}
	from, err := o.see(side, e.Seq)
	if from == nil {
		return err
	}
	if o.spec.Match != ByKey {
		if indexable, err := o.seek(side, &e); err != nil || !indexable {
			o.reject(side)
			return o.fail(err)
		}
	}
	retained := o.corrects && o.retains(side, e.Time)
	if ok, err := o.admit(side, from, &e, retained, o.hooks.Late); !ok {
		return o.fail(err)
	}
	prefix := appendEventPrefix(o.key[:0], e.Key)
	o.prefixLen = len(prefix)
	o.key = appendEventTail(prefix, side, e.Time, e.Seq)
	if err := o.logic.take(side, e); err != nil {
		return o.fail(err)
	}
	return o.flushIfLarge()
}

// retains says whether an event of a side and time is kept for partners still.
func (o *Operator) retains(side Side, at int64) bool {
	return at >= -MaxTime && at+o.retention[side] >= o.fired
}

// Filter takes note that row seq of a side is no event of this join.
func (o *Operator) Filter(side Side, seq uint64) error {
	from, err := o.see(side, seq)
	if from != nil {
		o.filter()
	}
	return err
}

// Reject takes note that row seq of a side is an event that cannot be joined,
// such as one without a key.
func (o *Operator) Reject(side Side, seq uint64) error {
	from, err := o.see(side, seq)
	if from != nil {
		o.reject(side)
	}
	return err
}

// see returns the source of a row that is new, and moves its position past it. It
// returns nil if the row has been seen before.
func (o *Operator) see(side Side, seq uint64) (*progress, error) {
	if o.err != nil {
		return nil, o.err
	}
	from, position, err := o.locate(side, seq)
	switch {
	case err != nil:
		return nil, err
	case position < from.position:
		return nil, nil
	case o.finished:
		return nil, ErrFinished
	}
	from.position = position + 1
	return from, nil
}

// Pass takes note that the rows of a side's source below seq, a sequence of that source, that were not added are none
// of this operator's: they belong to other partitions of the join.
func (o *Operator) Pass(side Side, seq uint64) { o.pass(side, seq) }

// Advance raises the watermark of a side, which is that of each of its sources: no event below it is expected any
// more. Less than the watermark that MaxDisorder has brought about changes nothing.
func (o *Operator) Advance(side Side, watermark int64) {
	for i := range o.sources[side] {
		o.AdvanceSource(side, i, watermark)
	}
}

// AdvanceSource raises the watermark of one source of a side.
func (o *Operator) AdvanceSource(side Side, source int, watermark int64) {
	o.advanceSource(side, source, watermark)
}

// End says that a side has ended: its watermark passes every time.
func (o *Operator) End(side Side) { o.Advance(side, math.MaxInt64) }

// EndSource says that one source of a side has ended.
func (o *Operator) EndSource(side Side, source int) { o.AdvanceSource(side, source, math.MaxInt64) }
