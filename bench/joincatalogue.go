package bench

import (
	"slices"
	"time"

	"github.com/statelab/statelab/internal/draw"
	"github.com/statelab/statelab/join"
)

// JoinWorkloads returns the workloads of streams by which joins are compared. They
// run only where they are named. Each is data: what join it is, what its streams
// are (streamShape), and its knobs; one generator, one driver over package join's
// Operator and one oracle for each way to pair serve them all.
//
// Rates are those of event time, and say how densely events lie; how fast a store
// takes them is what is measured. Those that were published at rates whose state
// or number of pairs is beyond a run of seconds have a lower one by default.
func JoinWorkloads() []Workload {
	rows := slices.Concat(sampleJoins(), intervalJoins(), nexmarkJoins(), []joinRow{backlogJoin()})
	workloads := make([]Workload, len(rows))
	for i, row := range rows {
		workloads[i] = row.workload()
	}
	return workloads
}

// A joinRow is one of JoinWorkloads.
type joinRow struct {
	name, doc string
	knobs     []Knob
	spec      func(k Knobs) join.Spec // less MaxDisorder, which the knob lateness_s says
	shape     streamShape
}

func (row joinRow) workload() Workload {
	return Workload{
		Name: row.name, Doc: row.doc, Knobs: row.knobs,
		prefix: join.Prefix(),
		driver: row.newDriver,
		truth:  row.truth,
	}
}

// wholeSpec returns what is joined.
func (row joinRow) wholeSpec(k Knobs) join.Spec {
	spec := row.spec(k)
	for side := range spec.Kind.Inputs() {
		spec.MaxDisorder[side] = k.duration("lateness_s")
	}
	if lateness := &spec.MaxDisorder[join.Right]; spec.Kind == join.ThreeWay {
		spec.Sources[join.Right] = []time.Duration{*lateness, *lateness}
		*lateness = 0
	}
	return spec
}

// duration returns the knob of that name, which is in seconds.
func (k Knobs) duration(name string) time.Duration {
	return time.Duration(k.micros(name)) * time.Microsecond
}

// streamKnobs are those of every row: how dense the streams are, how many events arrive out of order and how far, and for how long they go on.
func streamKnobs(rate, lateness, tick, checkpoint, checkpoints float64) []Knob {
	return []Knob{
		{"rate", rate, 1e-6, 1e6, false, "events in a second of event time, of all streams together, in the mean"},
		{"lateness_s", lateness, 0, 1e7, false, "how far events are out of order at most without being late (MaxDisorder)"},
		{"disorder_share", disorderShare(lateness), 0, 1, false, "share of events that arrive after their time, by up to lateness_s"},
		{"late_share", 0, 0, 1, false, "share of events that arrive more than lateness_s after their time, by up to twice that"},
		{"tick_s", tick, 0.001, 1e6, false, "event time between two advances of the watermark"},
		{"checkpoint_s", checkpoint, 0.001, 1e9, false, "event time between two checkpoints (Store.Sync)"},
		{"warm_checkpoints", 2, 1, 1e6, true, "checkpoint intervals before measuring begins"},
		{"checkpoints", checkpoints, 1, 1e6, true, "checkpoint intervals measured"},
	}
}

// disorderShare is how many events are out of order unless the knob says otherwise.
func disorderShare(lateness float64) float64 {
	if lateness == 0 {
		return 0
	}
	return 0.2
}

// sizeKnobs are the sizes of events; without a right size there are left ones alone.
func sizeKnobs(key, left, right float64) []Knob {
	knobs := []Knob{
		{"key_bytes", key, 8, idSize, true, "size of a join key"},
		{"left_bytes", left, stampSize, 1 << 20, true, "size of a left event's value"},
	}
	if right > 0 {
		knobs = append(knobs, Knob{"right_bytes", right, stampSize, 1 << 20, true, "size of a right event's value"})
	}
	return knobs
}

// keyKnobs are those of streams whose events have keys of a fixed set; without a
// share of left events all are.
func keyKnobs(keys, skew, leftShare float64) []Knob {
	knobs := []Knob{
		{"keys", keys, 1, 1e7, true, "distinct join keys"},
		{"skew", skew, 0, 10, false, "exponent of Zipf's law for keys; at 0 all are drawn alike"},
	}
	if leftShare > 0 {
		knobs = append(knobs, Knob{"left_share", leftShare, 0, 1, false, "share of events that are left ones"})
	}
	return knobs
}

// followKnobs are those of streams in which every left event has a key of its own,
// and right events follow some of them up.
func followKnobs(followed, another, most, early float64) []Knob {
	return []Knob{
		{"followed_share", followed, 0, 1, false, "share of left events that are followed up"},
		{"another_share", another, 0, 1, false, "probability that one more right event follows, after each"},
		{"most", most, 1, 1000, true, "right events that follow one left event at most"},
		{"early_share", early, 0, 1, false, "share of right events that come before what they belong to, by up to early_s"},
	}
}

// medianKnob is that of the log-normal law of delays.
func medianKnob(seconds float64) Knob {
	return Knob{"delay_median_s", seconds, 0.001, 1e7, false, "median delay of a right event after its left one"}
}

func windowKnob(seconds float64, doc string) Knob {
	return Knob{"window_s", seconds, 0.001, 1e8, false, doc}
}

// logNormalByKnob is the law of delays that the knob delay_median_s says.
func logNormalByKnob(k Knobs) []*draw.DelayLaw {
	return []*draw.DelayLaw{draw.LogNormal(k["delay_median_s"], delaySigma)}
}
