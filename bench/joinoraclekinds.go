package bench

import (
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/statelab/statelab/join"
)

// end emits what is due at the last watermark.
func (o *streamOracle) end(watermark int64) {
	if o.atOnce() {
		return
	}
	switch o.spec.Kind {
	case join.Tumbling:
		o.endTumbling(watermark)
	case join.Temporal:
		o.endTemporal(watermark)
	case join.Dedup:
		o.endDedup(watermark)
	case join.Session:
		o.endSessions(watermark)
	default:
		o.endInterval(watermark)
	}
}

// endInterval emits each left event that is due with all right events in its bounds.
func (o *streamOracle) endInterval(watermark int64) {
	lower, upper := o.bounds()
	for _, l := range o.due(watermark, func(e kept) int64 { return e.time + max(upper, 0) }) {
		rights := o.within(1, l.key, l.time+lower, l.time+upper)
		if len(rights) > 0 || o.spec.Kind == join.LeftOuter && o.keepsNegative(l.kept) {
			o.emit(l.kept, 1, rights)
		}
	}
}

// keepsNegative says what Negatives promises: the choice by a hash of (seed, sequence, key).
func (o *streamOracle) keepsNegative(e kept) bool {
	n := o.spec.Negatives
	if n.Keep == 0 || n.Keep == 1 {
		return true
	}
	var b []byte
	for _, v := range []uint64{n.Seed, e.seq} {
		for shift := 0; shift < 64; shift += 8 {
			b = append(b, byte(v>>shift))
		}
	}
	return xxhash.Sum64(append(b, e.key[:o.keyBytes]...)) < uint64(n.Keep*math.Exp2(64))
}

// windowEnd returns the last microsecond of a time's window.
func (o *streamOracle) windowEnd(at int64) int64 {
	length := o.spec.Window.Microseconds()
	begin := at - at%length
	if begin > at {
		begin -= length
	}
	return begin + length - 1
}

func (o *streamOracle) endTumbling(watermark int64) {
	length := o.spec.Window.Microseconds()
	for _, l := range o.due(watermark, func(e kept) int64 { return o.windowEnd(e.time) }) {
		if rights := o.within(1, l.key, l.at-length+1, l.at); len(rights) > 0 {
			o.emit(l.kept, 1, rights)
		}
	}
}

// endTemporal emits each left event with the version in force at its time.
func (o *streamOracle) endTemporal(watermark int64) {
	ttl := o.spec.TTL[join.Right].Microseconds()
	for _, l := range o.due(watermark, func(e kept) int64 { return e.time }) {
		versions := o.within(1, l.key, math.MinInt64, l.time)
		if n := len(versions); n > 0 {
			versions = versions[n-1:]
			if ttl > 0 && l.time-versions[0].time > ttl {
				versions = nil
			}
		}
		o.emit(l.kept, 1, versions)
	}
}

// endDedup emits the events that none of their key follows within the window.
func (o *streamOracle) endDedup(watermark int64) {
	window := o.spec.Window.Microseconds()
	for _, l := range o.due(watermark, func(e kept) int64 { return e.time + window - 1 }) {
		if last := o.within(0, l.key, l.time, l.at); last[len(last)-1].seq == l.seq {
			o.emit(l.kept, 0, nil)
		}
	}
}

// endSessions emits the sessions whose last event is followed by nothing within the gap.
func (o *streamOracle) endSessions(watermark int64) {
	gap := o.spec.Gap.Microseconds()
	for _, l := range o.due(watermark, func(e kept) int64 { return e.time + gap }) {
		events := o.within(0, l.key, math.MinInt64, l.at)
		last := len(events) - 1
		if events[last].seq != l.seq {
			continue // the session goes on
		}
		first := last
		for first > 0 && events[first].time-events[first-1].time <= gap {
			first--
		}
		o.emit(events[first], 0, events[first+1:])
	}
}

// live counts the events of a side that are needed when the watermark is there: that
// have not fired, or could still be paired.
func (o *streamOracle) live(side int, events []kept, watermark int64) (n int64) {
	switch {
	case o.spec.Kind == join.Session:
		return o.openSessions(watermark)
	case o.spec.Kind == join.Temporal && side == 1:
		return o.versions(watermark)
	}
	for _, e := range events {
		if o.doneAt(side, e) >= watermark {
			n++
		}
	}
	return n
}

// doneAt returns when an event is needed for the last time.
func (o *streamOracle) doneAt(side int, e kept) int64 {
	lower, upper := o.bounds()
	switch {
	case o.spec.Kind == join.Tumbling:
		return o.windowEnd(e.time)
	case o.spec.Kind == join.Temporal:
		return e.time
	case o.spec.Kind == join.Dedup:
		return e.time + o.spec.Window.Microseconds() - 1
	case side == 0 && o.atOnce():
		return e.time + upper
	case side == 0:
		return e.time + max(upper, 0)
	case o.atOnce():
		return e.time - lower
	}
	return e.time - lower + max(upper, 0)
}

// versions counts, of each key, the version in force and those to come.
func (o *streamOracle) versions(watermark int64) (n int64) {
	for key, all := range o.byKey[1] {
		old := len(o.within(1, key, math.MinInt64, watermark-1))
		n += int64(len(all) - max(0, old-1))
	}
	return n
}

// openSessions counts the events of sessions that may go on.
func (o *streamOracle) openSessions(watermark int64) (n int64) {
	gap := o.spec.Gap.Microseconds()
	for _, events := range o.byKey[0] {
		for i := len(events) - 1; i >= 0; i-- {
			follows := i+1 < len(events) && events[i+1].time-events[i].time <= gap
			if !follows && events[i].time+gap < watermark {
				break
			}
			n++
		}
	}
	return n
}

// arriveThree emits the triples that an event makes with those that came before it: of a left one and one of
// each source of the right side, all within their TTL of each other.
func (o *streamOracle) arriveThree(side int, e kept) {
	lower, upper := o.bounds()
	lefts := []kept{e}
	if side == int(join.Right) {
		lefts = o.within(0, e.key, e.time-upper, e.time-lower)
	}
	for _, l := range lefts {
		rights := o.within(1, e.key, l.time+lower, l.time+upper)
		firsts := slices.DeleteFunc(slices.Clone(rights), func(r kept) bool { return r.source == 1 })
		seconds := slices.DeleteFunc(slices.Clone(rights), func(r kept) bool { return r.source == 0 })
		if side == int(join.Right) && e.source == 0 {
			firsts = []kept{e}
		} else if side == int(join.Right) {
			seconds = []kept{e}
		}
		for _, a := range firsts {
			for _, b := range seconds {
				if max(a.time-b.time, b.time-a.time) <= -lower {
					o.emit(l, 1, []kept{a, b})
				}
			}
		}
	}
}
