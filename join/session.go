package join

import "math"

// A sessions is the logic of Session. Each event is one record with one timer,
// Gap after its time. If another event has followed by then, the session goes on
// and the timer means nothing; otherwise it is over. How long an event has to wait
// for that is not known when it arrives, so the records of events do not expire
// but are deleted with their session.
type sessions struct {
	*Operator
	gap int64 // µs
}

func (s *sessions) take(_ Side, e Event) error {
	s.batch.Put(s.key, e.Value, s.expiry(Left, e.Time))
	s.setTimer(e.Time+s.gap, e.Key, Left, e.Seq, nil)
	s.counts.side[Left].waiting++
	return nil
}

func (s *sessions) expiry(Side, int64) int64 { return math.MaxInt64 }

func (s *sessions) fire(t timer, _ []byte) error {
	followed, err := s.readWithFollower(t, s.gap)
	if err != nil || followed {
		return err
	}
	sample := &s.sample
	if err := s.collect(t); err != nil {
		return err
	}
	events := sample.Rights
	n := int64(len(events))
	s.deleteEvents(Left, t.escaped, events)
	c := &s.counts.side[Left]
	c.waiting -= n
	c.unmatched++
	c.matched += n - 1
	s.counts.pairs += n - 1
	s.counts.samples++
	sample.Left, sample.Rights = events[0], events[1:]
	err = s.emitSample(sample)
	sample.Rights = events[:0]
	return err
}

// collect reads the session whose last event is that of a timer into
// sample.Rights. Sessions before it have been deleted, though the deletes may still
// lie in the batch.
func (s *sessions) collect(t timer) error {
	sample := &s.sample
	key, last := sample.Left.Key, sample.Left.Time
	var err error
	if sample.Rights, err = s.readEvents(sample.Rights, Left, key, math.MinInt64, last); err != nil {
		return err
	}
	events := sample.Rights
	if len(events) == 0 || events[len(events)-1].Seq != t.seq {
		return alarm("the last event of a session, of time %d and sequence %d, is not there", last, t.seq)
	}
	from := len(events) - 1
	for from > 0 && events[from].Time-events[from-1].Time <= s.gap {
		from--
	}
	sample.Rights = events[:copy(events, events[from:])]
	return nil
}
