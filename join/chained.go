package join

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"

	"github.com/statelab/statelab"
)

// A chainedJoin is the logic of ThreeWay, planned Chained: two joins of two inputs, the second of which gets what
// the first one emits. It is what a system does that knows joins of two inputs alone, and what threeWay is judged against.
//
//	left ──────────┐
//	               ├─ first ─▶ pairs ─┐
//	right, first ──┘                  ├─ second ─▶ triples
//	right, second ────────────────────┘
//
// Both have their state in the one store. The first keeps events as every kind does (keys.go), under the tag 0x02. The
// second keeps, under a tag of its own,
//
//	pair   0x03 group(2) joinkey 0 time(8) seq(8) time(8) seq(8)   times and sequences of the left event and of the right one
//	event  0x03 group(2) joinkey 1 time(8) seq(8)                  the event's value
//
// A pair's value is the length of the left event's value, as an unsigned varint, that value, and the right event's:
// a copy of what the first keeps, as a join has it that does not know where its input came from. It expires when the first of
// its events does, and is deleted with the left one where the store keeps the dead. The timers of all events are alike.
//
// A mini-batch of both joins is applied as one batch, so that no crash leaves a pair without its events.
type chainedJoin struct {
	*intervalJoin
	others  []Event // buffers
	thirds  []Event
	pairKey []byte
	packed  []byte
}

// The sides of the second join.
const (
	pairSide   Side = 2 + Left
	secondSide Side = 2 + Right
)

// pairTail is the length of what the key of a pair has behind that of an event.
const pairTail = 8 + 8

func (j *chainedJoin) take(side Side, e Event) error {
	j.beginSample(nil)
	matched, err := false, error(nil)
	kept := side
	switch {
	case side == Left:
		matched, err = j.leftArrives(e)
	case SourceOf(e.Seq) == 0:
		matched, err = j.firstArrives(e)
	default:
		kept = secondSide
		j.key[0] = tagSecond
		matched, err = j.secondArrives(e)
	}
	if err != nil {
		return err
	}
	if j.retains(side, e.Time) {
		j.batch.Put(j.key, e.Value, j.expiry(side, e.Time))
		j.pending.add(kept, e, nil)
	}
	j.await(side, e, matched)
	return nil
}

// leftArrives joins a left event with those of the first source.
func (j *chainedJoin) leftArrives(l Event) (matched bool, err error) {
	if j.others, err = j.partners(j.others[:0], Right, l.Key, l.Time+j.lower, l.Time+j.upper); err != nil {
		return false, err
	}
	for i := range j.others {
		has, err := j.pairArrives(&l, &j.others[i])
		if err != nil {
			return false, err
		}
		if has {
			matched = true
			j.markRight(&j.others[i])
		}
	}
	return matched, nil
}

// firstArrives joins an event of the first source with the left ones.
func (j *chainedJoin) firstArrives(r Event) (matched bool, err error) {
	if j.lefts, err = j.partners(j.lefts[:0], Left, r.Key, r.Time-j.upper, r.Time-j.lower); err != nil {
		return false, err
	}
	for i := range j.lefts {
		l := &j.lefts[i]
		has, err := j.pairArrives(l, &r)
		if err != nil {
			return false, err
		}
		if has {
			matched = true
			j.mark(l.Time+j.hold, l.Key, Left, l.Seq)
		}
	}
	return matched, nil
}

// pairArrives is the second join's: it emits a pair's triples, keeps the pair, and says whether it has any triple.
func (j *chainedJoin) pairArrives(l, r *Event) (matched bool, err error) {
	kept := len(j.arena)
	from, to := j.thirdBounds(l, r)
	if j.thirds, err = j.partners(j.thirds[:0], secondSide, l.Key, from, to); err != nil {
		return false, err
	}
	for i := range j.thirds {
		j.markRight(&j.thirds[i])
		if err := j.emitTriple(l, r, &j.thirds[i]); err != nil {
			return false, err
		}
	}
	j.arena = j.arena[:kept]
	if to >= j.fired {
		j.keepPair(l, r)
	}
	return len(j.thirds) > 0, nil
}

// thirdBounds are the times between which an event of the second source makes a triple of a pair.
func (j *chainedJoin) thirdBounds(l, r *Event) (from, to int64) {
	return max(l.Time, r.Time) + j.lower, min(l.Time+j.upper, r.Time-j.lower)
}

// pairExpiry is when a pair expires. Where it is deleted with its left event it has to be read until then.
func (j *chainedJoin) pairExpiry(l, r *Event) int64 {
	if j.deletes {
		return j.expiry(Left, l.Time)
	}
	_, to := j.thirdBounds(l, r)
	return to + 1
}

