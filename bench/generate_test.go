package bench

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/statelab/statelab/internal/draw"
)

// hashEvents digests every field of the first n events of a source.
func hashEvents(src source, n int) uint64 {
	d := newDigest()
	for ev := (event{}); n > 0; n-- {
		src.next(&ev)
		right := int64(0)
		if ev.right {
			right = 1
		}
		for _, v := range []int64{right, int64(ev.seq), ev.time, int64(ev.of), ev.since} {
			d.number(v)
		}
		d.bytes(ev.key[:])
		d.bytes(ev.value)
	}
	return d.hash.Sum64()
}

// These values hold on every machine and for all time (M1): results that were
// measured under other ones are results of other workloads.
func TestWorkloadsAreTheSameEverywhere(t *testing.T) {
	j1s, j10, hot, reads := defaultsOf(t, "J1s"), defaultsOf(t, "J10"), defaultsOf(t, "hot"), defaultsOf(t, "reads")
	lookups := newLookups(1, reads)
	var drawn []byte
	for range 10_000 {
		drawn = binary.LittleEndian.AppendUint64(drawn, lookups.next().number)
	}
	for _, c := range []struct {
		what      string
		got, want uint64
	}{
		{"impressions", hashEvents(newImpressionSource(1, j1s), 10_000), 0x9284b0d6293a1a2e},
		{"impressions of another seed", hashEvents(newImpressionSource(2, j1s), 10_000), 0x9388f598ce00ada9},
		{"repeats", hashEvents(newRepeatSource(1, j10), 10_000), 0x64c55b06a42ccf52},
		{"behaviours", hashEvents(newBehaviourSource(1, hot), 10_000), 0x50df5fdd6ee29198},
		{"churn", hashEvents(newChurnSource(1, defaultsOf(t, "churn")), 10_000), 0x57e7a21c596039cb},
		{"streams with keys of a fixed set", hashEvents(newStreamSource(streamShape{}, 1, defaultsOf(t, "J5")), 10_000), 0x29cb71057f0af76c},
		{"streams with what follows up", hashEvents(newStreamSource(streamShape{laws: logNormalByKnob}, 1, defaultsOf(t, "J8")), 10_000), 0x6169799634d1b002},
		{"lookups", xxhash.Sum64(drawn), 0x3db2ac28d298b3af},
	} {
		if c.got != c.want {
			t.Errorf("%s hash to %#016x instead of %#016x", c.what, c.got, c.want)
		}
	}
}

func defaultsOf(t *testing.T, workload string) Knobs {
	t.Helper()
	w, err := FindWorkload(workload)
	if err != nil {
		t.Fatal(err)
	}
	return w.Defaults()
}

func TestImpressionsAreAsTheirKnobsSay(t *testing.T) {
	k := defaultsOf(t, "J1s")
	k["live"] = 6000 // so that many windows pass, and the actions still to come are few
	const n = 400_000
	src := newImpressionSource(3, k)
	actions := map[uint64]int{}
	var impressions, within int
	var last int64
	var delays int64
	for i := range n {
		var ev event
		src.next(&ev)
		if ev.time < last {
			t.Fatalf("event %d goes back in time, from %d to %d", i, last, ev.time)
		}
		last = ev.time
		if !ev.right {
			impressions++
			if len(ev.value) != 500 || ev.seq != uint64(impressions-1) {
				t.Fatalf("impression %d has %d bytes and position %d", impressions-1, len(ev.value), ev.seq)
			}
			continue
		}
		if len(ev.value) != 80 || ev.time < ev.since || ev.of >= uint64(impressions) || ev.key != idOf(src.space, ev.of) {
			t.Fatalf("action %+v does not belong to an impression before it", ev)
		}
		actions[ev.of]++
		if ev.time-ev.since <= 60e6 {
			delays++
		}
		if ev.time-ev.since <= 600e6 {
			within++
		}
	}
	most := 0
	for _, c := range actions {
		most = max(most, c)
	}
	all := float64(n - impressions)
	near(t, "impressions of one window", float64(impressions)*600e6/float64(last), 6000, 0.01)
	near(t, "impressions with actions", float64(len(actions))/float64(impressions), 0.2, 0.02)
	near(t, "actions of one that has any", all/float64(len(actions)), 1.25, 0.02)
	near(t, "most actions of one", float64(most), 5, 0)
	near(t, "actions within the median delay", float64(delays)/all, 0.5, 0.02)
	near(t, "actions within the window", float64(within)/all, 0.9893, 0.005) // Phi(ln 10)
}

func TestRepeatsAreAsTheirKnobsSay(t *testing.T) {
	k := defaultsOf(t, "J10")
	k["live"] = 6000
	const n = 400_000
	src := newRepeatSource(3, k)
	seen := map[id]int64{}
	repeats := 0
	var last int64
	for i := range n {
		var ev event
		src.next(&ev)
		if ev.time < last || ev.seq != uint64(i) {
			t.Fatalf("event %d has time %d after %d, and position %d", i, ev.time, last, ev.seq)
		}
		last = ev.time
		if first, again := seen[ev.key]; again {
			repeats++
			if ev.since != first {
				t.Fatalf("event %d repeats an event of time %d and says %d", i, first, ev.since)
			}
			continue
		}
		seen[ev.key] = ev.time
	}
	near(t, "identifiers of one window", float64(len(seen))*600e6/float64(last), 6000, 0.01)
	near(t, "repeats of an identifier", float64(repeats)/float64(len(seen)), 0.3, 0.02)
}

