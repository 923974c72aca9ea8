package join

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab"
)

// A Sample is a left event and the right events it pairs with, ordered by time
// and sequence. All slices belong to the operator.
type Sample struct {
	Left   Event
	Rights []Event // each with Left's key
}

// arenaLimit is the largest buffer that is kept from one sample to the next, in bytes.
const arenaLimit = 16 << 20

// markedValue is the value of the timer of a right event with a pair.
var markedValue = []byte{1}

// errSnapshotLost says that the store gave up the snapshot of an iterator (I8 of
// package statelab). Nothing has changed but what o.cursor says, so that timers
// can be read again from there.
var errSnapshotLost = fmt.Errorf("read timers again and again: %w", statelab.ErrSnapshotTooOld)

// lostLimit is how many snapshots in a row may be lost before a single timer
// has fired.
const lostLimit = 100

// fire fires the timers below w, in order. What it writes is left in the batch.
func (o *Operator) fire(w int64) error {
	lost := 0
	for w > o.fired {
		err := o.fireUntilLarge(w)
		if err != nil && err != errSnapshotLost { // by identity: what a hook returns is not ours to repeat
			return err
		}
		if err == nil || !bytes.Equal(o.cursor, o.timersFrom) {
			lost = 0
		} else if lost++; lost > lostLimit {
			return err
		}
		if o.batchIsLarge() {
			if err := o.apply(false); err != nil {
				return err
			}
		}
	}
	return nil
}

