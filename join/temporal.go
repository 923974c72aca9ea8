package join

import (
	"errors"
	"fmt"
	"math"

	"github.com/statelab/statelab"
)

// A temporalJoin is the logic of Temporal. The right side is a table: each event
// is a version of its key's row, in force from its time until the next version's,
// or until its TTL has passed. A left event fires at its own time.
//
// A version is one record with two timers. At the first, its time, the version before
// it is retired: deleted and counted. At the second it is retired itself: when its
// TTL has passed or, without one, at the end of time, which comes with Finish. So of
// each key one version is kept that is in force, and those to come.
type temporalJoin struct {
	*Operator
	ttl int64 // µs; 0: a version is in force until the next one
}

// endOfTime is the last time that a timer may have.
const endOfTime = math.MaxInt64 - 1

// beginsValue is the value of the timer at which a version comes into force; that
// of its end has a mark or nothing.
var beginsValue = []byte{2}

func (j *temporalJoin) endOf(at int64) int64 {
	if j.ttl == 0 {
		return endOfTime
	}
	return at + j.ttl
}

func (j *temporalJoin) take(side Side, e Event) error {
	j.counts.side[side].waiting++
	j.batch.Put(j.key, e.Value, j.expiry(side, e.Time))
	if side == Left {
		j.setTimer(e.Time, e.Key, Left, e.Seq, nil)
		return nil
	}
	j.setTimer(e.Time, e.Key, Right, e.Seq, beginsValue)
	j.setTimer(j.endOf(e.Time), e.Key, Right, e.Seq, nil)
	return nil
}

func (j *temporalJoin) expiry(side Side, at int64) int64 {
	if side == Left {
		return at + 1
	}
	return j.endOf(at) + 1
}

func (j *temporalJoin) fire(t timer, value []byte) error {
	switch {
	case t.side == Left:
		return j.fireLeft(t)
	case string(value) == string(beginsValue):
		return j.replace(t)
	}
	return j.end(t, value)
}

func (j *temporalJoin) wanted(dst []byte, t timer, _ []byte) ([]byte, bool) {
	if t.side != Left {
		return dst, false
	}
	return appendEventOf(dst, t, t.time), true
}

// fireLeft emits a left event with the version that is in force at its time.
func (j *temporalJoin) fireLeft(t timer) error {
	j.beginSample(t.escaped)
	s := &j.sample
	s.Left.Time, s.Left.Seq = t.time, t.seq
	j.key = appendEventTail(appendEventPrefix(j.key[:0], s.Left.Key), Left, t.time, t.seq)
	var err error
	if s.Left.Value, err = j.fetch(); err != nil {
		return j.leftIsGone(err)
	}
	j.bound = appendEventBound(appendEventPrefix(j.bound[:0], s.Left.Key), Right, t.time+1)
	version, found, err := j.lastBelow(s.Left.Key, j.bound)
	if err != nil {
		return err
	}
	if j.deletes {
		j.batch.Delete(j.key)
	}
	c := &j.counts.side[Left]
	c.waiting--
	j.counts.samples++
	if found && j.endOf(version.Time) >= t.time {
		c.matched++
		j.counts.pairs++
		s.Rights = append(s.Rights, version)
		j.mark(j.endOf(version.Time), s.Left.Key, Right, version.Seq)
	} else {
		c.unmatched++
	}
	return j.emitSample(s)
}

// lastBelow returns the last version of a key whose record's key is below upper.
func (j *temporalJoin) lastBelow(key, upper []byte) (version Event, found bool, err error) {
	j.seekKey = append(appendEventPrefix(j.seekKey[:0], key), byte(Right))
	j.upperKey = append(j.upperKey[:0], upper...)
	it, err := j.store.Iter(statelab.Range{Lower: j.seekKey, Upper: j.upperKey})
	if err != nil {
		return Event{}, false, readError("probe", err)
	}
	defer it.Close()
	if it.Last() {
		_, at, seq, ok := decodeEventTail(it.Key())
		if !ok {
			return Event{}, false, alarm("key %x is not a version", it.Key())
		}
		version, found = Event{Key: key, Time: at, Seq: seq, Value: j.keep(it.Value())}, true
	}
	if err := it.Close(); err != nil {
		return Event{}, false, readError("probe", err)
	}
	return version, found, nil
}

// replace retires the version before the one of t, unless it ends by itself not
// later than now: then its own timer does so, or has.
func (j *temporalJoin) replace(t timer) error {
	j.beginSample(t.escaped)
	key := j.sample.Left.Key
	j.bound = appendEventTail(appendEventPrefix(j.bound[:0], key), Right, t.time, t.seq)
	version, found, err := j.lastBelow(key, j.bound)
	if err != nil || !found || j.endOf(version.Time) <= t.time {
		return err
	}
	j.key = appendTimer(j.key[:0], j.endOf(version.Time), key, Right, version.Seq)
	n := len(j.arena)
	if j.arena, err = j.store.Get(j.arena, j.key); err != nil {
		if errors.Is(err, statelab.ErrNotFound) {
			return alarm("a version of time %d and sequence %d has no end", version.Time, version.Seq)
		}
		return fmt.Errorf("get the end of a version: %w", err)
	}
	j.batch.Delete(j.key)
	j.retired[version.Seq] = struct{}{}
	j.count(version.Seq, j.arena[n:])
	j.deleteEvent(t.escaped, Right, version.Time, version.Seq)
	return nil
}

// end retires a version at its end, if no other has replaced it: then the timer
// is deleted, but perhaps in the batch only.
func (j *temporalJoin) end(t timer, value []byte) error {
	if _, ok := j.retired[t.seq]; ok {
		return nil
	}
	if j.ttl > 0 {
		j.count(t.seq, value)
		if j.deletes {
			j.deleteEvent(t.escaped, Right, t.time-j.ttl, t.seq)
		}
		return nil
	}
	// The timer does not know when the version began: it is the only one left of its key.
	j.beginSample(t.escaped)
	key := j.sample.Left.Key
	j.bound = append(appendEventPrefix(j.bound[:0], key), byte(Right)+1)
	version, found, err := j.lastBelow(key, j.bound)
	if err != nil {
		return err
	}
	if !found || version.Seq != t.seq {
		return alarm("a version of sequence %d has an end but is gone", t.seq)
	}
	j.count(t.seq, value)
	j.deleteEvent(t.escaped, Right, version.Time, t.seq)
	return nil
}

// count counts a version that is retired; value is that of the timer of its end.
func (j *temporalJoin) count(seq uint64, value []byte) {
	c := &j.counts.side[Right]
	c.waiting--
	if j.isMarked(Right, seq, value) {
		c.matched++
	} else {
		c.unmatched++
	}
}
