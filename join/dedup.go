package join

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/statelab/statelab"
)

// A dedupFirst is the logic of Dedup with KeepFirst. Under each key there is one
// mark, a record without side, time and sequence, whose value is the time of the
// event that was kept last. It is read as an event arrives, or with others when
// so many have arrived (Operator.MiniBatch), and expires by itself. The store's watermark is
// raised only by an apply, before which nothing is left waiting: so waiting changes nothing.
type dedupFirst struct {
	*Operator
	window  int64 // µs; 0 is for ever
	value   []byte
	waiting waitingEvents
}

func (d *dedupFirst) take(_ Side, e Event) error {
	if d.together > 1 {
		d.waiting.add(e, d.key[:d.prefixLen])
		if len(d.waiting.events) < d.together && len(d.waiting.bytes) < miniBatchBytes {
			return nil
		}
		return d.takeWaiting()
	}
	kept, found, err := d.kept(d.key[:d.prefixLen], e.Key)
	if err != nil {
		return err
	}
	return d.decide(e, d.key[:d.prefixLen], kept, found)
}

// takeWaiting asks for the marks of all waiting events at once, and decides them in order.
func (d *dedupFirst) takeWaiting() error {
	w := &d.waiting
	if len(w.events) == 0 {
		return nil
	}
	w.found = append(w.found[:0], make([]int64, len(w.events))...)
	for i := range w.found {
		w.found[i] = noMark
	}
	var damaged error
	err := statelab.MultiGet(d.store, w.marks, func(i int, value []byte) {
		if len(value) != 8 {
			damaged = errMark(w.events[i].Key, len(value))
			return
		}
		w.found[i] = decodeTime(value)
	})
	if err != nil {
		return fmt.Errorf("get marks: %w", err)
	}
	if damaged != nil {
		return damaged
	}
	for i, e := range w.events {
		kept, found := w.found[i], w.found[i] != noMark
		if p := d.pending.find(e.Key); p != nil { // of the same mini-batch
			kept, found = p.Time, true
		}
		if err := d.decide(e, w.marks[i], kept, found); err != nil {
			return err
		}
	}
	w.clear()
	return nil
}

// decide keeps an event, or counts it as a repeat of the one that was kept before it.
func (d *dedupFirst) decide(e Event, mark []byte, kept int64, found bool) error {
	c := &d.counts.side[Left]
	if found && (d.window == 0 || e.Time < kept+d.window) {
		c.matched++
		d.counts.dropped++
		return nil
	}
	c.unmatched++
	d.counts.samples++
	d.value = appendTime(d.value[:0], e.Time)
	d.batch.Put(mark, d.value, d.expiry(Left, e.Time))
	d.pending.add(Left, Event{Key: e.Key, Time: e.Time}, nil)
	if d.deletes && d.window > 0 {
		d.setTimer(e.Time+d.window-1, e.Key, Left, e.Seq, nil)
	}
	d.sample = Sample{Left: e, Rights: d.sample.Rights[:0]}
	return d.emitSample(&d.sample)
}

func (d *dedupFirst) expiry(_ Side, at int64) int64 {
	if d.window == 0 {
		return statelab.NoExpiry
	}
	return at + d.window
}

// kept returns the time of the event of a key that was kept last.
func (d *dedupFirst) kept(mark, key []byte) (at int64, found bool, err error) {
	if e := d.pending.find(key); e != nil {
		return e.Time, true, nil
	}
	d.value, err = d.store.Get(d.value[:0], mark)
	if errors.Is(err, statelab.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("get mark: %w", err)
	}
	if len(d.value) != 8 {
		return 0, false, errMark(key, len(d.value))
	}
	return decodeTime(d.value), true, nil
}

func errMark(key []byte, size int) error {
	return alarm("the mark of key %x is %d bytes long, not 8", key, size)
}

// fire deletes a mark, for stores that do not expire it, unless a later event
// has taken its place.
func (d *dedupFirst) fire(t timer, _ []byte) error {
	d.arena = appendUnescaped(d.arena[:0], t.escaped)
	d.seekKey = appendEventPrefix(d.seekKey[:0], d.arena)
	at, found, err := d.kept(d.seekKey, d.arena)
	if err == nil && found && at+d.window-1 == t.time {
		d.batch.Delete(d.seekKey)
	}
	return err
}

// A dedupLast is the logic of Dedup with KeepLast. Each event is one record with
// one timer, at which it is emitted unless another follows it within the window. So
// nothing is read as events arrive, and all events of a window are in state.
type dedupLast struct {
	*Operator
	span int64 // how long after its time an event fires, in µs: Window less one
}

func (d *dedupLast) take(_ Side, e Event) error {
	d.batch.Put(d.key, e.Value, d.expiry(Left, e.Time))
	d.setTimer(e.Time+d.span, e.Key, Left, e.Seq, nil)
	d.counts.side[Left].waiting++
	return nil
}

func (d *dedupLast) expiry(_ Side, at int64) int64 { return at + d.span + 1 }

func (d *dedupLast) fire(t timer, _ []byte) error {
	followed, err := d.readWithFollower(t, d.span)
	if err != nil {
		return err
	}
	if d.deletes {
		d.deleteEvent(t.escaped, Left, t.time-d.span, t.seq)
	}
	c := &d.counts.side[Left]
	c.waiting--
	if followed {
		c.matched++
		d.counts.dropped++
		return nil
	}
	c.unmatched++
	d.counts.samples++
	return d.emitSample(&d.sample)
}

// readWithFollower reads the left event of a timer, which fires span after its
// time, into o.sample, and says whether another of its key has come after it and
// not later than the timer.
func (o *Operator) readWithFollower(t timer, span int64) (followed bool, err error) {
	o.beginSample(t.escaped)
	s := &o.sample
	s.Left.Time, s.Left.Seq = t.time-span, t.seq
	prefix := appendEventPrefix(o.key[:0], s.Left.Key)
	o.upperKey = appendEventBound(append(o.upperKey[:0], prefix...), Left, t.time+1)
	o.key = binary.BigEndian.AppendUint64(appendEventBound(prefix, Left, s.Left.Time), t.seq)
	it, err := o.store.Iter(statelab.Range{Lower: o.key, Upper: o.upperKey})
	if err != nil {
		return false, readError("probe", err)
	}
	defer it.Close()
	found := it.First() && bytes.Equal(it.Key(), o.key)
	if found {
		s.Left.Value = o.keep(it.Value())
		followed = it.Next()
	}
	if err := it.Close(); err != nil {
		return false, readError("probe", err)
	}
	if !found {
		return false, o.leftIsGone(statelab.ErrNotFound)
	}
	return followed, nil
}
