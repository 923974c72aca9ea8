package join

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/statelab/statelab"
)

// ErrApart is found in Move's error if the operators do not stand at one place.
var ErrApart = errors.New("the partitions of the join stand at different places")

// Move divides a join anew: it copies the state of the operators from, the partitions
// of a join that have added nothing since New, to as many empty stores as it is to have
// partitions. All of from must stand where a Commit of all has left them. note
// is what is stored as the note of a new partition. The caller syncs the stores.
//
// What was counted so far is counted by the first of the new partitions, so only
// the sum over all partitions says how many events wait.
func Move(to []statelab.Store, from []*Operator, note func(i int) []byte) error {
	first := from[0]
	total := counts{moved: true}
	for _, o := range from {
		if !sameProgress(o, first) || o.finished != first.finished || o.fired != first.fired || !bytes.Equal(o.cursor, first.cursor) {
			return ErrApart
		}
		total.add(&o.counts)
	}
	m := mover{to: to, batches: make([]statelab.Batch, len(to))}
	for _, o := range from {
		if err := m.move(o); err != nil {
			return err
		}
	}
	for i := range to {
		o := &Operator{
			spec: first.spec, intake: first.intake, finished: first.finished,
			fired: first.fired, cursor: first.cursor,
			hooks: Hooks{Note: func(dst []byte, _ bool) ([]byte, error) { return append(dst, note(i)...), nil }},
		}
		if o.counts = (counts{moved: true}); i == 0 {
			o.counts = total
		}
		meta, err := o.appendMeta(nil, true)
		if err != nil {
			return err
		}
		m.batches[i].Put(metaKey, meta, statelab.NoExpiry)
		if err := m.apply(i); err != nil {
			return err
		}
	}
	return nil
}

// sameProgress says whether two operators have seen the same of all sources.
func sameProgress(a, b *Operator) bool {
	return slices.Equal(a.sources[Left], b.sources[Left]) && slices.Equal(a.sources[Right], b.sources[Right])
}

// add adds what another partition counted.
func (c *counts) add(o *counts) {
	for side := range c.side {
		s, t := &c.side[side], &o.side[side]
		s.in += t.in
		s.matched += t.matched
		s.unmatched += t.unmatched
		s.late += t.late
		s.waiting += t.waiting
		s.rejected += t.rejected
	}
	c.filtered += o.filtered
	c.samples += o.samples
	c.pairs += o.pairs
	c.dropped += o.dropped
	c.corrections += o.corrections
}

// A mover copies records to the partitions of their join keys.
type mover struct {
	to      []statelab.Store
	batches []statelab.Batch
	key     []byte
}

// move copies all records of an operator but for its meta record.
func (m *mover) move(o *Operator) error {
	it, err := o.store.Iter(statelab.Range{Lower: []byte{tagTimer}})
	if err != nil {
		return fmt.Errorf("read a partition: %w", err)
	}
	defer it.Close()
	for it.Next() {
		expireAt, ok := m.locate(o, it.Key(), it.Value())
		if !ok {
			return alarm("key %x is of no record of a join", it.Key())
		}
		i := Partition(m.key, len(m.to))
		m.batches[i].Put(it.Key(), it.Value(), expireAt)
		if m.batches[i].Len() < miniBatchOps && len(m.batches[i].Bytes()) < miniBatchBytes {
			continue
		}
		if err := m.apply(i); err != nil {
			return err
		}
	}
	if err := it.Close(); err != nil {
		return fmt.Errorf("read a partition: %w", err)
	}
	return nil
}

// locate finds a record's expiry, and puts its join key into m.key.
func (m *mover) locate(o *Operator, key, value []byte) (expireAt int64, ok bool) {
	if t, ok := decodeTimer(key); ok {
		m.key = appendUnescaped(m.key[:0], t.escaped)
		return t.time + 1, true
	}
	if len(key) < eventHead || key[0] < tagEvent || key[0] > tagIndex {
		return 0, false
	}
	n := escapedLen(key[eventHead:])
	if n == 0 {
		return 0, false
	}
	m.key = appendUnescaped(m.key[:0], key[eventHead:eventHead+n])
	if key[0] == tagIndex {
		n += escapedLen(key[eventHead+n:])
	}
	if key[0] == tagSecond {
		chain, ok := o.logic.(*chainedJoin)
		if !ok {
			return 0, false
		}
		return chain.locateSecond(key[eventHead+n:])
	}
	if len(key) == eventHead+n { // a mark
		if len(value) != 8 {
			return 0, false
		}
		return o.logic.expiry(Left, decodeTime(value)), true
	}
	side, at, _, ok := decodeEventTail(key)
	return o.logic.expiry(side, at), ok && len(key) == eventHead+n+eventTail
}

func (m *mover) apply(i int) error {
	if err := m.to[i].Apply(&m.batches[i]); err != nil {
		return fmt.Errorf("fill partition %d: %w", i, err)
	}
	m.batches[i].Reset()
	return nil
}
