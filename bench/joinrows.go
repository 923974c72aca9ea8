package bench

import (
	"slices"

	"github.com/statelab/statelab/internal/draw"
	"github.com/statelab/statelab/join"
)

// sampleJoins are those of online training, and what is like them.
func sampleJoins() []joinRow {
	early := Knob{"early_s", 30, 0, 1e6, false, "how far before its left event a right one may come, and still be paired"}
	keep := Knob{"keep_negatives", 0.1, 1e-6, 1, false, "share of left events without a pair that become samples"}
	sample := func(k Knobs) join.Spec {
		return join.Spec{
			Kind: join.LeftOuter, Lower: -k.duration("early_s"), Upper: k.duration("window_s"),
			Negatives: join.Negatives{Keep: k["keep_negatives"], Seed: 1},
		}
	}
	return []joinRow{{
		name: "J1",
		doc: "The sample join of online training with large impressions: they wait 20 minutes for actions, which are rare, and are labelled once, when their window has passed. " +
			"Some actions come before their impression, some too late for it; one in ten samples without an action is kept. One event is one impression or one action.",
		knobs: slices.Concat(streamKnobs(25, 10, 1, 1600, 2), sizeKnobs(16, 2048, 50), followKnobs(0.02, 0.2, 5, 0.1),
			[]Knob{windowKnob(1200, "how long an impression waits"), early, keep, medianKnob(120)}),
		spec:  sample,
		shape: streamShape{laws: logNormalByKnob},
	}, {
		name: "J2",
		doc: "A sample join whose actions come late: delays follow those from click to installation, p50 198 s, p75 1.4 h, p90 4.2 h, p99 10.2 h, 12.9 h at most. " +
			"With window_s from 60 to 46800 it shows what waiting is worth. One event is one impression or one action.",
		knobs: slices.Concat(streamKnobs(1.5, 10, 10, 62400, 2), sizeKnobs(16, 500, 80), followKnobs(0.2, 0.2, 5, 0),
			[]Knob{windowKnob(46800, "how long an impression waits"), withDefault(early, 0), withDefault(keep, 1)}),
		spec:  sample,
		shape: streamShape{laws: func(Knobs) []*draw.DelayLaw { return []*draw.DelayLaw{draw.Installations()} }},
	}}
}

func withDefault(n Knob, value float64) Knob {
	n.Default = value
	return n
}

// intervalJoins are those of published studies of interval joins.
func intervalJoins() []joinRow {
	back := func(k Knobs) join.Spec { return join.Spec{Kind: join.Inner, Lower: -k.duration("window_s")} }
	window := func(seconds float64) Knob { return windowKnob(seconds, "how far a left event looks back") }
	const one = " One event is one of either stream."
	return []joinRow{{
		name: "J3",
		doc: "An interval join with few keys, after workload A of Scale-OIJ (ICDE 2023): each left event is paired with the right ones of its key in the second before it. " +
			"Set rate=120000 for the published one; the number of pairs grows with its square." + one,
		knobs: slices.Concat(streamKnobs(4000, 1, 0.1, 6, 4), sizeKnobs(16, 64, 64), keyKnobs(5, 0, 0.5), []Knob{window(1)}),
		spec:  back,
	}, {
		name: "J4",
		doc: "An interval join with a wide window, after workload B of Scale-OIJ: each left event looks back 150 s. " +
			"Set rate=200000 for the published one." + one,
		knobs: slices.Concat(streamKnobs(300, 10, 1, 200, 2), sizeKnobs(16, 64, 64), keyKnobs(111, 0, 0.5), []Knob{window(150)}),
		spec:  back,
	}, {
		name: "J5",
		doc: "An interval join of streams far out of order, after workload C of Scale-OIJ: a window of 8 s, events up to 100 s after their time, " +
			"all of which wait for the watermark." + one,
		knobs: slices.Concat(streamKnobs(1000, 100, 1, 100, 2), sizeKnobs(16, 64, 64), keyKnobs(45, 0, 0.5), []Knob{window(8)}),
		spec:  back,
	}, {
		name: "J6",
		doc: "An asymmetric interval join: a right event is paired with the left ones of its key in the 28 days before it, at once. Left events stay for the whole " +
			"window, right ones expire as soon as no left one can come that is as old (FLINK-16392). Time is compressed: events are rare." + one,
		knobs: slices.Concat(streamKnobs(0.05, 3600, 600, 1209600, 2), sizeKnobs(16, 100, 100), keyKnobs(20000, 0, 0.5),
			[]Knob{windowKnob(28*24*3600, "how long a left event stays")}),
		spec: func(k Knobs) join.Spec {
			return join.Spec{Kind: join.Inner, Upper: k.duration("window_s"), Emit: join.OnMatch}
		},
	}, {
		name: "J7",
		doc: "An interval join of cluster jobs, after Gadget (EuroSys 2022): a job's submission is paired with what becomes of it from 120 s before to 180 s after. Keys and values are small. " +
			"It is scheduled, and then ends, after delays that follow the laws of Google's trace of 2011 (docs/DATA.md), of which 15.9 % is out of order." + one,
		knobs: slices.Concat(streamKnobs(300, 10, 1, 400, 2), sizeKnobs(10, 10, 10), followKnobs(1, 1, 2, 0),
			[]Knob{windowKnob(180, "how long after it a submission is paired with"), {"before_s", 120, 0, 1e6, false, "how long before it"}}),
		spec: func(k Knobs) join.Spec {
			return join.Spec{Kind: join.Inner, Lower: -k.duration("before_s"), Upper: k.duration("window_s")}
		},
		shape: streamShape{laws: func(Knobs) []*draw.DelayLaw { return []*draw.DelayLaw{draw.JobSchedules(), draw.JobRuns()} }, chained: true},
	}}
}

