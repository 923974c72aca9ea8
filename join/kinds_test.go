package join_test

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/statelab/statelab/join"
)

// allKinds are those of kindCases, and what is emitted on watermark.
var allKinds = append([]kindCase{
	{"watermark", randomSpec, func(spec join.Spec, s schedule) (string, join.Summary) { return oracle(spec, s.input()) }},
}, kindCases...)

var kindCases = []kindCase{
	{"on match", func(r *rand.Rand) join.Spec {
		spec := randomSpec(r)
		spec.Emit = join.OnMatch
		return thinned(r, wider(r, spec))
	}, arrivalOracle},
	{"corrections", func(r *rand.Rand) join.Spec {
		spec := randomSpec(r)
		spec.Correct, spec.Lateness = true, time.Duration(r.IntN(80))*time.Microsecond
		return thinned(r, wider(r, spec))
	}, arrivalOracle},
	{"on match with corrections", func(r *rand.Rand) join.Spec {
		spec := randomSpec(r)
		spec.Emit, spec.Correct, spec.Lateness = join.OnMatch, true, time.Duration(r.IntN(80))*time.Microsecond
		return thinned(r, wider(r, spec))
	}, arrivalOracle},
	{"tumbling", func(r *rand.Rand) join.Spec {
		return join.Spec{Kind: join.Tumbling, Window: micros(1 + r.IntN(60)), MaxDisorder: randomSpec(r).MaxDisorder}
	}, tumblingOracle},
	{"regular", func(r *rand.Rand) join.Spec {
		return join.Spec{
			Kind: join.Regular, MaxDisorder: randomSpec(r).MaxDisorder,
			TTL: [2]time.Duration{micros(1 + r.IntN(40)), micros(1 + r.IntN(40))},
		}
	}, arrivalOracle},
	{"temporal", func(r *rand.Rand) join.Spec {
		spec := join.Spec{Kind: join.Temporal, MaxDisorder: randomSpec(r).MaxDisorder}
		if r.IntN(2) == 0 {
			spec.TTL[join.Right] = micros(1 + r.IntN(40))
		}
		return spec
	}, temporalOracle},
	{"dedup first", func(r *rand.Rand) join.Spec {
		spec := join.Spec{Kind: join.Dedup, Window: micros(r.IntN(60))}
		spec.MaxDisorder[join.Left] = randomSpec(r).MaxDisorder[0]
		return spec
	}, dedupFirstOracle},
	{"dedup last", func(r *rand.Rand) join.Spec {
		spec := join.Spec{Kind: join.Dedup, Keep: join.KeepLast, Window: micros(1 + r.IntN(60))}
		spec.MaxDisorder[join.Left] = randomSpec(r).MaxDisorder[0]
		return spec
	}, dedupLastOracle},
	{"session", func(r *rand.Rand) join.Spec {
		spec := join.Spec{Kind: join.Session, Gap: micros(1 + r.IntN(30))}
		spec.MaxDisorder[join.Left] = randomSpec(r).MaxDisorder[0]
		return spec
	}, sessionOracle},
	{"matched by scan", matchedBy(join.ByScan), intervals.oracle},
	{"matched by index", matchedBy(join.ByIndex), intervals.oracle},
	{"regular matched by index", func(r *rand.Rand) join.Spec {
		return join.Spec{
			Kind: join.Regular, MaxDisorder: randomSpec(r).MaxDisorder, Match: join.ByIndex,
			TTL: [2]time.Duration{micros(1 + r.IntN(40)), micros(1 + r.IntN(40))},
		}
	}, arrivalOracle},
	{"on match with corrections, matched by scan or index", func(r *rand.Rand) join.Spec {
		spec := matchedBy(join.ByScan + join.Match(r.IntN(2)))(r)
		spec.Emit, spec.Correct, spec.Lateness = join.OnMatch, true, time.Duration(r.IntN(80))*time.Microsecond
		return thinned(r, wider(r, spec))
	}, arrivalOracle},
	{"three-way", randomThreeWay, threeWayOracle},
	{"three-way chained", func(r *rand.Rand) join.Spec {
		spec := randomThreeWay(r)
		spec.Plan = join.Chained
		return spec
	}, threeWayOracle},
}

func matchedBy(m join.Match) func(r *rand.Rand) join.Spec {
	return func(r *rand.Rand) join.Spec {
		spec := randomSpec(r)
		spec.Match = m
		return spec
	}
}

