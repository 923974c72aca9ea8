package join

import "math"

// A backlogLogic is what a Backlog does for one kind of join with the events of one
// key after the other. Those of a key come in the order of (ordinal, side, time,
// sequence), where ordinal chooses the order that needs the fewest of them at once.
type backlogLogic interface {
	ordinal(side Side, at int64, arrival uint64) (ordinal int64, rightFirst bool)

	// next takes the next event of a key. Its value is valid during the call.
	next(side Side, e Event, arrival uint64) error

	// endKey says that the key has no further events.
	endKey() error
}

func newBacklogLogic(b *Backlog) backlogLogic {
	s := &b.spec
	switch s.Kind {
	case Tumbling:
		return &tumblingBacklog{Backlog: b, windows: tumblingJoin{length: micros(s.Window)}, last: noWindow}
	case Temporal:
		return &temporalBacklog{Backlog: b, ttl: micros(s.TTL[Right])}
	case Dedup:
		if s.Keep == KeepLast {
			return &dedupLastBacklog{Backlog: b, window: micros(s.Window)}
		}
		return &dedupFirstBacklog{Backlog: b, window: micros(s.Window)}
	case Session:
		return &sessionBacklog{Backlog: b, gap: micros(s.Gap)}
	}
	// What an operator does with times is asked of its own logic.
	return &intervalBacklog{Backlog: b, intervals: newIntervalJoin(&Operator{spec: *s})}
}

// An intervalBacklog sorts a left event by the end of its window, so that all its right
// events have come before it, and keeps those that a later left event may need.
type intervalBacklog struct {
	*Backlog
	intervals *intervalJoin // knows the bounds, and when timers fire
	rights    heldEvents
}

func (j *intervalBacklog) ordinal(side Side, at int64, _ uint64) (int64, bool) {
	if side == Left {
		return at + j.intervals.upper, true
	}
	return at, true
}

func (j *intervalBacklog) next(side Side, e Event, arrival uint64) error {
	if side == Right {
		j.rights.add(e, arrival)
		return nil
	}
	if err := j.dropBefore(e.Time + j.intervals.lower); err != nil {
		return err
	}
	held := j.rights.all()
	firesAt := e.Time + j.intervals.hold
	if j.waits(firesAt) {
		return j.leftWaits(e, firesAt, arrival, held)
	}
	c := &j.counts
	c.pairs += int64(len(held))
	if len(held) == 0 {
		c.side[Left].unmatched++
		keeps := false
		if keeps, j.bound = j.spec.keepsNegative(j.bound, &e); !keeps {
			c.dropped++
			return nil
		}
	} else {
		c.side[Left].matched++
	}
	c.samples++
	if j.intervals.atOnce {
		return j.emitPairs(e, arrival, held)
	}
	s := j.begin(e)
	for i := range held {
		held[i].matched = true
		s.Rights = append(s.Rights, held[i].Event)
	}
	return j.emitFired(s, firesAt)
}

// leftWaits keeps a left event that is not decided. Where pairs are emitted at once, those
// that it has are.
func (j *intervalBacklog) leftWaits(e Event, firesAt int64, arrival uint64, held []heldEvent) error {
	if !j.intervals.atOnce {
		return j.keepWithTimer(Left, &e, firesAt, false)
	}
	j.counts.pairs += int64(len(held))
	if err := j.keepWithTimer(Left, &e, firesAt, len(held) > 0); err != nil {
		return err
	}
	return j.emitPairs(e, arrival, held)
}

// emitPairs emits each pair where the later of the two arrived: all that were there
// before the left event with it, and every other by itself.
func (j *intervalBacklog) emitPairs(e Event, arrival uint64, held []heldEvent) error {
	s := j.begin(e)
	for i := range held {
		held[i].matched = true
		if held[i].arrival < arrival {
			s.Rights = append(s.Rights, held[i].Event)
		}
	}
	if len(s.Rights) > 0 {
		if err := j.emitArrived(s, arrival); err != nil {
			return err
		}
	}
	for i := range held {
		if held[i].arrival > arrival {
			s.Rights = append(s.Rights[:0], held[i].Event)
			if err := j.emitArrived(s, held[i].arrival); err != nil {
				return err
			}
		}
	}
	return nil
}

