package bench

import (
	"math"

	"github.com/statelab/statelab/internal/draw"
)

// A streamShape is what the streams of a joinRow are, as far as knobs do not say.
type streamShape struct {
	// laws are of the delays of what follows a left event up: of the first that
	// follows, the second and so on, the last of all others. Nil: left and right
	// events are drawn independently, with keys of a fixed set.
	laws func(Knobs) []*draw.DelayLaw
	// chained: each follows the one before, and not the left event.
	chained bool
}

// A streamSource shows the events of two streams in the order in which they arrive:
// most at their time, some after it, out of order.
//
// It draws left events, right ones and those that a filter drops at a steady rate, plans what
// follows the left ones up, and keeps what has not arrived yet in an agenda of arrivals.
// Values are made when an event is shown, so that an event that waits takes no more than its plan.
type streamSource struct {
	random  *draw.Random
	payload *payload
	space   uint64
	gap     uint64 // mean time between what is drawn, in microseconds
	lead    int64  // how far before what it follows an event may come, in microseconds

	other, left    draw.Share // of what is drawn
	law            *zipfLaw
	keys           uint64 // 0: every left event has one of its own
	laws           []*draw.DelayLaw
	chained        bool
	followed       draw.Share
	another, early draw.Share
	most           int

	disordered, late draw.Share
	lateness         int64

	values [3][]byte // buffers, by role
	seqs   [2]uint64
	stamps uint64
	drawn  uint64
	clock  int64       // time of what is drawn next
	agenda draw.Agenda // by time of arrival
}

// Roles of events.
const (
	leftRole uint8 = iota
	rightRole
	otherRole // a left event that the join filters out
)

const streamStream = 9 // the number of the sources' random stream

// turnOf tells the two sources apart that the right side of a three-way join is merged of: their
// events take turns. It returns the source and the position in it.
func turnOf(seq uint64) (source int, position uint64) { return int(seq % 2), seq / 2 }

func newStreamSource(shape streamShape, seed uint64, k Knobs) *streamSource {
	s := &streamSource{
		random: draw.New(seed, streamStream), payload: newPayload(seed), space: draw.Mix(seed) + streamStream,
		lead: k.micros("early_s"), left: draw.ShareOf(1), keys: uint64(k["keys"]), chained: shape.chained,
		disordered: draw.ShareOf(k["disorder_share"]), late: draw.ShareOf(k["late_share"]), lateness: k.micros("lateness_s"),
	}
	each := 1.0 // events for each that is drawn and not filtered out
	if shape.laws != nil {
		s.laws = shape.laws(k)
		s.followed, s.another, s.early = draw.ShareOf(k["followed_share"]), draw.ShareOf(k["another_share"]), draw.ShareOf(k["early_share"])
		s.most = int(k["most"])
		each += followers(k)
	} else {
		if left, ok := k["left_share"]; ok {
			s.left = draw.ShareOf(left)
		}
		if k["skew"] > 0 {
			s.law = newZipfLaw(int(s.keys), k["skew"])
		}
	}
	// Of all events other_share are filtered out: of what is drawn, it is so many to so many.
	// (Products are converted, so that no machine fuses one with an addition.)
	filtered, drawn := float64(k["other_share"]*each), 1-k["other_share"]
	s.other = draw.ShareOf(filtered / (filtered + drawn))
	s.gap = max(1, uint64(math.Round(1e6*each/(k["rate"]*(filtered+drawn)))))
	for role, name := range []string{"left_bytes", "right_bytes", "other_bytes"} {
		s.values[role] = make([]byte, int(k[name]))
	}
	s.clock = s.lead
	return s
}

// followers returns how many events follow a left one, in the mean.
func followers(k Knobs) float64 {
	mean, p := 0.0, k["followed_share"]
	for range int(k["most"]) {
		mean += p
		p *= k["another_share"]
	}
	return mean
}

func (s *streamSource) next(ev *event) {
	// What is drawn at the clock, and what follows it up, arrives no earlier than lead before.
	for at, ok := s.agenda.Next(); !ok || at >= s.clock-s.lead; at, ok = s.agenda.Next() {
		s.draw()
	}
	p := s.agenda.Take()
	side := 0
	if p.Role == rightRole {
		side = 1
	}
	value := s.values[p.Role]
	s.payload.fill(value, s.stamps)
	*ev = event{
		right: side == 1, other: p.Role == otherRole, seq: s.seqs[side], time: p.Since, lag: p.Time - p.Since,
		key: idOf(s.space, p.Of), value: value,
	}
	s.stamps++
	s.seqs[side]++
}

// draw plans what happens at the clock.
func (s *streamSource) draw() {
	role := leftRole
	switch {
	case s.other > 0 && s.random.Hits(s.other):
		role = otherRole
	case !s.random.Hits(s.left):
		role = rightRole
	}
	key := s.drawn
	s.drawn++
	switch {
	case s.law != nil:
		key = s.law.draw(s.random)
	case s.keys > 0:
		key = s.random.Below(s.keys)
	}
	s.plan(role, key, s.clock)
	if role == leftRole && s.laws != nil && s.random.Hits(s.followed) {
		s.follow(key)
	}
	s.clock += nextGap(s.random, s.gap)
}

// follow plans what follows the left event of a key up.
func (s *streamSource) follow(key uint64) {
	since := s.clock
	for i := range s.most {
		at := since + s.laws[min(i, len(s.laws)-1)].Draw(s.random)
		if s.early > 0 && s.lead > 0 && s.random.Hits(s.early) {
			at = s.clock - int64(s.random.Below(uint64(s.lead)))
		}
		s.plan(rightRole, key, at)
		if s.chained {
			since = at
		}
		if !s.random.Hits(s.another) {
			return
		}
	}
}

// plan plans the arrival of an event.
func (s *streamSource) plan(role uint8, key uint64, at int64) {
	arrival := at
	if s.lateness > 0 {
		switch {
		case s.random.Hits(s.late):
			arrival += s.lateness + 1 + int64(s.random.Below(uint64(s.lateness)))
		case s.random.Hits(s.disordered):
			arrival += int64(s.random.Below(uint64(s.lateness) + 1))
		}
	}
	s.agenda.Plan(draw.Due{Time: arrival, Of: key, Since: at, Role: role})
}
