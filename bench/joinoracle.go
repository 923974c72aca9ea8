package bench

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/statelab/statelab/join"
)

// streamOracle joins by definition and in plain memory, of all events of a run together.
// It knows a join by its Spec, and shares no code with it.
type streamOracle struct {
	spec     join.Spec
	keyBytes int
	tick     int64
	interval int64
	lateness int64
	backlog  int64
	sorted   bool // the backlog is

	watermark [3]int64 // of the left side, the right one, and its second source if it has two
	sides     [2][]kept
	byKey     [2]map[id][]kept // in the order of time and sequence
	payload   *payload
	sizes     [2]int
	scratch   [2][]byte // values
	samples   *digest
}

// kept is an event that was not late. The stamp is its value's.
type kept struct {
	key    id
	time   int64
	source int // of its side
	seq    uint64
	stamp  uint64
}

func (a kept) compare(b kept) int {
	return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.source, b.source), cmp.Compare(a.seq, b.seq))
}

func (row joinRow) truth(seed uint64, k Knobs) Truth {
	o := &streamOracle{
		spec: row.wholeSpec(k), keyBytes: int(k["key_bytes"]),
		tick: k.micros("tick_s"), interval: k.micros("checkpoint_s"), lateness: k.micros("lateness_s"), backlog: backlogOf(k), sorted: k["sorted"] > 0,
		watermark: [3]int64{math.MinInt64, math.MinInt64, math.MinInt64}, byKey: [2]map[id][]kept{{}, {}},
		payload: newPayload(seed), sizes: [2]int{int(k["left_bytes"]), int(k["right_bytes"])}, samples: newDigest(),
	}
	for side, n := range o.sizes {
		o.scratch[side] = make([]byte, n)
	}
	truth := Truth{Events: play(newStreamSource(row.shape, seed, k), k, o.see)}
	_, end := span(k)
	o.end(end - o.lateness)
	for side, events := range o.sides {
		live := o.live(side, events, end-o.lateness)
		truth.LiveRecords += live
		truth.LiveBytes += live * int64(o.keyBytes+o.sizes[side])
	}
	truth.Checksum = o.samples.sum()
	return truth
}

// see takes an event, unless it is late or filtered out.
func (o *streamOracle) see(ev *event) {
	if ev.other {
		return
	}
	side := int(joinSide(ev))
	source, seq := 0, ev.seq
	if o.spec.Kind == join.ThreeWay && ev.right {
		source, seq = turnOf(ev.seq)
	}
	shown := &o.watermark[side+source]
	if now := o.lastTick(ev.arrival()); now > 0 {
		*shown = max(*shown, now-o.lateness)
	}
	if ev.time < *shown {
		return
	}
	*shown = max(*shown, ev.time-o.lateness)
	e := kept{key: ev.key, time: ev.time, source: source, seq: seq, stamp: stampOf(ev.value)}
	if o.atOnce() {
		o.arrive(side, e)
	}
	o.sides[side] = append(o.sides[side], e)
	events := o.byKey[side][e.key]
	at, _ := slices.BinarySearchFunc(events, e, kept.compare)
	o.byKey[side][e.key] = slices.Insert(events, at, e)
}

// lastTick is when the watermark was last advanced: in a backlog by checkpoints alone, and not by those if it is sorted.
func (o *streamOracle) lastTick(now int64) (last int64) {
	if tick := now / o.tick * o.tick; tick > o.backlog {
		last = tick
	}
	if checkpoint := now / o.interval * o.interval; checkpoint > o.backlog || !o.sorted {
		last = max(last, checkpoint)
	}
	return last
}

// atOnce says whether pairs are emitted as events arrive.
func (o *streamOracle) atOnce() bool {
	return o.spec.Kind == join.Regular || o.spec.Kind == join.ThreeWay || o.spec.Emit == join.OnMatch
}

// bounds returns how far a right event's time may be from its left one's.
func (o *streamOracle) bounds() (lower, upper int64) {
	if o.spec.Kind == join.Regular || o.spec.Kind == join.ThreeWay {
		return -o.spec.TTL[join.Right].Microseconds(), o.spec.TTL[join.Left].Microseconds()
	}
	return o.spec.Lower.Microseconds(), o.spec.Upper.Microseconds()
}

// within returns the events of a side and key from one time to another, both included.
func (o *streamOracle) within(side int, key id, from, to int64) []kept {
	events := o.byKey[side][key]
	first := sort.Search(len(events), func(i int) bool { return events[i].time >= from })
	last := sort.Search(len(events), func(i int) bool { return events[i].time > to })
	return events[first:max(first, last)]
}

// arrive emits what an event makes of those that came before it: a left one with all its
// right ones, a right one with each left one.
func (o *streamOracle) arrive(side int, e kept) {
	if o.spec.Kind == join.ThreeWay {
		o.arriveThree(side, e)
		return
	}
	lower, upper := o.bounds()
	if side == int(join.Left) {
		if rights := o.within(1, e.key, e.time+lower, e.time+upper); len(rights) > 0 {
			o.emit(e, 1, rights)
		}
		return
	}
	for _, l := range o.within(0, e.key, e.time-upper, e.time-lower) {
		o.emit(l, 1, []kept{e})
	}
}

// emit digests a sample, whose other events are of a side.
func (o *streamOracle) emit(left kept, side int, others []kept) {
	digestSample(o.samples, left.key[:o.keyBytes], left.time, o.value(0, left), len(others))
	for _, e := range others {
		digestRight(o.samples, e.time, o.value(side, e))
	}
}

func (o *streamOracle) value(side int, e kept) []byte {
	o.payload.fill(o.scratch[side], e.stamp)
	return o.scratch[side]
}

// A fired is a left event that is due, and when.
type fired struct {
	kept
	at int64
}

// due returns the left events whose time to fire is below the watermark, in the order of
// (firing time, key, time, sequence).
func (o *streamOracle) due(watermark int64, firing func(kept) int64) []fired {
	var due []fired
	for _, e := range o.sides[0] {
		if at := firing(e); at < watermark {
			due = append(due, fired{e, at})
		}
	}
	slices.SortFunc(due, func(a, b fired) int {
		return cmp.Or(cmp.Compare(a.at, b.at), bytes.Compare(a.key[:o.keyBytes], b.key[:o.keyBytes]), a.compare(b.kept))
	})
	return due
}