// nexmarkJoins have the queries of NEXMark that keep state, and what they bring up.
func nexmarkJoins() []joinRow {
	share := Knob{"other_share", 0.92, 0, 0.999, false, "share of events of a kind that the join filters out: bids"}
	ttl := func(seconds float64) Knob {
		return windowKnob(seconds, "how long an event of either stream stays (TTL)")
	}
	regular := func(k Knobs) join.Spec {
		spec := join.Spec{Kind: join.Regular}
		spec.TTL[join.Left], spec.TTL[join.Right] = k.duration("window_s"), k.duration("window_s")
		return spec
	}
	session := func(k Knobs) join.Spec { return join.Spec{Kind: join.Session, Gap: k.duration("window_s")} }
	gap := func(seconds float64) Knob { return windowKnob(seconds, "how far apart a session's events are at most") }
	const bids = " One event is one auction or one bid."
	return []joinRow{{
		name: "J8",
		doc: "A tumbling-window join, after NEXMark's query 8: who has registered and opened an auction in the same 10 s. Of all events 2 % are persons of 200 bytes (left), 6 % auctions " +
			"of 500 (right), 92 % bids of 100, which the join filters out. One event is one of these.",
		knobs: slices.Concat(streamKnobs(10000, 0.5, 0.1, 13, 4), sizeKnobs(16, 200, 500), followKnobs(1, 2./3, 40, 0),
			[]Knob{windowKnob(10, "length of a window"), share, {"other_bytes", 100, stampSize, 1 << 20, true, "size of an event that is filtered out"}, medianKnob(5)}),
		spec:  func(k Knobs) join.Spec { return join.Spec{Kind: join.Tumbling, Window: k.duration("window_s")} },
		shape: streamShape{laws: logNormalByKnob},
	}, {
		name:  "J9",
		doc:   "A regular join with a TTL of 10 s, after NEXMark's query 20: auctions (left) and their bids, some 14 for each, paired at once." + bids,
		knobs: slices.Concat(streamKnobs(2000, 0, 0.1, 14, 6), sizeKnobs(16, 500, 100), followKnobs(1, 0.93, 100, 0), []Knob{ttl(10), medianKnob(5)}),
		spec:  regular,
		shape: streamShape{laws: logNormalByKnob},
	}, {
		name:  "J9-day",
		doc:   "The regular join of J9 with a TTL of 24 hours, in which bids come over hours." + bids,
		knobs: slices.Concat(streamKnobs(1, 0, 60, 86400, 2), sizeKnobs(16, 500, 100), followKnobs(1, 0.93, 100, 0), []Knob{ttl(86400), medianKnob(7200)}),
		spec:  regular,
		shape: streamShape{laws: logNormalByKnob},
	}, {
		name: "J9-three",
		doc: "A regular join of three inputs with a TTL of 10 s, after NEXMark's query 23: auctions (left), and of the two streams on the right, whose events take turns, some two events " +
			"each for every auction. Each triple is emitted at once. With chained=1 two joins of two do what one with shared state does. One event is one of any input.",
		knobs: slices.Concat(streamKnobs(2000, 0, 0.1, 14, 6), sizeKnobs(16, 500, 100), followKnobs(1, 0.75, 20, 0),
			[]Knob{ttl(10), medianKnob(5), {"chained", 0, 0, 1, true, "1 for a chain of two joins, 0 for one whose state is shared"}}),
		spec: func(k Knobs) join.Spec {
			spec := regular(k)
			spec.Kind, spec.Plan = join.ThreeWay, join.Plan(k["chained"])
			return spec
		},
		shape: streamShape{laws: logNormalByKnob},
	}, {
		name: "J10-last",
		doc: "Deduplication that keeps the last event of each pair within 10 minutes, after NEXMark's query 18: a bid is emitted unless its bidder bids again on the same auction. " +
			"One event is one bid.",
		knobs: slices.Concat(streamKnobs(100, 1, 1, 800, 2), sizeKnobs(16, 100, 0), keyKnobs(100_000, 0, 0), []Knob{windowKnob(600, "how close together events repeat one another")}),
		spec: func(k Knobs) join.Spec {
			return join.Spec{Kind: join.Dedup, Keep: join.KeepLast, Window: k.duration("window_s")}
		},
	}, {
		name:  "J11",
		doc:   "Sessions with a gap of 10 s, after NEXMark's query 11: the bids of a bidder, of whom 10,000 are equally active. One event is one bid.",
		knobs: slices.Concat(streamKnobs(1000, 1, 0.1, 30, 4), sizeKnobs(16, 100, 0), keyKnobs(10_000, 0, 0), []Knob{gap(10)}),
		spec:  session,
	}, {
		name:  "J11-long",
		doc:   "Sessions with a gap of 30 minutes, some 10,000 of which are open at a time. One event is one of a session.",
		knobs: slices.Concat(streamKnobs(9, 10, 10, 2700, 4), sizeKnobs(16, 100, 0), keyKnobs(16_000, 0, 0), []Knob{gap(1800)}),
		spec:  session,
	}, {
		name: "J12",
		doc: "A temporal join, after NEXMark's query 13: each event of a stream with the version of its key's row that is in force at its time. One row in a hundred events is changed; " +
			"keys follow Zipf's law, so that one row serves many events. One event is one of the stream or one version.",
		knobs: slices.Concat(streamKnobs(2000, 1, 0.1, 30, 3), sizeKnobs(16, 100, 200), keyKnobs(20_000, 0.99, 0.99)),
		spec:  func(Knobs) join.Spec { return join.Spec{Kind: join.Temporal} },
	}}
}

