package bench

import "github.com/statelab/statelab/internal/draw"

// behaviourSource shows what users do and, now and then, an impression that is
// made for one of them. Some users are far more active than others, and are shown
// more: both laws are the same.
type behaviourSource struct {
	random  *draw.Random
	payload *payload
	users   *zipfLaw
	space   uint64
	gap     uint64     // mean time between events, in microseconds
	shown   draw.Share // share of events that are impressions

	impression, behaviour   []byte // buffers of the events' values
	impressions, behaviours uint64 // how many were shown
	clock                   int64  // time of the next event
}

// mostShown bounds the share of impressions: no more than behaviours.
const mostShown = 0.5

func newBehaviourSource(seed uint64, k Knobs) *behaviourSource {
	users := newZipfLaw(int(k["users"]), k["skew"])
	shown := impressionShare(users, k)
	return &behaviourSource{
		random:     draw.New(seed, behaviourStream),
		payload:    newPayload(seed),
		users:      users,
		space:      draw.Mix(seed) + behaviourStream,
		gap:        max(1, uint64(k["window_s"]*1e6/k["live"]*(1-shown))),
		shown:      draw.ShareOf(shown),
		impression: make([]byte, int(k["impression_bytes"])),
		behaviour:  make([]byte, int(k["value_bytes"])),
	}
}

// impressionShare returns the share of events that are impressions, such that
// an event has the wanted number of pairs in the mean. An impression has
// one with each of the live behaviours whose user is its own, so that on average
// it has live times the probability that two draws of a user are equal.
func impressionShare(users *zipfLaw, k Knobs) float64 {
	return min(mostShown, k["pairs"]/(k["live"]*users.repeat))
}

func (s *behaviourSource) next(ev *event) {
	*ev = event{time: s.clock, key: idOf(s.space, s.users.draw(s.random))}
	if s.random.Hits(s.shown) {
		ev.seq, ev.value = s.impressions, s.impression
		s.payload.fill(s.impression, s.impressions)
		s.impressions++
	} else {
		ev.right, ev.seq, ev.value = true, s.behaviours, s.behaviour
		s.payload.fill(s.behaviour, actionNumber|s.behaviours)
		s.behaviours++
	}
	s.clock += nextGap(s.random, s.gap)
}
