package join

import (
	"fmt"

	"github.com/statelab/statelab"
)

// What a join does whose pairs have an attribute in common beside the key: an impression of a user, say, joins the
// user's clicks on the same item. The join key still says where an event lies, and in which partition. The attribute is taken from
// an event's value, which is stored as it is.
//
// With ByIndex each event in which partners are looked for has a record in an index (keys.go), written in the same batch and expiring with
// it. So index and events agree at each prefix of the store's history. A look-up scans the index, and asks for
// the events it leads to by one MultiGet.

// attributes are what an Operator needs of them.
type attributes struct {
	attribute []byte  // of the event that partners are looked for, or that is kept
	indexed   [2]bool // by side, whether its events are in the index

	indexKey, indexTo []byte
	compared          []byte
	asked             Event    // what the hook is asked about, or every event would be allocated
	leads             [][]byte // keys of events that the index leads to, one after the other in leadBytes
	leadBytes         []byte
	missing           int
}

// seek takes the attribute of an event as the one to look for, and says whether an index could hold it.
func (o *Operator) seek(side Side, e *Event) (indexable bool, err error) {
	o.asked = *e
	if o.attribute, err = o.hooks.Attribute(o.attribute[:0], side, &o.asked); err != nil {
		return false, fmt.Errorf("attribute of a %v event of time %d and sequence %d: %w", side, e.Time, e.Seq, err)
	}
	return eventHead+escapedSize(e.Key)+escapedSize(o.attribute)+eventTail <= statelab.MaxKeySize, nil
}

// isSought says whether an event has the attribute that is looked for.
func (o *Operator) isSought(side Side, e *Event) (bool, error) {
	var err error
	o.asked = *e
	if o.compared, err = o.hooks.Attribute(o.compared[:0], side, &o.asked); err != nil {
		return false, fmt.Errorf("attribute of a %v event of time %d and sequence %d: %w", side, e.Time, e.Seq, err)
	}
	return string(o.compared) == string(o.attribute), nil
}

// appendIndexPrefix appends what the index has of a key and attribute.
func appendIndexPrefix(dst, key, attribute []byte) []byte {
	return appendEscaped(appendPrefix(dst, tagIndex, key), attribute)
}

// index adds an event of the attribute that was sought last to the index.
func (o *Operator) index(side Side, e *Event, expireAt int64) {
	if o.indexed[side] {
		o.indexKey = appendEventTail(appendIndexPrefix(o.indexKey[:0], e.Key, o.attribute), side, e.Time, e.Seq)
		o.batch.Put(o.indexKey, nil, expireAt)
	}
}

// deleteFromIndex deletes the event of a timer from the index, for stores that do not expire it.
func (j *intervalJoin) deleteFromIndex(t timer) error {
	if !j.indexed[t.side] {
		return nil
	}
	e := Event{Time: j.timeOf(t), Seq: t.seq}
	j.beginSample(t.escaped)
	e.Key = j.sample.Left.Key
	j.key = appendEventTail(appendEventPrefix(j.key[:0], e.Key), t.side, e.Time, e.Seq)
	value, err := j.store.Get(nil, j.key)
	if err != nil {
		return fmt.Errorf("get a %v event that is done: %w", t.side, err)
	}
	e.Value = value
	if _, err := j.seek(t.side, &e); err != nil {
		return err
	}
	j.indexKey = appendEventTail(appendIndexPrefix(j.indexKey[:0], e.Key, j.attribute), t.side, e.Time, e.Seq)
	j.batch.Delete(j.indexKey)
	return nil
}

// readIndexed is readEvents by way of the index.
func (o *Operator) readIndexed(events []Event, side Side, key []byte, from, to int64) ([]Event, error) {
	first := len(events)
	events, err := o.readIndex(events, side, key, from, to)
	if err != nil || len(events) == first {
		return events, err
	}
	o.missing = len(o.leads)
	err = statelab.MultiGet(o.store, o.leads, func(i int, value []byte) {
		events[first+i].Value = o.keep(value)
		o.missing--
	})
	if err != nil {
		return events, fmt.Errorf("get what the index leads to: %w", err)
	}
	if o.missing > 0 {
		return events, alarm("%d of %d events that the index leads to are gone", o.missing, len(o.leads))
	}
	return events, nil
}

// readIndex appends the events that the index leads to, without their values, and leaves their keys in o.leads.
func (o *Operator) readIndex(events []Event, side Side, key []byte, from, to int64) ([]Event, error) {
	prefix := appendIndexPrefix(o.seekKey[:0], key, o.attribute)
	o.indexTo = appendEventBound(append(o.indexTo[:0], prefix...), side, to+1)
	o.seekKey = appendEventBound(prefix, side, from)
	it, err := o.store.Iter(statelab.Range{Lower: o.seekKey, Upper: o.indexTo})
	if err != nil {
		return events, readError("probe the index", err)
	}
	defer it.Close()
	o.leads, o.leadBytes = o.leads[:0], o.leadBytes[:0]
	for it.Next() {
		_, at, seq, ok := decodeEventTail(it.Key())
		if !ok {
			return events, alarm("key %x is not of an index", it.Key())
		}
		events = append(events, Event{Key: key, Time: at, Seq: seq})
		n := len(o.leadBytes) // earlier keys stay valid when leadBytes moves
		o.leadBytes = appendEventTail(appendEventPrefix(o.leadBytes, key), side, at, seq)
		o.leads = append(o.leads, o.leadBytes[n:len(o.leadBytes):len(o.leadBytes)])
	}
	if err := it.Close(); err != nil {
		return events, readError("probe the index", err)
	}
	return events, nil
}

// assembleMatching reads the left event of j.sample, and the right events that match it.
func (j *intervalJoin) assembleMatching() error {
	s := &j.sample
	j.key = appendEventTail(appendEventPrefix(j.key[:0], s.Left.Key), Left, s.Left.Time, s.Left.Seq)
	var err error
	if s.Left.Value, err = j.fetch(); err != nil {
		return j.leftIsGone(err)
	}
	if _, err := j.seek(Left, &s.Left); err != nil {
		return err
	}
	if s.Rights, err = j.readEvents(s.Rights, Right, s.Left.Key, s.Left.Time+j.lower, s.Left.Time+j.upper); err != nil {
		return err
	}
	for i := range s.Rights {
		j.mark(s.Rights[i].Time+j.linger, s.Left.Key, Right, s.Rights[i].Seq)
	}
	return nil
}