// readError wraps what ended a read of the store.
func readError(doing string, err error) error {
	if errors.Is(err, statelab.ErrSnapshotTooOld) {
		return errSnapshotLost
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// fireUntilLarge fires timers below w until the batch is large or none is
// left. It holds its snapshot no longer than that, so that nothing stays pinned
// while a great deal fires.
func (o *Operator) fireUntilLarge(w int64) error {
	o.timersFrom = append(o.timersFrom[:0], o.cursor...)
	o.timersTo = appendTimerBound(o.timersTo[:0], w)
	it, err := o.store.Iter(statelab.Range{Lower: o.timersFrom, Upper: o.timersTo})
	if err != nil {
		return readError("read timers", err)
	}
	defer it.Close()
	for it.Next() {
		t, ok := decodeTimer(it.Key())
		if !ok {
			return alarm("key %x is not a timer", it.Key())
		}
		if t.side == Left {
			err = o.fireLeft(t)
		} else {
			o.fireRight(t, it.Value())
		}
		if err != nil {
			return err
		}
		if o.deletes {
			o.forget(t, it.Key())
		}
		o.fired = t.time
		o.cursor = append(append(o.cursor[:0], it.Key()...), 0)
		if o.batchIsLarge() {
			return nil
		}
	}
	if err := it.Close(); err != nil {
		return readError("read timers", err)
	}
	o.fired = w
	o.cursor = appendTimerBound(o.cursor[:0], w)
	return nil
}

// forget deletes a timer that has fired and its event, which no timer needs any
// more: a right event's is the last of the timers that could.
func (o *Operator) forget(t timer, key []byte) {
	o.batch.Delete(key)
	at := t.time - o.hold
	if t.side == Right {
		at = t.time - o.linger
	}
	o.bound = appendUnescaped(o.bound[:0], t.escaped)
	o.seekKey = appendEventTail(appendEventPrefix(o.seekKey[:0], o.bound), t.side, at, t.seq)
	o.batch.Delete(o.seekKey)
}

// fireRight counts a right event for which no left one can come any more.
func (o *Operator) fireRight(t timer, value []byte) {
	c := &o.counts.side[Right]
	c.waiting--
	_, marked := o.marked[t.seq]
	if marked || len(value) > 0 {
		c.matched++
	} else {
		c.unmatched++
	}
}

// fireLeft assembles and emits the sample of a left event.
func (o *Operator) fireLeft(t timer) error {
	if err := o.assemble(t); err != nil {
		return err
	}
	c := &o.counts.side[Left]
	c.waiting--
	pairs := len(o.sample.Rights)
	o.counts.pairs += int64(pairs)
	if pairs > 0 {
		c.matched++
	} else {
		c.unmatched++
		if !o.keepsNegative(&o.sample.Left) {
			o.counts.dropped++
			return nil
		}
	}
	o.counts.samples++
	return o.hooks.Sample(&o.sample)
}

// assemble reads the left event of a timer and its right events into o.sample.
func (o *Operator) assemble(t timer) error {
	if cap(o.arena) > arenaLimit {
		o.arena = nil
	}
	o.arena = appendUnescaped(o.arena[:0], t.escaped)
	s := &o.sample
	s.Left = Event{Key: o.arena[:len(o.arena):len(o.arena)], Time: t.time - o.hold, Seq: t.seq}
	s.Rights = s.Rights[:0]

	prefix := appendEventPrefix(o.key[:0], s.Left.Key)
	n := len(prefix)
	o.key = appendEventTail(prefix, Left, s.Left.Time, s.Left.Seq)
	// The range begins at the left event itself and ends with the join key: one
	// positioning reads the event and, in the usual case of one left event per
	// key, has its right events next.
	o.upperKey = statelab.AppendSuccessor(o.upperKey[:0], o.key[:n])
	it, err := o.store.Iter(statelab.Range{Lower: o.key, Upper: o.upperKey})
	if err != nil {
		return readError("probe", err)
	}
	defer it.Close()
	if !it.First() || !bytes.Equal(it.Key(), o.key) {
		if err := it.Close(); err != nil {
			return readError("probe", err)
		}
		return alarm("a left event of time %d and sequence %d has a timer but is gone", s.Left.Time, s.Left.Seq)
	}
	s.Left.Value = o.keep(it.Value())
	if err := o.collectRights(it, n); err != nil {
		return err
	}
	if err := it.Close(); err != nil {
		return readError("probe", err)
	}
	return nil
}

// collectRights adds to o.sample the right events within its bounds. it stands
// on the left event; prefixLen is the length of its key's prefix.
func (o *Operator) collectRights(it statelab.Iterator, prefixLen int) error {
	s := &o.sample
	from, to := s.Left.Time+o.lower, s.Left.Time+o.upper
	if !it.Next() {
		return nil
	}
	// Later left events of the key, or right events before the bounds, may
	// stand between; the keys of a prefix order by side, then time.
	o.bound = appendEventBound(o.bound[:0], Right, from)
	if bytes.Compare(it.Key()[prefixLen:], o.bound) < 0 {
		o.seekKey = append(append(o.seekKey[:0], o.key[:prefixLen]...), o.bound...)
		if !it.SeekGE(o.seekKey) {
			return nil
		}
	}
	for ok := true; ok; ok = it.Next() {
		side, at, seq, ok := decodeEventTail(it.Key())
		if !ok || side != Right {
			return alarm("key %x is not a right event", it.Key())
		}
		if at > to {
			return nil
		}
		s.Rights = append(s.Rights, Event{Key: s.Left.Key, Time: at, Seq: seq, Value: o.keep(it.Value())})
		o.mark(at, s.Left.Key, seq)
	}
	return nil
}

// mark notes in a right event's timer that it has a pair.
func (o *Operator) mark(at int64, key []byte, seq uint64) {
	if _, ok := o.marked[seq]; ok {
		return
	}
	o.marked[seq] = struct{}{}
	doneAt := at + o.linger
	o.bound = appendTimer(o.bound[:0], doneAt, key, Right, seq)
	o.batch.Put(o.bound, markedValue, doneAt+1)
}

// keep copies bytes into the arena. Earlier copies stay valid when it moves.
func (o *Operator) keep(b []byte) []byte {
	n := len(o.arena)
	o.arena = append(o.arena, b...)
	return o.arena[n:len(o.arena):len(o.arena)]
}

// keepsNegative decides by a hash of (seed, key, sequence); an inner join
// keeps none.
func (o *Operator) keepsNegative(e *Event) bool {
	if o.spec.Kind == Inner {
		return false
	}
	if o.spec.Negatives.Keep == 0 || o.spec.Negatives.Keep == 1 {
		return true
	}
	b := binary.LittleEndian.AppendUint64(o.bound[:0], o.spec.Negatives.Seed)
	b = binary.LittleEndian.AppendUint64(b, e.Seq)
	o.bound = append(b, e.Key...)
	return xxhash.Sum64(o.bound) < o.keepBelow
}
