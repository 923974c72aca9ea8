package bench

// repeatSource shows identified events at a steady rate, some of which come a
// second time, as after a retry whose first attempt had succeeded.
type repeatSource struct {
	random *random
	delay  *delayLaw
	space  uint64
	gap    uint64
	repeat share

	fresh, shown uint64 // distinct identifiers, and events, shown
	clock        int64  // time of the next new identifier
	agenda       agenda
}

func newRepeatSource(seed uint64, k Knobs) *repeatSource {
	return &repeatSource{
		random: newRandom(seed, repeatStream),
		delay:  logNormalDelay(k["delay_median_s"], delaySigma),
		space:  mix(seed) + repeatStream,
		gap:    meanGap(k),
		repeat: shareOf(k["repeat_share"]),
	}
}

func (s *repeatSource) next(ev *event) {
	if at, ok := s.agenda.next(); ok && at < s.clock {
		due := s.agenda.take()
		*ev = event{seq: s.shown, time: due.time, key: idOf(s.space, due.of), of: due.of, since: due.since}
		s.shown++
		return
	}
	*ev = event{seq: s.shown, time: s.clock, key: idOf(s.space, s.fresh)}
	if s.random.hits(s.repeat) {
		s.agenda.add(s.fresh, s.clock, s.delay.draw(s.random))
	}
	s.shown++
	s.fresh++
	s.clock += nextGap(s.random, s.gap)
}
