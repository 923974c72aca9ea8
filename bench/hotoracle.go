package bench

import "bytes"

// hotOracle keeps what each user did in a queue of its own. An impression is
// labelled when it comes, since all that it looks back to has come.
type hotOracle struct {
	window  int64 // µs
	byUser  map[id][]event
	samples *digest
}

func hotJoinTruth(seed uint64, k Knobs) Truth {
	o := &hotOracle{window: k.micros("window_s"), byUser: map[id][]event{}, samples: newDigest()}
	truth := Truth{Events: play(newBehaviourSource(seed, k), k, o.see)}
	_, end := span(k)
	for user := range o.byUser {
		for _, b := range o.recent(user, end) {
			truth.LiveRecords++
			truth.LiveBytes += idSize + int64(len(b.value))
		}
	}
	truth.Checksum = o.samples.sum()
	return truth
}

func (o *hotOracle) see(ev *event) {
	recent := o.recent(ev.key, ev.time)
	if ev.right {
		o.byUser[ev.key] = append(recent, event{time: ev.time, value: bytes.Clone(ev.value)})
		return
	}
	digestSample(o.samples, ev.key[:], ev.time, ev.value, len(recent))
	for _, b := range recent {
		digestRight(o.samples, b.time, b.value)
	}
}

// recent returns what a user did within the window that ends now, and forgets the rest.
func (o *hotOracle) recent(user id, now int64) []event {
	q := o.byUser[user]
	for len(q) > 0 && q[0].time < now-o.window {
		q = q[1:]
	}
	if len(q) == 0 {
		delete(o.byUser, user)
		return nil
	}
	o.byUser[user] = q
	return q
}