func randomThreeWay(r *rand.Rand) join.Spec {
	spec := join.Spec{Kind: join.ThreeWay, TTL: [2]time.Duration{micros(1 + r.IntN(30)), micros(1 + r.IntN(30))}}
	spec.MaxDisorder[join.Left] = randomSpec(r).MaxDisorder[0]
	spec.Sources[join.Right] = []time.Duration{micros(r.IntN(30)), randomSpec(r).MaxDisorder[1]}
	return spec
}

// threeWayOracle looks, as each event comes that is not late, at every pair of events that came before.
func threeWayOracle(spec join.Spec, schedule schedule) (string, join.Summary) {
	inTime, s := onTime(spec, schedule)
	var out strings.Builder
	matched := map[arrivalID]bool{}
	var seen [3][]join.Event // left, and the two sources of the right side
	next := [2]int{}
	for _, a := range schedule {
		if n := next[a.side]; a.end || n == len(inTime[a.side]) || inTime[a.side][n].Seq != a.Seq {
			continue // late
		}
		next[a.side]++
		i := 0
		if a.side == join.Right {
			i = 1 + int(a.Seq>>48)
		}
		all := seen
		all[i] = []join.Event{a.Event}
		for _, l := range all[0] {
			for _, x := range all[1] {
				for _, y := range all[2] {
					if string(l.Key) != string(x.Key) || string(l.Key) != string(y.Key) ||
						!withinTTL(spec, l, x) || !withinTTL(spec, l, y) || max(x.Time-y.Time, y.Time-x.Time) > us(spec.TTL[join.Right]) {
						continue
					}
					s.Pairs++
					matched[arrivalID{join.Left, l.Seq}], matched[arrivalID{join.Right, x.Seq}], matched[arrivalID{join.Right, y.Seq}] = true, true, true
					out.WriteString(sampleText(&join.Sample{Left: l, Rights: []join.Event{x, y}}))
				}
			}
		}
		seen[i] = append(seen[i], a.Event)
		sortBy(seen[i], ownTime)
	}
	for side, events := range inTime {
		for _, e := range events {
			switch has := matched[arrivalID{join.Side(side), e.Seq}]; {
			case has && side == 0:
				s.MatchedLeft++
				s.Samples++
			case has:
				s.MatchedRight++
			case side == 0:
				s.UnmatchedLeft++
				s.NegativesDropped++
			default:
				s.UnmatchedRight++
			}
		}
	}
	return out.String(), s
}

type arrivalID struct {
	side join.Side
	seq  uint64
}

func withinTTL(spec join.Spec, l, r join.Event) bool {
	return r.Time-l.Time <= us(spec.TTL[join.Left]) && l.Time-r.Time <= us(spec.TTL[join.Right])
}

func micros(n int) time.Duration { return time.Duration(n) * time.Microsecond }

// onTime returns the events of each side that are not late, in the order of arrival,
// and begins a summary.
func onTime(spec join.Spec, schedule schedule) (events [2][]join.Event, s join.Summary) {
	watermarks := newWatermarks(spec)
	in := [2]*int64{&s.LeftIn, &s.RightIn}
	late := [2]*int64{&s.LateLeft, &s.LateRight}
	for _, a := range schedule {
		if a.end {
			continue
		}
		*in[a.side]++
		if a.Time < *watermarks.of(a.side, &a.Event) {
			*late[a.side]++
			continue
		}
		events[a.side] = append(events[a.side], a.Event)
		watermarks.raise(a.side, &a.Event)
	}
	return events, s
}

// sortBy puts events in the order of (time, key, sequence), where at gives the time.
func sortBy(events []join.Event, at func(join.Event) int64) {
	slices.SortFunc(events, func(a, b join.Event) int {
		return cmp.Or(cmp.Compare(at(a), at(b)), strings.Compare(string(a.Key), string(b.Key)), cmp.Compare(a.Time, b.Time), cmp.Compare(a.Seq, b.Seq))
	})
}

func ownTime(e join.Event) int64 { return e.Time }

