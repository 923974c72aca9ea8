package join

import (
	"cmp"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// pending is the events of the mini-batch by join key, for kinds that look at
// events as they arrive: a store shows them only once they are applied.
type pending struct {
	events []pendingEvent
	last   map[uint64]int32 // by hash of the join key: its latest event, as an index
	bytes  []byte           // keys and values
}

type pendingEvent struct {
	Event
	side      Side
	attribute []byte
	before    int32 // the next older event of the hash, -1 if there is none
}

func newPending() pending { return pending{last: make(map[uint64]int32)} }

func (p *pending) add(side Side, e Event, attribute []byte) {
	h := xxhash.Sum64(e.Key)
	before, ok := p.last[h]
	if !ok {
		before = -1
	}
	p.last[h] = int32(len(p.events))
	e.Key, e.Value = p.keep(e.Key), p.keep(e.Value)
	p.events = append(p.events, pendingEvent{e, side, p.keep(attribute), before})
}

func (p *pending) keep(b []byte) []byte {
	n := len(p.bytes)
	p.bytes = append(p.bytes, b...)
	return p.bytes[n:len(p.bytes):len(p.bytes)]
}

// latest returns the index of the latest event of a key, or of one that shares
// its hash; -1 if there is none.
func (p *pending) latest(key []byte) int32 {
	if len(p.events) == 0 {
		return -1
	}
	if i, ok := p.last[xxhash.Sum64(key)]; ok {
		return i
	}
	return -1
}

// find returns the latest event of a key, or nil.
func (p *pending) find(key []byte) *Event {
	for i := p.latest(key); i >= 0; i = p.events[i].before {
		if e := &p.events[i].Event; string(e.Key) == string(key) {
			return e
		}
	}
	return nil
}

// appendPartners appends to events those of a side, key, attribute and range of times,
// both ends included, and returns whether there were any.
func (p *pending) appendPartners(events []Event, side Side, key, attribute []byte, from, to int64) ([]Event, bool) {
	n := len(events)
	for i := p.latest(key); i >= 0; i = p.events[i].before {
		if e := &p.events[i]; e.side == side && e.Time >= from && e.Time <= to && string(e.Key) == string(key) && string(e.attribute) == string(attribute) {
			events = append(events, e.Event)
		}
	}
	return events, len(events) > n
}

// applied forgets everything: the store has it.
func (p *pending) applied() {
	if len(p.events) > 0 {
		p.events, p.bytes = p.events[:0], p.bytes[:0]
		clear(p.last)
	}
}

// sortEvents puts events in the order of time and sequence.
func sortEvents(events []Event) {
	slices.SortFunc(events, func(a, b Event) int {
		if a.Time != b.Time {
			return cmp.Compare(a.Time, b.Time)
		}
		return cmp.Compare(a.Seq, b.Seq)
	})
}
