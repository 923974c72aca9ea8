package bench

import (
	"context"
	"maps"
	"math"
	"slices"
	"testing"
)

// smallStream makes a workload of JoinWorkloads small: a few thousand events, a share of them
// late, and checkpoints that no tick coincides with.
func smallStream(k Knobs) {
	scale := 3000 / (k["rate"] * k["checkpoint_s"] * (k["checkpoints"] + 2))
	k["rate"] *= scale
	if k["keys"] > 100 { // so that as many events as before share a key
		k["keys"] = math.Round(k["keys"] * scale)
	}
	k["tick_s"] *= 7
	k["checkpoint_s"] *= 0.99
	if k["lateness_s"] > 0 {
		k["late_share"] = 0.02
	}
}

func TestJoinWorkloadsAgreeWithTheirOracles(t *testing.T) {
	for _, w := range JoinWorkloads() {
		job, w := smallJob(t, w.Name)
		truth := w.truth(job.Seed, job.Knobs)
		m, err := Execute(context.Background(), job, openMem)
		if err != nil {
			t.Fatalf("%s: %v", w.Name, err)
		}
		if err := m.judge(truth); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
		if n := m.Metrics["sample_count"].Value; truth.Events < 1000 || truth.LiveRecords < 10 || n < 20 {
			t.Errorf("%s: %v samples, and the oracle says %+v, which proves little", w.Name, n, truth)
		}
	}
}

// A store that gets one bit of its values wrong must not get numbers.
func TestJoinWorkloadsFindWrongStoresOut(t *testing.T) {
	for _, w := range JoinWorkloads() {
		mustDisagree(t, w.Name, func(value []byte, n int) {
			if n > 100 {
				value[len(value)-1] ^= 1
			}
		})
	}
}

// shapeOf returns what the first n events of a workload's streams are.
func shapeOf(t *testing.T, workload string, change Knobs, n int) (rights, others, disordered, late int, last int64) {
	t.Helper()
	rows := slices.Concat(sampleJoins(), intervalJoins(), nexmarkJoins())
	row := rows[slices.IndexFunc(rows, func(r joinRow) bool { return r.name == workload })]
	k := row.workload().Defaults()
	for name, value := range change {
		k[name] = value
	}
	src := newStreamSource(row.shape, 3, k)
	var ev event
	var arrived int64
	var seqs [2]uint64
	for range n {
		src.next(&ev)
		if ev.arrival() < arrived {
			t.Fatalf("%s: an event that arrives at %d comes after one at %d", workload, ev.arrival(), arrived)
		}
		arrived = ev.arrival()
		side := joinSide(&ev)
		if ev.seq != seqs[side] {
			t.Fatalf("%s: %v event %d comes as number %d", workload, side, ev.seq, seqs[side])
		}
		seqs[side]++
		switch {
		case ev.right:
			rights++
		case ev.other:
			others++
		}
		switch {
		case ev.lag > k.micros("lateness_s"):
			late++
		case ev.lag > 0:
			disordered++
		}
	}
	return rights, others, disordered, late, arrived
}

func TestStreamsAreAsTheirKnobsSay(t *testing.T) {
	const n = 200_000
	rights, _, disordered, late, last := shapeOf(t, "J4", Knobs{"disorder_share": 0.3, "late_share": 0.05, "left_share": 0.25}, n)
	near(t, "right events", float64(rights)/n, 0.75, 0.02)
	near(t, "late events", float64(late)/n, 0.05, 0.05)
	near(t, "disordered events", float64(disordered)/n, 0.3*0.95, 0.02)
	near(t, "events a second", n/(float64(last)/1e6), 300, 0.02)

	rights, others, _, _, last8 := shapeOf(t, "J8", Knobs{"delay_median_s": 0.05}, n)
	near(t, "auctions", float64(rights)/n, 0.06, 0.05)
	near(t, "bids", float64(others)/n, 0.92, 0.01)
	near(t, "events a second", n/(float64(last8)/1e6), 10_000, 0.05)

	rights, _, _, _, last = shapeOf(t, "J7", Knobs{"disorder_share": 0}, n)
	near(t, "what becomes of jobs", float64(rights)/n, 2./3, 0.1)
	near(t, "events a second", n/(float64(last)/1e6), 300, 0.2)
}

// The oracle of three inputs serves both plans, with events out of order and late at each source too.
func TestBothPlansOfThreeInputsAgreeWithTheirOracle(t *testing.T) {
	for _, chained := range []float64{0, 1} {
		job, w := smallJob(t, "J9-three")
		job.Knobs["chained"], job.Knobs["lateness_s"] = chained, 3
		job.Knobs["disorder_share"], job.Knobs["late_share"] = 0.3, 0.05
		m, err := Execute(context.Background(), job, openMem)
		if err != nil {
			t.Fatal(err)
		}
		if err := m.judge(w.truth(job.Seed, job.Knobs)); err != nil {
			t.Errorf("chained=%v: %v", chained, err)
		}
	}
}

// A backlog that is sorted and handed over has the samples of one that is streamed, with events out of order and late too; and one
// that the run does not reach the end of is handed over at the last moment.
func TestABacklogIsHandedOver(t *testing.T) {
	for _, change := range []Knobs{{}, {"backlog_s": 1e6}, {"lateness_s": 3, "disorder_share": 0.3, "late_share": 0.05}} {
		var checksums []uint64
		for _, sorted := range []float64{0, 1} {
			job, w := smallJob(t, "B")
			maps.Copy(job.Knobs, change)
			job.Knobs["sorted"] = sorted
			truth := w.truth(job.Seed, job.Knobs)
			m, err := Execute(context.Background(), job, openMem)
			if err != nil {
				t.Fatal(err)
			}
			if err := m.judge(truth); err != nil {
				t.Errorf("%v, sorted=%v: %v", change, sorted, err)
			}
			if n := m.Metrics["sample_count"].Value; n < 1000 {
				t.Errorf("%v, sorted=%v: %v samples", change, sorted, n)
			}
			checksums = append(checksums, m.Checksum)
		}
		if len(change) < 3 && checksums[0] != checksums[1] {
			t.Errorf("%v: sorted the output is another one", change)
		}
	}
}