// backlogJoin is the sample join over a backlog that is there at once, and then live.
func backlogJoin() joinRow {
	stream := streamKnobs(125, 0, 1, 400, 9)
	for i := range stream {
		if stream[i].Name == "warm_checkpoints" {
			stream[i].Default = 1 // so that nearly all of the backlog is measured
		}
	}
	return joinRow{
		name: "B",
		doc: "A backlog, then live (FLIP-327): the sample join of J1s, whose first backlog_s of event time are sorted (join.Backlog), and handed over to the operator that goes on with the live tail: its store " +
			"gets what a stream would have in it. With sorted=0 the operator streams the backlog, in which the watermark follows the events and is not ticked forward, as where input is read as fast as it can be. " +
			"The samples are the same. What the events of the warm-up cost to be sorted falls to the measured phase. Set rate=3400 for a backlog of ten million records. One event is one impression or one action.",
		knobs: slices.Concat(stream, sizeKnobs(16, 500, 80), followKnobs(0.2, 0.2, 5, 0), []Knob{
			windowKnob(600, "how long an impression waits"), {"backlog_s", 2900, 0, 1e9, false, "event time of the backlog"},
			{"sorted", 1, 0, 1, true, "1 to sort the backlog and hand over, 0 to stream it"}, medianKnob(60),
		}),
		spec:  func(k Knobs) join.Spec { return join.Spec{Kind: join.LeftOuter, Upper: k.duration("window_s")} },
		shape: streamShape{laws: logNormalByKnob},
	}
}
