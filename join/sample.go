package join

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// A Sample is a left event and the right events it pairs with, ordered by time
// and sequence. Of a session it is the first event, and those that follow. All slices
// belong to the operator.
type Sample struct {
	Left   Event
	Rights []Event // each with Left's key

	// Correction says that the sample takes the place of the one that was
	// emitted last for the same left event (of a left outer join; the pairs of
	// an inner one are emitted once).
	Correction bool

	// Fired says that a timer brought the sample forth, at event time FiredAt, and not
	// the arrival of an event.
	Fired   bool
	FiredAt int64 // µs
}

// arenaLimit is the largest buffer that is kept from one sample to the next, in bytes.
const arenaLimit = 16 << 20

// emitSample hands a sample to its hook.
func (o *Operator) emitSample(s *Sample) error {
	s.Fired, s.FiredAt = o.firing, o.firingAt
	return o.hooks.Sample(s)
}

// keep copies bytes into the arena. Earlier copies stay valid when it moves.
func (o *Operator) keep(b []byte) []byte {
	n := len(o.arena)
	o.arena = append(o.arena, b...)
	return o.arena[n:len(o.arena):len(o.arena)]
}

// beginSample empties o.sample and the arena, and gives the sample a key.
func (o *Operator) beginSample(escaped []byte) {
	if cap(o.arena) > arenaLimit {
		o.arena = nil
	}
	o.arena = o.arena[:0]
	o.sample = Sample{Rights: o.sample.Rights[:0]}
	if escaped != nil {
		o.arena = appendUnescaped(o.arena, escaped)
		o.sample.Left.Key = o.arena[:len(o.arena):len(o.arena)]
	}
}

// readEvents appends to events those of a side, key and range of times, both ends
// included, in the order of time and sequence. Their values go to the arena.
func (o *Operator) readEvents(events []Event, side Side, key []byte, from, to int64) ([]Event, error) {
	if from > to {
		return events, nil
	}
	if o.spec.Match == ByIndex {
		return o.readIndexed(events, side, key, from, to)
	}
	prefix := appendSidePrefix(o.seekKey[:0], side, key)
	o.upperKey = appendEventBound(append(o.upperKey[:0], prefix...), side, to+1)
	o.seekKey = appendEventBound(prefix, side, from)
	it, err := o.store.Iter(statelab.Range{Lower: o.seekKey, Upper: o.upperKey})
	if err != nil {
		return events, readError("probe", err)
	}
	defer it.Close()
	for it.Next() {
		tail, n := it.Key(), len(o.arena)
		if side == pairSide && len(tail) > pairTail { // what a pair's key ends with goes before its value
			o.arena = append(o.arena, tail[len(tail)-pairTail:]...)
			tail = tail[:len(tail)-pairTail]
		}
		_, at, seq, ok := decodeEventTail(tail)
		if !ok {
			return events, alarm("key %x is not an event", it.Key())
		}
		o.arena = append(o.arena, it.Value()...)
		e := Event{Key: key, Time: at, Seq: seq, Value: o.arena[n:len(o.arena):len(o.arena)]}
		if o.spec.Match == ByScan {
			sought, err := o.isSought(side, &e)
			if err != nil {
				return events, err
			}
			if !sought {
				o.arena = o.arena[:n]
				continue
			}
		}
		events = append(events, e)
	}
	if err := it.Close(); err != nil {
		return events, readError("probe", err)
	}
	return events, nil
}

// leftIsGone says that the left event of o.sample, which has a timer, could not be read.
func (o *Operator) leftIsGone(err error) error {
	s := &o.sample
	if !errors.Is(err, statelab.ErrNotFound) {
		return fmt.Errorf("get a left event of time %d and sequence %d: %w", s.Left.Time, s.Left.Seq, err)
	}
	return alarm("a left event of time %d and sequence %d has a timer but is gone", s.Left.Time, s.Left.Seq)
}
