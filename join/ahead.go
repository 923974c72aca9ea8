package join

import (
	"fmt"

	"github.com/statelab/statelab"
)

// A fetching logic gets a single record for each of some of its timers. With MiniBatch the records of many timers that
// fire one after the other are asked for by one MultiGet. What timers write lies in the batch meanwhile, so that
// each of them reads what it would have read by itself.
type fetching interface {
	// wanted appends the key of the record that a timer gets by Operator.fetch, if it gets one.
	wanted(dst []byte, t timer, value []byte) (key []byte, ok bool)
}

// ahead are timers that are about to fire, and what was fetched for them.
type ahead struct {
	timers []timerAhead
	keys   [][]byte // of what is fetched
	of     []int    // by key: the timer that it is for
	bytes  []byte   // keys of timers, their values, and keys of what is fetched
	values []byte   // what is fetched
}

type timerAhead struct {
	key, value []byte
	fetched    fetched
}

// fetched is a record that was asked for.
type fetched struct {
	asked, found bool
	value        []byte
}

// keep copies bytes. Earlier copies stay valid when a.bytes moves.
func (a *ahead) keep(b []byte) []byte {
	n := len(a.bytes)
	a.bytes = append(a.bytes, b...)
	return a.bytes[n:len(a.bytes):len(a.bytes)]
}

func (a *ahead) clear() {
	a.timers, a.keys, a.of, a.bytes, a.values = a.timers[:0], a.keys[:0], a.of[:0], a.bytes[:0], a.values[:0]
	if cap(a.values) > arenaLimit {
		a.values = nil
	}
}

// fireTogether fires timers until the batch is large, or until none is left: then done is true.
func (o *Operator) fireTogether(it statelab.Iterator, logic fetching) (done bool, err error) {
	for !done {
		if done, err = o.readAhead(it, logic); err != nil {
			return false, err
		}
		for i := range o.ahead.timers {
			t := &o.ahead.timers[i]
			o.fetched = t.fetched
			err := o.fireTimer(t.key, t.value)
			o.fetched = fetched{}
			if err != nil {
				return false, err
			}
			if o.batchIsLarge() {
				return false, nil // those that are left are read again
			}
		}
	}
	return true, nil
}

// readAhead reads the next timers, and gets what they want.
func (o *Operator) readAhead(it statelab.Iterator, logic fetching) (done bool, err error) {
	a := &o.ahead
	a.clear()
	for !done && len(a.timers) < o.together {
		if done = !it.Next(); done {
			break
		}
		key := a.keep(it.Key())
		t, ok := decodeTimer(key)
		if !ok {
			return false, alarm("key %x is not a timer", key)
		}
		a.timers = append(a.timers, timerAhead{key: key, value: a.keep(it.Value())})
		n := len(a.bytes)
		wanted, ok := logic.wanted(a.bytes, t, it.Value())
		if !ok {
			continue
		}
		a.bytes = wanted
		a.keys = append(a.keys, wanted[n:len(wanted):len(wanted)])
		a.of = append(a.of, len(a.timers)-1)
		a.timers[len(a.timers)-1].fetched.asked = true
	}
	if len(a.keys) == 0 {
		return done, nil
	}
	err = statelab.MultiGet(o.store, a.keys, func(i int, value []byte) {
		n := len(a.values)
		a.values = append(a.values, value...)
		a.timers[a.of[i]].fetched = fetched{true, true, a.values[n:len(a.values):len(a.values)]}
	})
	if err != nil {
		return false, fmt.Errorf("get what timers want: %w", err)
	}
	return done, nil
}

// fetch returns the record of o.key, in the arena.
func (o *Operator) fetch() ([]byte, error) {
	n := len(o.arena)
	switch f := &o.fetched; {
	case !f.asked:
		var err error
		if o.arena, err = o.store.Get(o.arena, o.key); err != nil {
			return nil, err
		}
	case !f.found:
		return nil, statelab.ErrNotFound
	default:
		o.arena = append(o.arena, f.value...)
	}
	return o.arena[n:len(o.arena):len(o.arena)], nil
}
