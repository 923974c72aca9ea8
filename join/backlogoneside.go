package join

// A dedupFirstBacklog sees the events of a key as they arrived.
type dedupFirstBacklog struct {
	*Backlog
	window int64 // µs; 0 is for ever
	found  bool
	kept   int64  // time of the event that was kept last,
	seq    uint64 // and its sequence
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
	d.found, d.kept, d.seq = true, e.Time, e.Seq
	c.side[Left].unmatched++
	c.samples++
	return d.emitArrived(d.begin(e), arrival)
}

// endKey leaves the mark that an operator would have, if the key's next event may need it.
func (d *dedupFirstBacklog) endKey() error {
	found := d.found
	d.found = false
	if o := d.to; o != nil && found {
		if expireAt := o.logic.expiry(Left, d.kept); d.waits(expireAt - 1) {
			o.key = appendEventPrefix(o.key[:0], d.keyBuf)
			o.bound = appendTime(o.bound[:0], d.kept)
			o.batch.Put(o.key, o.bound, expireAt)
			if o.deletes && d.window > 0 {
				o.setTimer(expireAt-1, d.keyBuf, Left, d.seq, nil)
			}
			return d.applyIfLarge()
		}
	}
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
	held := d.last.all()
	if err := d.settle(len(held) > 0 && e.Time < held[0].Time+d.window); err != nil {
		return err
	}
	d.last.add(e, arrival)
	return nil
}

func (d *dedupLastBacklog) endKey() error { return d.settle(false) }

// settle decides the event that is held, or keeps it if its window has not passed.
func (d *dedupLastBacklog) settle(followed bool) error {
	for _, e := range d.last.all() {
		firesAt := e.Time + d.window - 1
		c := &d.counts
		switch {
		case d.waits(firesAt):
			if err := d.keepWithTimer(Left, &e.Event, firesAt, false); err != nil {
				return err
			}
		case followed:
			c.side[Left].matched++
			c.dropped++
		default:
			c.side[Left].unmatched++
			c.samples++
			if err := d.emitFired(d.begin(e.Event), firesAt); err != nil {
				return err
			}
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
	if firesAt := held[n-1].Time + j.gap; j.waits(firesAt) {
		return j.keepOpen(held)
	}
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

// keepOpen keeps a session that may go on. Of events whose timers have fired only those are left.
func (j *sessionBacklog) keepOpen(held []heldEvent) error {
	for i := range held {
		e := &held[i].Event
		if at := e.Time + j.gap; j.waits(at) {
			j.to.setTimer(at, e.Key, Left, e.Seq, nil)
		}
		if err := j.keep(Left, e); err != nil {
			return err
		}
	}
	j.events.clear()
	return nil
}
