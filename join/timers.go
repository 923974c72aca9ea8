package join

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// setTimer adds a timer, which fires once the watermark exceeds at.
func (o *Operator) setTimer(at int64, key []byte, side Side, seq uint64, value []byte) {
	o.key = appendTimer(o.key[:0], at, key, side, seq)
	o.batch.Put(o.key, value, at+1)
}

// deleteEvent deletes the record of an event of an escaped join key.
func (o *Operator) deleteEvent(escaped []byte, side Side, at int64, seq uint64) {
	o.bound = appendUnescaped(o.bound[:0], escaped)
	o.seekKey = appendEventTail(appendSidePrefix(o.seekKey[:0], side, o.bound), side, at, seq)
	o.batch.Delete(o.seekKey)
}

func (o *Operator) deleteEvents(side Side, escaped []byte, events []Event) {
	for i := range events {
		o.deleteEvent(escaped, side, events[i].Time, events[i].Seq)
	}
}

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

// fireEach fires timers until the batch is large, or until none is left: then done is true.
func (o *Operator) fireEach(it statelab.Iterator) (done bool, err error) {
	if logic, ok := o.logic.(fetching); ok && o.together > 1 {
		return o.fireTogether(it, logic)
	}
	for it.Next() {
		if err := o.fireTimer(it.Key(), it.Value()); err != nil {
			return false, err
		}
		if o.batchIsLarge() {
			return false, nil
		}
	}
	return true, nil
}

func (o *Operator) fireTimer(key, value []byte) error {
	t, ok := decodeTimer(key)
	if !ok {
		return alarm("key %x is not a timer", key)
	}
	o.firing, o.firingAt = true, t.time
	err := o.logic.fire(t, value)
	o.firing, o.firingAt = false, 0
	if err != nil {
		return err
	}
	if o.deletes {
		o.batch.Delete(key)
	}
	o.fired = t.time
	o.cursor = append(append(o.cursor[:0], key...), 0)
	return nil
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
	if done, err := o.fireEach(it); err != nil || !done {
		return err
	}
	if err := it.Close(); err != nil {
		return readError("read timers", err)
	}
	o.fired = w
	o.cursor = appendTimerBound(o.cursor[:0], w)
	return nil
}