// dropBefore drops the right events below a time, with which no further left one of the backlog can be paired.
func (j *intervalBacklog) dropBefore(at int64) error {
	for len(j.rights.all()) > 0 && j.rights.all()[0].Time < at {
		r := &j.rights.all()[0]
		if err := j.settleRight(r, r.Time+j.intervals.linger); err != nil {
			return err
		}
		j.rights.drop()
	}
	return nil
}

func (j *intervalBacklog) endKey() error {
	if err := j.dropBefore(math.MaxInt64); err != nil {
		return err
	}
	j.rights.clear()
	return nil
}

// settleRight counts a right event that is done, or keeps it if it is done later.
func (b *Backlog) settleRight(r *heldEvent, doneAt int64) error {
	if b.waits(doneAt) {
		return b.keepWithTimer(Right, &r.Event, doneAt, r.matched)
	}
	b.countRight(r.matched)
	return nil
}

// begin makes the sample of a left event, without right ones.
func (b *Backlog) begin(left Event) *Sample {
	b.sample = Sample{Left: left, Rights: b.sample.Rights[:0]}
	return &b.sample
}

func (b *Backlog) countRight(matched bool) {
	if matched {
		b.counts.side[Right].matched++
	} else {
		b.counts.side[Right].unmatched++
	}
}

// noWindow is further in the past than any window.
const noWindow = math.MinInt64

// A tumblingBacklog has the right events of a window before its left ones.
type tumblingBacklog struct {
	*Backlog
	windows tumblingJoin // knows them
	last    int64        // microsecond of the window
	lefts   int64        // of the window
	rights  heldEvents
}

func (j *tumblingBacklog) ordinal(_ Side, at int64, _ uint64) (int64, bool) {
	return j.windows.lastOf(at), true
}

func (j *tumblingBacklog) next(side Side, e Event, arrival uint64) error {
	if last := j.windows.lastOf(e.Time); last != j.last {
		if err := j.endKey(); err != nil {
			return err
		}
		j.last = last
	}
	if j.waits(j.last) {
		j.to.setTimer(j.last, e.Key, Left, 0, nil)
		return j.keep(side, &e)
	}
	if side == Right {
		j.rights.add(e, arrival)
		return nil
	}
	j.lefts++
	held := j.rights.all()
	if len(held) == 0 {
		return nil
	}
	s := j.begin(e)
	for i := range held {
		s.Rights = append(s.Rights, held[i].Event)
	}
	return j.emitFired(s, j.last)
}

func (j *tumblingBacklog) endKey() error {
	j.counts.countWindow(j.lefts, int64(len(j.rights.all())))
	j.lefts, j.last = 0, noWindow
	j.rights.clear()
	return nil
}

// A temporalBacklog keeps the version that is in force.
type temporalBacklog struct {
	*Backlog
	ttl     int64 // µs; 0: until the next version
	version heldEvents
}

func (j *temporalBacklog) ordinal(_ Side, at int64, _ uint64) (int64, bool) { return at, true }

func (j *temporalBacklog) next(side Side, e Event, arrival uint64) error {
	if side == Right {
		if err := j.settle(!j.waits(e.Time)); err != nil {
			return err
		}
		j.version.add(e, arrival)
		return nil
	}
	if j.waits(e.Time) {
		return j.keepWithTimer(Left, &e, e.Time, false)
	}
	s := j.begin(e)
	c := &j.counts
	c.samples++
	if held := j.version.all(); len(held) > 0 && (j.ttl == 0 || held[0].Time+j.ttl >= e.Time) {
		held[0].matched = true
		s.Rights = append(s.Rights, held[0].Event)
		c.side[Left].matched++
		c.pairs++
	} else {
		c.side[Left].unmatched++
	}
	return j.emitFired(s, e.Time)
}

func (j *temporalBacklog) endKey() error { return j.settle(false) }

// settle lets go of the version in force: it is counted if another has replaced it, or if it has ended, and
// kept otherwise.
func (j *temporalBacklog) settle(replaced bool) error {
	for i := range j.version.all() {
		v := &j.version.all()[i]
		end := (&temporalJoin{ttl: j.ttl}).endOf(v.Time)
		if replaced || !j.waits(end) {
			j.countRight(v.matched)
			continue
		}
		if j.waits(v.Time) {
			j.to.setTimer(v.Time, v.Key, Right, v.Seq, beginsValue)
		}
		if err := j.keepWithTimer(Right, &v.Event, end, v.matched); err != nil {
			return err
		}
	}
	j.version.clear()
	return nil
}