func (j *chainedJoin) keepPair(l, r *Event) {
	j.packed = binary.BigEndian.AppendUint64(appendTime(j.packed[:0], r.Time), r.Seq)
	j.packed = binary.AppendUvarint(j.packed, uint64(len(l.Value)))
	j.packed = append(append(j.packed, l.Value...), r.Value...)
	j.pairKey = appendEventTail(appendSidePrefix(j.pairKey[:0], pairSide, l.Key), pairSide, l.Time, l.Seq)
	j.pairKey = append(j.pairKey, j.packed[:pairTail]...)
	j.batch.Put(j.pairKey, j.packed[pairTail:], j.pairExpiry(l, r))
	j.pending.add(pairSide, Event{Key: l.Key, Time: l.Time, Seq: l.Seq, Value: j.packed}, nil)
}

// unpackPair returns the events of a pair that was read.
func unpackPair(p *Event) (l, r Event, ok bool) {
	if len(p.Value) < pairTail {
		return l, r, false
	}
	n, size := binary.Uvarint(p.Value[pairTail:])
	values := p.Value[pairTail+max(size, 0):]
	if size <= 0 || n > uint64(len(values)) {
		return l, r, false
	}
	l = Event{Key: p.Key, Time: p.Time, Seq: p.Seq, Value: values[:n]}
	r = Event{Key: p.Key, Time: decodeTime(p.Value), Seq: binary.BigEndian.Uint64(p.Value[8:]), Value: values[n:]}
	return l, r, true
}

// secondArrives joins an event of the second source with the pairs.
func (j *chainedJoin) secondArrives(e Event) (matched bool, err error) {
	if j.others, err = j.partners(j.others[:0], pairSide, e.Key, e.Time-j.upper, e.Time-j.lower); err != nil {
		return false, err
	}
	slices.SortFunc(j.others, func(a, b Event) int { // pairs of one left event order by what their values begin with
		return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq), bytes.Compare(a.Value, b.Value))
	})
	for i := range j.others {
		l, r, ok := unpackPair(&j.others[i])
		if !ok {
			return false, alarm("a pair of time %d and sequence %d is not whole", j.others[i].Time, j.others[i].Seq)
		}
		if !j.sameSide(&r, &e) {
			continue
		}
		matched = true
		j.mark(l.Time+j.hold, l.Key, Left, l.Seq)
		j.markRight(&r)
		if err := j.emitTriple(&l, &r, &e); err != nil {
			return false, err
		}
	}
	return matched, nil
}

func (j *chainedJoin) fire(t timer, value []byte) error {
	kept := t.side
	if j.deletes && t.side == Left {
		if err := j.deletePairs(t); err != nil {
			return err
		}
	}
	if err := j.fireEvent(t, value); err != nil || !j.deletes {
		return err
	}
	if t.side == Right && SourceOf(t.seq) == 1 {
		kept = secondSide
	}
	j.deleteEvent(t.escaped, kept, j.timeOf(t), t.seq)
	return nil
}

// deletePairs deletes the pairs of the left event of a timer. It may be repeated.
func (j *chainedJoin) deletePairs(t timer) error {
	j.bound = appendUnescaped(j.bound[:0], t.escaped)
	j.seekKey = appendEventTail(appendSidePrefix(j.seekKey[:0], pairSide, j.bound), pairSide, j.timeOf(t), t.seq)
	j.upperKey = statelab.AppendSuccessor(j.upperKey[:0], j.seekKey)
	it, err := j.store.Iter(statelab.Range{Lower: j.seekKey, Upper: j.upperKey})
	if err != nil {
		return readError("read pairs", err)
	}
	defer it.Close()
	for it.Next() {
		j.batch.Delete(it.Key())
	}
	if err := it.Close(); err != nil {
		return readError("read pairs", err)
	}
	return nil
}

// locateSecond finds the expiry of a record of the second join, whose key has tail behind its join key.
func (j *chainedJoin) locateSecond(tail []byte) (expireAt int64, ok bool) {
	switch {
	case len(tail) == eventTail && tail[0] == byte(Right):
		return j.expiry(Right, decodeTime(tail[1:])), true
	case len(tail) == eventTail+pairTail && tail[0] == byte(Left):
		return j.pairExpiry(&Event{Time: decodeTime(tail[1:])}, &Event{Time: decodeTime(tail[eventTail:])}), true
	}
	return 0, false
}