func tumblingOracle(spec join.Spec, schedule schedule) (string, join.Summary) {
	events, s := onTime(spec, schedule)
	window := func(e join.Event) int64 { return int64(math.Floor(float64(e.Time) / float64(us(spec.Window)))) }
	sortBy(events[join.Left], window)
	sortBy(events[join.Right], window)
	var out strings.Builder
	matched := map[uint64]bool{}
	for _, l := range events[join.Left] {
		var rights []join.Event
		for _, r := range events[join.Right] {
			if string(r.Key) == string(l.Key) && window(r) == window(l) {
				rights = append(rights, r)
				matched[r.Seq] = true
			}
		}
		if len(rights) == 0 {
			s.UnmatchedLeft++
			s.NegativesDropped++
			continue
		}
		s.MatchedLeft++
		s.Samples++
		s.Pairs += int64(len(rights))
		out.WriteString(sampleText(&join.Sample{Left: l, Rights: rights}))
	}
	s.MatchedRight = int64(len(matched))
	s.UnmatchedRight = int64(len(events[join.Right]) - len(matched))
	return out.String(), s
}

func temporalOracle(spec join.Spec, schedule schedule) (string, join.Summary) {
	events, s := onTime(spec, schedule)
	sortBy(events[join.Left], ownTime)
	var out strings.Builder
	matched := map[uint64]bool{}
	for _, l := range events[join.Left] {
		var version *join.Event
		for i, r := range events[join.Right] {
			if string(r.Key) == string(l.Key) && r.Time <= l.Time &&
				(version == nil || cmp.Or(cmp.Compare(r.Time, version.Time), cmp.Compare(r.Seq, version.Seq)) > 0) {
				version = &events[join.Right][i]
			}
		}
		sample := join.Sample{Left: l}
		if ttl := us(spec.TTL[join.Right]); version != nil && (ttl == 0 || l.Time-version.Time <= ttl) {
			sample.Rights = []join.Event{*version}
			matched[version.Seq] = true
			s.MatchedLeft++
			s.Pairs++
		} else {
			s.UnmatchedLeft++
		}
		s.Samples++
		out.WriteString(sampleText(&sample))
	}
	s.MatchedRight = int64(len(matched))
	s.UnmatchedRight = int64(len(events[join.Right]) - len(matched))
	return out.String(), s
}

func dedupFirstOracle(spec join.Spec, schedule schedule) (string, join.Summary) {
	events, s := onTime(spec, schedule)
	var out strings.Builder
	kept := map[string]int64{}
	for _, e := range events[join.Left] {
		at, ok := kept[string(e.Key)]
		repeats := ok && (spec.Window == 0 || at > e.Time-us(spec.Window))
		if !repeats {
			kept[string(e.Key)] = e.Time
		}
		keepUnless(repeats, e, &s, &out)
	}
	return out.String(), s
}

// keepUnless drops an event that repeats another, and emits any other.
func keepUnless(repeats bool, e join.Event, s *join.Summary, out *strings.Builder) {
	if repeats {
		s.MatchedLeft++
		s.NegativesDropped++
		return
	}
	s.UnmatchedLeft++
	s.Samples++
	out.WriteString(sampleText(&join.Sample{Left: e}))
}

func dedupLastOracle(spec join.Spec, schedule schedule) (string, join.Summary) {
	events, s := onTime(spec, schedule)
	sortBy(events[join.Left], ownTime)
	var out strings.Builder
	for i, e := range events[join.Left] {
		followed := slices.ContainsFunc(events[join.Left][i+1:], func(f join.Event) bool {
			return string(f.Key) == string(e.Key) && f.Time < e.Time+us(spec.Window)
		})
		keepUnless(followed, e, &s, &out)
	}
	return out.String(), s
}

func sessionOracle(spec join.Spec, schedule schedule) (string, join.Summary) {
	events, s := onTime(spec, schedule)
	byKey := map[string][]join.Event{}
	sortBy(events[join.Left], ownTime)
	for _, e := range events[join.Left] {
		byKey[string(e.Key)] = append(byKey[string(e.Key)], e)
	}
	type session struct {
		events []join.Event
		last   int64
	}
	var all []session
	for _, list := range byKey {
		for i, e := range list {
			if i == 0 || e.Time-list[i-1].Time > us(spec.Gap) {
				all = append(all, session{})
			}
			is := &all[len(all)-1]
			is.events, is.last = append(is.events, e), e.Time
		}
	}
	slices.SortFunc(all, func(a, b session) int {
		return cmp.Or(cmp.Compare(a.last, b.last), strings.Compare(string(a.events[0].Key), string(b.events[0].Key)))
	})
	var out strings.Builder
	for _, is := range all {
		out.WriteString(sampleText(&join.Sample{Left: is.events[0], Rights: is.events[1:]}))
		s.Samples++
		s.UnmatchedLeft++
		s.MatchedLeft += int64(len(is.events) - 1)
		s.Pairs += int64(len(is.events) - 1)
	}
	return out.String(), s
}
