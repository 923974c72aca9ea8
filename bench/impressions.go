package bench

import "github.com/statelab/statelab/internal/draw"

// impressionSource shows the events of a sample join: impressions at a steady
// rate, and the actions that users take on some of them, merged in order of time.
type impressionSource struct {
	random  *draw.Random
	payload *payload
	delay   *draw.DelayLaw
	space   uint64
	gap     uint64 // mean time between impressions, in microseconds
	acted   draw.Share

	impression, action []byte // buffers of the events' values
	shown, actions     uint64 // how many impressions and actions were shown
	clock              int64  // time of the next impression
	agenda             draw.Agenda
}

// Streams of random numbers and spaces of identifiers, one for each source.
const (
	impressionStream = 1
	repeatStream     = 2
	recordStream     = 3
	lookupStream     = 4
	arrivalStream    = 5
	behaviourStream  = 6
	churnStream      = 7
	keyValueStream   = 8
)

// delaySigma makes delays as skewed as those of clicks: with a median of 60 s,
// one in a hundred comes after 10 minutes.
const delaySigma = 1

// anotherAction is the probability that an action is followed by another, up
// to five. One in five makes 1.25 actions for an impression that has any (most
// who act, act once) and, with one in five acted upon, 1.25 events for an impression.
const (
	anotherAction = 0.2
	maxActions    = 5
)

// actionNumber sets an action's payload apart from that of every impression.
const actionNumber = 1 << 63

func newImpressionSource(seed uint64, k Knobs) *impressionSource {
	return &impressionSource{
		random:     draw.New(seed, impressionStream),
		payload:    newPayload(seed),
		delay:      draw.LogNormal(k["delay_median_s"], delaySigma),
		space:      draw.Mix(seed) + impressionStream,
		gap:        meanGap(k),
		acted:      draw.ShareOf(k["acted_share"]),
		impression: make([]byte, int(k["value_bytes"])),
		action:     make([]byte, int(k["action_bytes"])),
	}
}

// meanGap spaces arrivals so that the wanted number of them fits in one window,
// in microseconds. Tune has seen to it that one is enough.
func meanGap(k Knobs) uint64 {
	return max(1, uint64(k["window_s"]*1e6/k["live"]))
}

// nextGap draws the time to the next arrival: at least a microsecond, so that
// no two have the same time, and uniform around the mean.
func nextGap(r *draw.Random, mean uint64) int64 { return 1 + int64(r.Below(2*mean-1)) }

func (s *impressionSource) next(ev *event) {
	if due, ok := s.agenda.Next(); ok && due < s.clock {
		s.showAction(ev)
		return
	}
	s.showImpression(ev)
}

func (s *impressionSource) showImpression(ev *event) {
	number := s.shown
	s.payload.fill(s.impression, number)
	*ev = event{seq: number, time: s.clock, key: idOf(s.space, number), value: s.impression}
	if s.random.Hits(s.acted) {
		s.planActions(number)
	}
	s.shown++
	s.clock += nextGap(s.random, s.gap)
}

func (s *impressionSource) planActions(of uint64) {
	more := draw.ShareOf(anotherAction)
	for range maxActions {
		s.agenda.Add(of, s.clock, s.delay.Draw(s.random))
		if !s.random.Hits(more) {
			return
		}
	}
}

func (s *impressionSource) showAction(ev *event) {
	due := s.agenda.Take()
	s.payload.fill(s.action, actionNumber|s.actions)
	*ev = event{
		right: true, seq: s.actions, time: due.Time, key: idOf(s.space, due.Of), value: s.action,
		of: due.Of, since: due.Since,
	}
	s.actions++
}
