package join

import "github.com/statelab/statelab"

// What an interval join does with an event as it arrives, where samples are
// emitted on match or late events correct. Partners that arrived earlier are read
// from the store and from the mini-batch.
//
// A left event is decided once the watermark, as far as timers have fired, has
// passed its firing time. A late right event can find left events that are
// decided; with OnMatch any right event finds those that are not.

// arrive is take for such joins.
func (j *intervalJoin) arrive(side Side, e Event) error {
	j.beginSample(nil)
	if side == Left {
		return j.leftArrives(e)
	}
	return j.rightArrives(e)
}

func (j *intervalJoin) leftArrives(e Event) error {
	s := &j.sample
	s.Left = e
	decided := e.Time+j.hold < j.fired
	if decided || j.emit == OnMatch {
		var err error
		if s.Rights, err = j.partners(s.Rights, Right, e.Key, e.Time+j.lower, e.Time+j.upper); err != nil {
			return err
		}
	}
	j.counts.pairs += int64(len(s.Rights))
	for i := range s.Rights {
		j.mark(s.Rights[i].Time+j.linger, e.Key, Right, s.Rights[i].Seq)
	}
	j.keepEvent(Left, e)
	if decided {
		return j.decide()
	}
	j.counts.side[Left].waiting++
	if len(s.Rights) == 0 {
		j.setTimer(e.Time+j.hold, e.Key, Left, e.Seq, nil)
		return nil
	}
	j.setTimer(e.Time+j.hold, e.Key, Left, e.Seq, markedValue)
	j.marks.add(Left, e.Seq)
	return j.emitSample(s)
}

func (j *intervalJoin) rightArrives(e Event) error {
	var err error
	if j.lefts, err = j.partners(j.lefts[:0], Left, e.Key, e.Time-j.upper, e.Time-j.lower); err != nil {
		return err
	}
	matched := false
	kept := len(j.arena)
	for i := range j.lefts {
		l := &j.lefts[i]
		decided := l.Time+j.hold < j.fired
		if !decided && j.emit == OnWatermark {
			continue // finds e when it fires
		}
		matched = true
		j.arena = j.arena[:kept]
		if err := j.pair(l, &e, decided); err != nil {
			return err
		}
	}
	c := &j.counts.side[Right]
	doneAt := e.Time + j.linger
	switch {
	case doneAt >= j.fired:
		c.waiting++
		j.keepEvent(Right, e)
		if !matched {
			j.setTimer(doneAt, e.Key, Right, e.Seq, nil)
			break
		}
		j.setTimer(doneAt, e.Key, Right, e.Seq, markedValue)
		j.marks.add(Right, e.Seq)
	case matched:
		c.matched++
	default:
		c.unmatched++
	}
	return nil
}

// keepEvent keeps an event for partners that are still to come, if any can be.
func (j *intervalJoin) keepEvent(side Side, e Event) {
	if j.retains(side, e.Time) {
		j.batch.Put(j.key, e.Value, j.expiry(side, e.Time))
		j.index(side, &e, j.expiry(side, e.Time))
		j.pending.add(side, e, j.attribute)
	}
}

// pair emits what a right event makes of a left one that was there before it.
func (j *intervalJoin) pair(l, r *Event, decided bool) error {
	j.counts.pairs++
	s := &j.sample
	*s = Sample{Left: *l, Rights: s.Rights[:0]}
	outer := j.spec.Kind == LeftOuter
	if outer || decided {
		var err error
		if s.Rights, err = j.partners(s.Rights, Right, l.Key, l.Time+j.lower, l.Time+j.upper); err != nil {
			return err
		}
	}
	first := len(s.Rights) == 0
	switch {
	case !decided:
		j.mark(l.Time+j.hold, l.Key, Left, l.Seq)
		s.Correction = outer && !first
	case first:
		s.Correction = j.revise(l)
	default:
		s.Correction = outer
	}
	if s.Correction {
		j.counts.corrections++
	}
	if !outer {
		s.Rights = s.Rights[:0]
	}
	s.Rights = append(s.Rights, *r)
	sortEvents(s.Rights)
	return j.emitSample(s)
}

// revise counts a left event as matched that had been decided to be unmatched,
// and says whether it was emitted then.
func (j *intervalJoin) revise(l *Event) (emitted bool) {
	c := &j.counts.side[Left]
	c.unmatched--
	c.matched++
	if j.keepsNegative(l) {
		return true
	}
	j.counts.dropped--
	j.counts.samples++
	return false
}

// fireMatched decides a left event whose pairs were emitted as they came.
func (j *intervalJoin) fireMatched(t timer, value []byte) error {
	c := &j.counts.side[Left]
	if j.isMarked(Left, t.seq, value) {
		c.waiting--
		c.matched++
		j.counts.samples++
		return nil
	}
	j.beginSample(t.escaped)
	s := &j.sample
	s.Left.Time, s.Left.Seq = t.time-j.hold, t.seq
	if j.keepsNegative(&s.Left) {
		j.key = appendEventTail(appendEventPrefix(j.key[:0], s.Left.Key), Left, s.Left.Time, s.Left.Seq)
		var err error
		if s.Left.Value, err = j.fetch(); err != nil {
			return j.leftIsGone(err)
		}
	}
	c.waiting--
	return j.decide()
}

// partners appends to events those of a side, key and range of times that are
// kept for partners, in the order of time and sequence.
func (j *intervalJoin) partners(events []Event, side Side, key []byte, from, to int64) ([]Event, error) {
	if j.fired != statelab.MinWatermark {
		from = max(from, j.fired-j.retention[side&1]) // or it would depend on how far the store has been advanced
	}
	n, kept := len(events), len(j.arena)
	for lost := 0; ; lost++ {
		var err error
		events, err = j.readEvents(events[:n], side, key, from, to)
		if err == nil {
			break
		}
		if err != errSnapshotLost || lost == lostLimit {
			return events[:n], err
		}
		j.arena = j.arena[:kept]
	}
	events, unsorted := j.pending.appendPartners(events, side, key, j.attribute, from, to)
	if unsorted {
		sortEvents(events[n:])
	}
	return events, nil
}
