package bench

import "bytes"

// A Truth is what a workload must bring forth, computed in plain memory by code
// that shares nothing with the drivers but the sources and the digest.
type Truth struct {
	Checksum    uint64 // of the whole output
	Events      int64  // of the measured phase
	LiveRecords int64  // still needed at the end
	LiveBytes   int64  // their keys and values
}

// span returns when measuring begins and ends, in event time.
func span(k Knobs) (begin, end int64) {
	interval := k.micros("checkpoint_s")
	begin = interval * int64(k["warm_checkpoints"])
	return begin, begin + interval*int64(k["checkpoints"])
}

// play calls see with each event of a run, in order, and returns how many of
// them are of the measured phase.
func play(src source, k Knobs, see func(ev *event)) (measured int64) {
	begin, end := span(k)
	var ev event
	for src.next(&ev); ev.arrival() < end; src.next(&ev) {
		if ev.arrival() >= begin {
			measured++
		}
		see(&ev)
	}
	return measured
}

// waiting is an impression that has not been labelled, with its actions so far.
type waiting struct {
	key     id
	time    int64
	value   []byte
	actions []event
}

// joinOracle joins with a map and a queue. Impressions come in order of time
// and all wait equally long, so they are labelled in the order they came.
type joinOracle struct {
	window, tick, interval int64 // µs

	byKey            map[id]*waiting
	queue            []*waiting
	samples, answers *digest
}

func sampleJoinTruth(seed uint64, k Knobs) Truth {
	o := &joinOracle{
		window: k.micros("window_s"), tick: k.micros("tick_s"), interval: k.micros("checkpoint_s"),
		byKey: map[id]*waiting{}, samples: newDigest(), answers: newDigest(),
	}
	truth := Truth{Events: play(newImpressionSource(seed, k), k, o.see)}
	_, end := span(k)
	o.label(end)
	for _, w := range o.queue {
		truth.LiveRecords += 1 + int64(len(w.actions))
		truth.LiveBytes += idSize + int64(len(w.value))
		for i := range w.actions {
			truth.LiveBytes += idSize + int64(len(w.actions[i].value))
		}
	}
	truth.Checksum = combine(o.samples, o.answers)
	return truth
}

func (o *joinOracle) see(ev *event) {
	o.label(ev.time)
	value := bytes.Clone(ev.value)
	if !ev.right {
		w := &waiting{key: ev.key, time: ev.time, value: value}
		o.byKey[ev.key] = w
		o.queue = append(o.queue, w)
		return
	}
	w := o.byKey[ev.key]
	if w == nil {
		return // its impression has been labelled
	}
	if w.time < lastTick(ev.time, o.tick, o.interval) {
		o.answers.bytes(w.value) // it was in the store for certain
	}
	w.actions = append(w.actions, event{time: ev.time, value: value})
}

// label emits the impressions whose window has passed.
func (o *joinOracle) label(now int64) {
	for len(o.queue) > 0 && o.queue[0].time+o.window < now {
		w := o.queue[0]
		o.queue = o.queue[1:]
		delete(o.byKey, w.key)
		digestSample(o.samples, w.key[:], w.time, w.value, len(w.actions))
		for i := range w.actions {
			digestRight(o.samples, w.actions[i].time, w.actions[i].value)
		}
	}
}

// lastTick returns the latest time up to now at which the watermark was
// advanced: a multiple of the tick or of the checkpoint interval.
func lastTick(now, tick, interval int64) int64 {
	return max(now/tick*tick, now/interval*interval)
}

// dedupTruth keeps the first time of each identifier in a map.
func dedupTruth(seed uint64, k Knobs) Truth {
	window := k.micros("window_s")
	first := map[id]int64{}
	output := newDigest()
	var truth Truth
	truth.Events = play(newRepeatSource(seed, k), k, func(ev *event) {
		if at, seen := first[ev.key]; seen && ev.time < at+window {
			return
		}
		first[ev.key] = ev.time
		digestKept(output, ev)
	})
	_, end := span(k)
	for _, at := range first {
		if end < at+window {
			truth.LiveRecords++
			truth.LiveBytes += idSize + 8
		}
	}
	truth.Checksum = output.sum()
	return truth
}

// churnTruth makes each value anew: whether a record is alive, its time says.
func churnTruth(seed uint64, k Knobs) Truth {
	window, tick, interval := k.micros("window_s"), k.micros("tick_s"), k.micros("checkpoint_s")
	_, end := span(k)
	values, output := newPayload(seed), newDigest()
	value := make([]byte, int(k["value_bytes"]))
	var truth Truth
	truth.Events = play(newChurnSource(seed, k), k, func(ev *event) {
		if ev.of < ev.seq && ev.since+window > lastTick(ev.time, tick, interval) {
			values.fill(value, ev.of)
			output.bytes(value)
		} else {
			output.bytes(nil)
		}
		if ev.time+window > end {
			truth.LiveRecords++
			truth.LiveBytes += idSize + int64(len(ev.value))
		}
	})
	truth.Checksum = output.sum()
	return truth
}
