package join

// A tumblingJoin is the logic of Tumbling. Each event is one record, which dies
// with its window. A window has one timer for each join key, at its last
// microsecond, however many events there are; it carries side left and sequence 0.
type tumblingJoin struct {
	*Operator
	length int64 // of a window, in µs
	lefts  []Event
}

func newTumblingJoin(o *Operator) *tumblingJoin {
	return &tumblingJoin{Operator: o, length: micros(o.spec.Window)}
}

// lastOf returns the last microsecond of the window that a time lies in.
func (j *tumblingJoin) lastOf(at int64) int64 {
	past := at % j.length
	if past < 0 {
		past += j.length
	}
	return at - past + j.length - 1
}

func (j *tumblingJoin) take(side Side, e Event) error {
	j.batch.Put(j.key, e.Value, j.expiry(side, e.Time))
	j.setTimer(j.lastOf(e.Time), e.Key, Left, 0, nil)
	j.counts.side[side].waiting++
	return nil
}

func (j *tumblingJoin) expiry(_ Side, at int64) int64 { return j.lastOf(at) + 1 }

// fire pairs all left events of a key and window with all right ones.
func (j *tumblingJoin) fire(t timer, _ []byte) error {
	j.beginSample(t.escaped)
	s := &j.sample
	key := s.Left.Key
	first := t.time - j.length + 1
	var err error
	if j.lefts, err = j.readEvents(j.lefts[:0], Left, key, first, t.time); err != nil {
		return err
	}
	if s.Rights, err = j.readEvents(s.Rights, Right, key, first, t.time); err != nil {
		return err
	}
	j.counts.side[Left].waiting -= int64(len(j.lefts))
	j.counts.side[Right].waiting -= int64(len(s.Rights))
	j.counts.countWindow(int64(len(j.lefts)), int64(len(s.Rights)))
	if j.deletes {
		j.deleteEvents(Left, t.escaped, j.lefts)
		j.deleteEvents(Right, t.escaped, s.Rights)
	}
	if len(s.Rights) == 0 {
		return nil
	}
	for _, s.Left = range j.lefts {
		if err := j.emitSample(s); err != nil {
			return err
		}
	}
	return nil
}

// countWindow counts what became of the events of a key and window.
func (c *counts) countWindow(lefts, rights int64) {
	c.pairs += lefts * rights
	if lefts > 0 && rights > 0 {
		c.side[Left].matched += lefts
		c.side[Right].matched += rights
		c.samples += lefts
		return
	}
	c.side[Left].unmatched += lefts
	c.side[Right].unmatched += rights
	c.dropped += lefts
}
