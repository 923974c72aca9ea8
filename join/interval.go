package join

import (
	"bytes"

	"github.com/statelab/statelab"
)

// An intervalJoin is the logic of LeftOuter, Inner and Regular, and what ThreeWay rests on. Each event is one record
// and has one timer: a left event's at its firing time, where its sample is put
// together; a right event's when the last left one that it could be paired with has
// fired, where it is counted.
type intervalJoin struct {
	*Operator
	// In µs: a left event fires hold after its time, a right one is done linger
	// after its.
	lower, upper, hold, linger int64
	emit                       Emit
	atOnce                     bool    // partners are looked for as events arrive
	lefts                      []Event // a buffer
}

// quanta is in how many steps the watermark passes a window where arrivals and
// timers interleave: few, so that mini-batches are not cut short.
const quanta = 64

func newIntervalJoin(o *Operator) *intervalJoin {
	j := &intervalJoin{Operator: o, lower: micros(o.spec.Lower), upper: micros(o.spec.Upper), emit: o.spec.Emit}
	if o.spec.Kind == Regular || o.spec.Kind == ThreeWay {
		j.lower, j.upper, j.emit = -micros(o.spec.TTL[Right]), micros(o.spec.TTL[Left]), OnMatch
	}
	o.corrects = o.spec.Correct
	j.atOnce = o.corrects || j.emit == OnMatch
	j.hold = max(j.upper, 0)
	j.linger = j.hold - j.lower
	if o.spec.Kind != LeftOuter && j.emit == OnMatch && !o.corrects {
		// Nothing is emitted when timers fire, and no sample is emitted again: an
		// event is kept until its last partner can have come, and no longer.
		j.hold, j.linger = j.upper, -j.lower
	} else if j.atOnce {
		j.linger += micros(o.spec.Lateness)
		o.quantum = max(j.linger/quanta, 1)
	}
	o.indexed = [2]bool{Left: o.spec.Match == ByIndex && j.atOnce, Right: o.spec.Match == ByIndex}
	o.retention = [2]int64{j.hold + micros(o.spec.Lateness), j.linger}
	return j
}

func (j *intervalJoin) take(side Side, e Event) error {
	if j.atOnce {
		return j.arrive(side, e)
	}
	j.batch.Put(j.key, e.Value, j.expiry(side, e.Time))
	j.index(side, &e, j.expiry(side, e.Time))
	j.setTimer(e.Time+j.retention[side], e.Key, side, e.Seq, nil)
	j.counts.side[side].waiting++
	return nil
}

func (j *intervalJoin) expiry(side Side, at int64) int64 { return at + j.retention[side] + 1 }

func (j *intervalJoin) fire(t timer, value []byte) error {
	if err := j.fireEvent(t, value); err != nil {
		return err
	}
	if j.deletes {
		if err := j.deleteFromIndex(t); err != nil {
			return err
		}
		// No timer needs the event any more: a right event's is the last of those that could.
		j.deleteEvent(t.escaped, t.side, j.timeOf(t), t.seq)
	}
	return nil
}

// wanted is the left event itself: of a negative that was not emitted yet, or of one whose partners its attribute leads to.
func (j *intervalJoin) wanted(dst []byte, t timer, value []byte) ([]byte, bool) {
	switch {
	case t.side != Left:
		return dst, false
	case j.emit == OnMatch:
		j.bound = appendUnescaped(j.bound[:0], t.escaped)
		if j.spec.Kind != LeftOuter || j.isMarked(Left, t.seq, value) || !j.keepsNegative(&Event{Key: j.bound, Seq: t.seq}) {
			return dst, false
		}
	case j.spec.Match == ByKey:
		return dst, false
	}
	return appendEventOf(dst, t, j.timeOf(t)), true
}

// timeOf is that of the event which a timer is of.
func (j *intervalJoin) timeOf(t timer) int64 {
	if t.side == Left {
		return t.time - j.hold
	}
	return t.time - j.linger
}

func (j *intervalJoin) fireEvent(t timer, value []byte) error {
	if t.side == Left {
		return j.fireLeft(t, value)
	}
	j.fireRight(t, value)
	return nil
}

// fireRight counts a right event for which no left one can come any more.
func (j *intervalJoin) fireRight(t timer, value []byte) {
	c := &j.counts.side[Right]
	c.waiting--
	if j.isMarked(Right, t.seq, value) {
		c.matched++
	} else {
		c.unmatched++
	}
}

// fireLeft decides a left event.
func (j *intervalJoin) fireLeft(t timer, value []byte) error {
	if j.emit == OnMatch {
		return j.fireMatched(t, value)
	}
	if err := j.assemble(t); err != nil {
		return err
	}
	j.counts.side[Left].waiting--
	j.counts.pairs += int64(len(j.sample.Rights))
	return j.decide()
}

// decide counts the left event of j.sample by whether it has right events, and
// emits it if it is to be.
func (j *intervalJoin) decide() error {
	c := &j.counts.side[Left]
	if len(j.sample.Rights) > 0 {
		c.matched++
	} else {
		c.unmatched++
		if !j.keepsNegative(&j.sample.Left) {
			j.counts.dropped++
			return nil
		}
	}
	j.counts.samples++
	return j.emitSample(&j.sample)
}

// assemble reads the left event of a timer and its right events into j.sample.
func (j *intervalJoin) assemble(t timer) error {
	j.beginSample(t.escaped)
	s := &j.sample
	s.Left.Time, s.Left.Seq = t.time-j.hold, t.seq
	if j.spec.Match != ByKey {
		return j.assembleMatching()
	}

	prefix := appendEventPrefix(j.key[:0], s.Left.Key)
	n := len(prefix)
	j.key = appendEventTail(prefix, Left, s.Left.Time, s.Left.Seq)
	// The range begins at the left event itself and ends with the join key: one
	// positioning reads the event and, in the usual case of one left event per
	// key, has its right events next.
	j.upperKey = statelab.AppendSuccessor(j.upperKey[:0], j.key[:n])
	it, err := j.store.Iter(statelab.Range{Lower: j.key, Upper: j.upperKey})
	if err != nil {
		return readError("probe", err)
	}
	defer it.Close()
	if !it.First() || !bytes.Equal(it.Key(), j.key) {
		if err := it.Close(); err != nil {
			return readError("probe", err)
		}
		return j.leftIsGone(statelab.ErrNotFound)
	}
	s.Left.Value = j.keep(it.Value())
	if err := j.collectRights(it, n); err != nil {
		return err
	}
	if err := it.Close(); err != nil {
		return readError("probe", err)
	}
	return nil
}

// collectRights adds to j.sample the right events within its bounds. it stands
// on the left event; prefixLen is the length of its key's prefix.
func (j *intervalJoin) collectRights(it statelab.Iterator, prefixLen int) error {
	s := &j.sample
	from, to := s.Left.Time+j.lower, s.Left.Time+j.upper
	if !it.Next() {
		return nil
	}
	// Later left events of the key, or right events before the bounds, may
	// stand between; the keys of a prefix order by side, then time.
	j.bound = appendEventBound(j.bound[:0], Right, from)
	if bytes.Compare(it.Key()[prefixLen:], j.bound) < 0 {
		j.seekKey = append(append(j.seekKey[:0], j.key[:prefixLen]...), j.bound...)
		if !it.SeekGE(j.seekKey) {
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
		s.Rights = append(s.Rights, Event{Key: s.Left.Key, Time: at, Seq: seq, Value: j.keep(it.Value())})
		j.mark(at+j.linger, s.Left.Key, Right, seq)
	}
	return nil
}
