package join

// A threeWay is the logic of ThreeWay, planned Shared. It keeps all three inputs under one key in one
// store, where a chain of two joins would keep the pairs of the first a second time; what is
// kept, for how long, and how it is counted is as in Regular. As an event arrives its partners of the two
// other inputs are looked for.
type threeWay struct {
	*intervalJoin
	others []Event // a buffer
}

// sameSide says whether two events of the right side are within its TTL of each other.
func (j *intervalJoin) sameSide(a, b *Event) bool {
	apart := a.Time - b.Time
	return apart >= j.lower && -apart >= j.lower
}

// opposite says whether a right event is within the bounds of a left one.
func (j *threeWay) opposite(l, r *Event) bool {
	return r.Time >= l.Time+j.lower && r.Time <= l.Time+j.upper
}

func (j *threeWay) take(side Side, e Event) error {
	j.beginSample(nil)
	matched, err := false, error(nil)
	if side == Left {
		matched, err = j.leftArrives(e)
	} else {
		matched, err = j.rightArrives(e)
	}
	if err != nil {
		return err
	}
	j.keepEvent(side, e)
	j.await(side, e, matched)
	return nil
}

// await has an event wait for its timer.
func (j *intervalJoin) await(side Side, e Event, matched bool) {
	j.counts.side[side].waiting++
	if !matched {
		j.setTimer(e.Time+j.retention[side], e.Key, side, e.Seq, nil)
		return
	}
	j.setTimer(e.Time+j.retention[side], e.Key, side, e.Seq, markedValue)
	j.marks.add(side, e.Seq)
}

func (j *threeWay) leftArrives(e Event) (matched bool, err error) {
	if j.others, err = j.partners(j.others[:0], Right, e.Key, e.Time+j.lower, e.Time+j.upper); err != nil {
		return false, err
	}
	for i := range j.others {
		a := &j.others[i]
		for k := range j.others {
			b := &j.others[k]
			if SourceOf(a.Seq) != 0 || SourceOf(b.Seq) != 1 || !j.sameSide(a, b) {
				continue
			}
			matched = true
			j.markRight(a)
			j.markRight(b)
			if err := j.emitTriple(&e, a, b); err != nil {
				return false, err
			}
		}
	}
	return matched, nil
}

func (j *threeWay) rightArrives(e Event) (matched bool, err error) {
	if j.lefts, err = j.partners(j.lefts[:0], Left, e.Key, e.Time-j.upper, e.Time-j.lower); err != nil || len(j.lefts) == 0 {
		return false, err
	}
	if j.others, err = j.partners(j.others[:0], Right, e.Key, e.Time+j.lower, e.Time-j.lower); err != nil {
		return false, err
	}
	for i := range j.lefts {
		l := &j.lefts[i]
		for k := range j.others {
			other := &j.others[k]
			if SourceOf(other.Seq) == SourceOf(e.Seq) || !j.opposite(l, other) {
				continue
			}
			matched = true
			j.mark(l.Time+j.hold, l.Key, Left, l.Seq)
			j.markRight(other)
			a, b := &e, other
			if SourceOf(e.Seq) == 1 {
				a, b = other, &e
			}
			if err := j.emitTriple(l, a, b); err != nil {
				return false, err
			}
		}
	}
	return matched, nil
}

func (j *intervalJoin) markRight(r *Event) { j.mark(r.Time+j.linger, r.Key, Right, r.Seq) }

// emitTriple emits a left event with one of each source of the right side.
func (j *intervalJoin) emitTriple(l, a, b *Event) error {
	j.counts.pairs++
	s := &j.sample
	*s = Sample{Left: *l, Rights: append(s.Rights[:0], *a, *b)}
	return j.emitSample(s)
}
