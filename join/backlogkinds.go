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
	i := &intervalBacklog{Backlog: b, lower: micros(s.Lower), upper: micros(s.Upper), atOnce: s.Emit == OnMatch}
	if s.Kind == Regular {
		i.lower, i.upper, i.atOnce = -micros(s.TTL[Right]), micros(s.TTL[Left]), true
	}
	return i
}

// An intervalBacklog sorts a left event by the end of its window, so that all its right
// events have come before it, and keeps those that a later left event may need.
type intervalBacklog struct {
	*Backlog
	lower, upper int64
	atOnce       bool
	rights       heldEvents
}

func (j *intervalBacklog) ordinal(side Side, at int64, _ uint64) (int64, bool) {
	if side == Left {
		return at + j.upper, true
	}
	return at, true
}

func (j *intervalBacklog) next(side Side, e Event, arrival uint64) error {
	if side == Right {
		j.rights.add(e, arrival)
		return nil
	}
	j.dropBefore(e.Time + j.lower)
	held := j.rights.all()
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
	if j.atOnce {
		return j.emitPairs(e, arrival, held)
	}
	s := j.begin(e)
	for i := range held {
		held[i].matched = true
		s.Rights = append(s.Rights, held[i].Event)
	}
	return j.emitFired(s, e.Time+max(j.upper, 0))
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

// dropBefore counts and drops the right events below a time.
func (j *intervalBacklog) dropBefore(at int64) {
	for _, r := range j.rights.all() {
		if r.Time >= at {
			break
		}
		j.countRight(r.matched)
		j.rights.drop()
	}
}

func (j *intervalBacklog) endKey() error {
	for _, r := range j.rights.all() {
		j.countRight(r.matched)
	}
	j.rights.clear()
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
		if err := j.endKey(); err != nil {
			return err
		}
		j.version.add(e, arrival)
		return nil
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

func (j *temporalBacklog) endKey() error {
	for _, v := range j.version.all() {
		j.countRight(v.matched)
	}
	j.version.clear()
	return nil
}

// A dedupFirstBacklog sees the events of a key as they arrived.
type dedupFirstBacklog struct {
	*Backlog
	window int64 // µs; 0 is for ever
	found  bool
	kept   int64 // time of the event that was kept last
}

func (d *dedupFirstBacklog) ordinal(_ Side, _ int64, arrival uint64) (int64, bool) {
	return int64(arrival), false
}

func (d *dedupFirstBacklog) next(_ Side, e Event, arrival uint64) error {
	c := &d.counts
	if d.found && (d.window == 0 || e.Time < d.kept+d.window) {
		c.side[Left].matched++
		c.dropped++
		return nil
	}
	d.found, d.kept = true, e.Time
	c.side[Left].unmatched++
	c.samples++
	return d.emitArrived(d.begin(e), arrival)
}

func (d *dedupFirstBacklog) endKey() error {
	d.found = false
	return nil
}

// A dedupLastBacklog keeps an event until the next one shows whether it is repeated.
type dedupLastBacklog struct {
	*Backlog
	window int64 // µs
	last   heldEvents
}

func (d *dedupLastBacklog) ordinal(_ Side, at int64, _ uint64) (int64, bool) { return at, false }

func (d *dedupLastBacklog) next(_ Side, e Event, arrival uint64) error {
	if held := d.last.all(); len(held) > 0 && e.Time < held[0].Time+d.window {
		d.counts.side[Left].matched++
		d.counts.dropped++
		d.last.clear()
	} else if err := d.endKey(); err != nil {
		return err
	}
	d.last.add(e, arrival)
	return nil
}

func (d *dedupLastBacklog) endKey() error {
	for _, e := range d.last.all() {
		d.counts.side[Left].unmatched++
		d.counts.samples++
		if err := d.emitFired(d.begin(e.Event), e.Time+d.window-1); err != nil {
			return err
		}
	}
	d.last.clear()
	return nil
}

// A sessionBacklog keeps the events of a session.
type sessionBacklog struct {
	*Backlog
	gap    int64 // µs
	events heldEvents
}

func (j *sessionBacklog) ordinal(_ Side, at int64, _ uint64) (int64, bool) { return at, false }

func (j *sessionBacklog) next(_ Side, e Event, arrival uint64) error {
	if held := j.events.all(); len(held) > 0 && e.Time-held[len(held)-1].Time > j.gap {
		if err := j.endKey(); err != nil {
			return err
		}
	}
	j.events.add(e, arrival)
	return nil
}

func (j *sessionBacklog) endKey() error {
	held := j.events.all()
	if len(held) == 0 {
		return nil
	}
	n := int64(len(held))
	c := &j.counts
	c.samples++
	c.side[Left].unmatched++
	c.side[Left].matched += n - 1
	c.pairs += n - 1
	s := j.begin(held[0].Event)
	for _, e := range held[1:] {
		s.Rights = append(s.Rights, e.Event)
	}
	err := j.emitFired(s, held[n-1].Time+j.gap)
	j.events.clear()
	return err
}
