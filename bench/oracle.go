package bench

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

// waiting is an impression that has not been labelled.
type waiting struct {
	key     id
	time    int64
	value   []byte
	actions []event
}

// sampleJoinTruth joins with a map and a queue. Impressions come in order of
// time and all wait equally long, so they are labelled in the order they came.
func sampleJoinTruth(seed uint64, k Knobs) Truth {
	_, end := span(k)
	begin, _ := span(k)
	window, tick := k.micros("window_s"), k.micros("tick_s")
	samples, answers := newDigest(), newDigest()
	byKey := map[id]*waiting{}
	var queue []*waiting
	label := func(now int64) {
		for len(queue) > 0 && queue[0].time+window < now {
			w := queue[0]
			queue = queue[1:]
			delete(byKey, w.key)
			digestSample(samples, w.key[:], w.time, w.value, len(w.actions))
			for i := range w.actions {
				digestRight(samples, w.actions[i].time, w.actions[i].value)
			}
		}
	}
	var truth Truth
	src := newImpressionSource(seed, k)
	for ev := (event{}); ; {
		src.next(&ev)
		if ev.time >= end {
			break
		}
		if ev.time >= begin {
			truth.Events++
		}
		label(ev.time)
		value := append([]byte(nil), ev.value...)
		if !ev.right {
			w := &waiting{key: ev.key, time: ev.time, value: value}
			byKey[ev.key] = w
			queue = append(queue, w)
			continue
		}
		w := byKey[ev.key]
		if w == nil {
			continue // its impression has been labelled
		}
		if w.time < lastTick(ev.time, tick, k.micros("checkpoint_s")) {
			answers.bytes(w.value)
		}
		w.actions = append(w.actions, event{time: ev.time, value: value})
	}
	label(end)
	for _, w := range queue {
		truth.LiveRecords += 1 + int64(len(w.actions))
		truth.LiveBytes += int64(idSize + len(w.value))
		for i := range w.actions {
			truth.LiveBytes += int64(idSize + len(w.actions[i].value))
		}
	}
	truth.Checksum = combine(samples, answers)
	return truth
}

// lastTick returns the latest time up to now at which the watermark was
// advanced: a multiple of the tick or of the checkpoint interval.
func lastTick(now, tick, interval int64) int64 {
	return max(now/tick*tick, now/interval*interval)
}

// dedupTruth keeps the first time of each identifier in a map.
func dedupTruth(seed uint64, k Knobs) Truth {
	begin, end := span(k)
	window := k.micros("window_s")
	first := map[id]int64{}
	output := newDigest()
	var truth Truth
	src := newRepeatSource(seed, k)
	for ev := (event{}); ; {
		src.next(&ev)
		if ev.time >= end {
			break
		}
		if ev.time >= begin {
			truth.Events++
		}
		if at, seen := first[ev.key]; seen && ev.time < at+window {
			continue
		}
		first[ev.key] = ev.time
		digestKept(output, &ev)
	}
	for _, at := range first {
		if end < at+window {
			truth.LiveRecords++
			truth.LiveBytes += idSize + 8
		}
	}
	truth.Checksum = output.sum()
	return truth
}

// readsTruth makes each value anew instead of keeping any.
func readsTruth(seed uint64, k Knobs) Truth {
	keys, values := newLookups(seed, k), newPayload(seed)
	records, size := uint64(k["records"]), int64(k["value_bytes"])
	output := newDigest()
	value := make([]byte, size)
	for range int64(k["warm_lookups"]) + int64(k["lookups"]) {
		number := keys.next()
		if number >= records {
			output.bytes(nil)
			continue
		}
		values.fill(value, number)
		output.bytes(value)
	}
	return Truth{
		Checksum:    output.sum(),
		Events:      int64(k["lookups"]),
		LiveRecords: int64(records),
		LiveBytes:   int64(records) * (idSize + size),
	}
}
