package bench

import "github.com/statelab/statelab/internal/draw"

// repeatSource shows identified events at a steady rate, some of which come a
// second time, as after a retry whose first attempt had succeeded.
type repeatSource struct {
	random *draw.Random
	delay  *draw.DelayLaw
	space  uint64
	gap    uint64
	repeat draw.Share

	fresh, shown uint64 // distinct identifiers, and events, shown
	clock        int64  // time of the next new identifier
	agenda       draw.Agenda
}

func newRepeatSource(seed uint64, k Knobs) *repeatSource {
	return &repeatSource{
		random: draw.New(seed, repeatStream),
		delay:  draw.LogNormal(k["delay_median_s"], delaySigma),
		space:  draw.Mix(seed) + repeatStream,
		gap:    meanGap(k),
		repeat: draw.ShareOf(k["repeat_share"]),
	}
}

func (s *repeatSource) next(ev *event) {
	if at, ok := s.agenda.Next(); ok && at < s.clock {
		due := s.agenda.Take()
		*ev = event{seq: s.shown, time: due.Time, key: idOf(s.space, due.Of), of: due.Of, since: due.Since}
		s.shown++
		return
	}
	*ev = event{seq: s.shown, time: s.clock, key: idOf(s.space, s.fresh)}
	if s.random.Hits(s.repeat) {
		s.agenda.Add(s.fresh, s.clock, s.delay.Draw(s.random))
	}
	s.shown++
	s.fresh++
	s.clock += nextGap(s.random, s.gap)
}