func TestBehavioursAreAsTheirKnobsSay(t *testing.T) {
	k := defaultsOf(t, "hot")
	const n = 600_000
	src := newBehaviourSource(3, k)
	window := k.micros("window_s")
	type behaviour struct {
		user id
		time int64
	}
	live := map[id]int{}
	var queue []behaviour
	var impressions, behaviours uint64
	var pairs, most, few int
	var last int64
	for i := range n {
		var ev event
		src.next(&ev)
		if ev.time < last || i > 0 && ev.time == last {
			t.Fatalf("event %d has time %d after %d", i, ev.time, last)
		}
		last = ev.time
		for len(queue) > 0 && queue[0].time < ev.time-window {
			if live[queue[0].user]--; live[queue[0].user] == 0 {
				delete(live, queue[0].user)
			}
			queue = queue[1:]
		}
		if !ev.right {
			if len(ev.value) != 500 || ev.seq != impressions {
				t.Fatalf("impression %d has %d bytes and position %d", impressions, len(ev.value), ev.seq)
			}
			impressions++
			pairs += live[ev.key]
			continue
		}
		if len(ev.value) != 100 || ev.seq != behaviours {
			t.Fatalf("behaviour %d has %d bytes and position %d", behaviours, len(ev.value), ev.seq)
		}
		behaviours++
		live[ev.key]++
		queue = append(queue, behaviour{ev.key, ev.time})
	}
	for _, c := range live {
		most = max(most, c)
		if c <= 2 {
			few++
		}
	}
	warm := float64(n-60_000) / n // the first window sees half of what later ones do
	near(t, "live behaviours", float64(len(queue)), 60_000, 0.01)
	near(t, "events for an impression", float64(n)/float64(impressions), 30, 0.03)
	near(t, "pairs of an event", float64(pairs)/n, 20*(warm+(1-warm)/2), 0.05)
	near(t, "live behaviours of the most active user", float64(most), 4700, 0.05)
	if share := float64(few) / float64(len(live)); share < 0.8 {
		t.Errorf("only %.2f of the users with live behaviours have one or two", share)
	}
}

func TestChurnKeepsTheNumberOfLiveRecords(t *testing.T) {
	k := defaultsOf(t, "churn")
	k["live"] = 1000
	src := newChurnSource(3, k)
	var sum float64
	for i := range uint64(10_000) {
		var ev event
		src.next(&ev)
		if ev.time != int64(i)*600_000 || ev.seq != i || len(ev.value) != 100 {
			t.Fatalf("record %d is %+v", i, ev)
		}
		if ev.of > i || i > 0 && ev.of == i || i-ev.of > 1000 || ev.since != int64(ev.of)*600_000 {
			t.Fatalf("record %d looks at %d of time %d", i, ev.of, ev.since)
		}
		if i >= 1000 {
			sum += float64(i - ev.of)
		}
	}
	near(t, "records since the one that is looked at", sum/9000, 500, 0.05)
}

// Impressions stay as rare as behaviours where few of them have many pairs to give.
func TestImpressionsAreAtMostEverySecondEvent(t *testing.T) {
	k := defaultsOf(t, "hot")
	k["live"], k["skew"] = 100, 0
	src := newBehaviourSource(1, k)
	impressions := 0
	for range 10_000 {
		var ev event
		src.next(&ev)
		if !ev.right {
			impressions++
		}
	}
	near(t, "impressions", float64(impressions), 5000, 0.05)
}

func TestRanksFollowZipfsLaw(t *testing.T) {
	const n, draws = 1000, 1_000_000
	for _, skew := range []float64{0, 0.99, 2} {
		z := newZipfLaw(n, skew)
		r := draw.New(1, 0)
		counts := make([]float64, n)
		for range draws {
			counts[z.draw(r)]++
		}
		var sum, repeat float64
		for i := range n {
			sum += math.Pow(float64(i+1), -skew)
		}
		var chi float64
		for i, c := range counts {
			p := math.Pow(float64(i+1), -skew) / sum
			repeat += p * p
			chi += (c - p*draws) * (c - p*draws) / (p * draws)
		}
		if math.Abs(chi-n) > 5*math.Sqrt(2*n) { // five standard deviations
			t.Errorf("skew %v: chi-squared of %d ranks is %.0f", skew, n, chi)
		}
		near(t, "probability of a repeat", z.repeat, repeat, 1e-6)
	}
	if rank := newZipfLaw(1, 0.99).draw(draw.New(1, 0)); rank != 0 {
		t.Errorf("the only rank is drawn as %d", rank)
	}
}

// A block of a store holds many values, so what they have in common counts too.
func TestValuesCompressAboutTwoToOne(t *testing.T) {
	p := newPayload(1)
	for _, size := range []int{80, 100, 500} {
		var block []byte
		value := make([]byte, size)
		for number := uint64(0); len(block) < 32<<10; number++ {
			p.fill(value, number)
			block = append(block, value...)
		}
		enc, err := zstd.NewWriter(nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, compressed := range map[string]int{
			"s2":   len(s2.Encode(nil, block)),
			"zstd": len(enc.EncodeAll(block, nil)),
		} {
			if ratio := float64(compressed) / float64(len(block)); ratio < 0.45 || ratio > 0.66 {
				t.Errorf("values of %d bytes compress to %.2f with %s", size, ratio, name)
			}
		}
	}
}

func TestNoTwoValuesAreEqual(t *testing.T) {
	p := newPayload(1)
	seen := map[string]bool{}
	value := make([]byte, stampSize)
	for number := range uint64(1000) {
		p.fill(value, number)
		if seen[string(value)] {
			t.Fatalf("value %d is equal to an earlier one", number)
		}
		seen[string(value)] = true
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*want {
		t.Errorf("%s: %.4f, not about %.4f", what, got, want)
	}
}
