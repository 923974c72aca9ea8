package bench

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/draw"
)

// Slots double so that a run of any length fits, and lose nothing by it.
func TestSlotsHoldARunOfAnyLength(t *testing.T) {
	for _, last := range []int64{0, 1, firstSlot, 255 * firstSlot, 256 * firstSlot, 257 * firstSlot, 5000*firstSlot + 1} {
		var s slots
		s.init()
		s.begin(1000)
		var events, longest int64
		for now := int64(0); now <= last; now += firstSlot / 4 {
			s.roll(1000 + now)
			s.current.events++
			s.current.take(opApply, now)
			events, longest = events+1, now
		}
		s.roll(1000 + last)
		used := s.used()
		if n := int64(len(used)); n > maxSlots || n*s.length <= last || (n-1)*s.length > last || n < maxSlots/2 && s.length > firstSlot {
			t.Errorf("%d slots of %d ns for %d ns", n, s.length, last)
		}
		for i := range used {
			events -= used[i].events
			if d := used[i].longest[opApply]; used[i].events > 0 && d/s.length != int64(i) {
				t.Errorf("slot %d of %d ns holds a call of %d ns", i, s.length, d)
			}
		}
		if events != 0 || used[len(used)-1].longest[opApply] != longest && used[len(used)-1].events > 0 {
			t.Errorf("%d events are lost, the longest call is %d ns, of %d", events, used[len(used)-1].longest[opApply], longest)
		}
	}
}

// While the store stalls no event arrives, and the slots stay empty.
func TestAStallLeavesSlotsEmpty(t *testing.T) {
	var s slots
	s.init()
	s.begin(0)
	s.current.events = 3
	s.roll(10*firstSlot + 1)
	s.current.events = 5
	for i, slot := range s.used() {
		want := map[int]int64{0: 3, 10: 5}[i]
		if slot.events != want || slot.heap == 0 {
			t.Errorf("slot %d: %+v", i, slot)
		}
	}
}

func TestTheSlowestCallsAreKept(t *testing.T) {
	var s slowest
	r := draw.New(3, 3)
	var all []int64
	for range 1000 {
		d := int64(r.Below(1e6)) + 1
		all = append(all, d)
		if d > s.floor {
			s.add(call{opGetHit, 0, d})
		}
	}
	slices.Sort(all)
	slices.Reverse(all)
	for i, c := range s.calls {
		if c.duration != all[i] {
			t.Fatalf("slowest calls %v, not %v", s.calls, all[:slowestKept])
		}
	}
}

func TestOfTooManyMarksTheLongestStay(t *testing.T) {
	r := newRecorder(1)
	from := r.begin()
	for i := range int64(3 * maxMarks) {
		d := i % 100
		if i == 7 {
			d = int64(time.Hour) // longer than any collection that may come in between
		}
		r.marks.report(statelab.MaintenanceEvent{Kind: statelab.EventFlush, Start: r.base.Add(time.Duration(from + i)), Duration: time.Duration(d)})
	}
	r.finish()
	var m Measurement
	r.noteDropped(&m)
	kept := r.marks.within(from, r.ended)
	longest := slices.MaxFunc(kept, func(a, b mark) int { return int(a.duration - b.duration) })
	if len(kept) > maxMarks || len(kept)+r.marks.lacking() < 3*maxMarks || longest.duration != int64(time.Hour) || len(m.Notes) != 1 {
		t.Errorf("%d marks kept, %d dropped, the longest %+v, notes %v", len(kept), r.marks.lacking(), longest, m.Notes)
	}
	if !slices.IsSortedFunc(kept, func(a, b mark) int { return int(a.start - b.start) }) {
		t.Error("marks are out of order")
	}
}

// What began in the warm-up and went on is marked from the beginning of the
// measured phase on; what ended before, not at all.
func TestMarksAreCutToTheMeasuredPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecorder(1)
		time.Sleep(time.Second)
		from := r.begin()
		report := func(kind string, start, duration time.Duration) {
			r.marks.report(statelab.MaintenanceEvent{Kind: kind, Start: r.base.Add(time.Duration(from) + start), Duration: duration})
		}
		report("before", -300*time.Millisecond, 200*time.Millisecond)
		report("across", -300*time.Millisecond, 400*time.Millisecond)
		report("within", 200*time.Millisecond, 10*time.Millisecond)
		time.Sleep(time.Second)
		r.finish()
		r.slots.current.events = 1
		marks := slices.DeleteFunc(r.timeline(0).Marks, func(m Mark) bool { return m.Kind == markGC })
		want := []Mark{{Kind: "across", At: 0, For: 0.1}, {Kind: "within", At: 0.2, For: 0.01}}
		if !slices.Equal(marks, want) {
			t.Errorf("marks %+v, not %+v", marks, want)
		}
	})
}

// A collection of the Go heap is marked, once.
func TestCollectionsAreMarked(t *testing.T) {
	r := newRecorder(1)
	r.reset(50)
	from := r.begin()
	for range 3 {
		runtime.GC()
	}
	r.marks.pollGC()
	for range 2 {
		runtime.GC()
	}
	r.finish()
	starts := map[int64]bool{}
	for _, m := range r.marks.within(from, r.ended) {
		if m.kind == markGC && m.duration > 0 {
			if starts[m.start] {
				t.Errorf("a collection is marked twice: %+v", m)
			}
			starts[m.start] = true
		}
	}
	if n := len(starts); n < 5 || n > 8 { // the runtime may have had reasons of its own
		t.Errorf("%d collections are marked, of 5", n)
	}
	r.reset(50)
	if left := r.marks.within(from, r.ended); len(left) > 0 {
		t.Errorf("marks of the warm-up stay: %+v", left)
	}
}

// Calls much longer than a clock reading are all timed; of shorter ones so many
// that the readings do not show.
func TestSamplingFollowsTheCostOfTheClock(t *testing.T) {
	for _, c := range []struct {
		median float64
		every  int64
	}{{0, 1}, {5000, 1}, {500, 1}, {499, 8}, {200, 16}, {50, 64}, {2, 64}} {
		if got := sampleEvery(c.median, 50); got != c.every {
			t.Errorf("one in %d of calls of %v ns is timed, not one in %d, with a clock of 50 ns", got, c.median, c.every)
		}
	}
}

// Every call is counted, and so many are timed as was asked for.
func TestSampledCallsAreCounted(t *testing.T) {
	job, w := smallJob(t, "J10")
	job.SampleEvery = 3
	rec := newRecorder(job.SampleEvery)
	d, err := w.driver(job, newMemStore(), rec)
	if err != nil {
		t.Fatal(err)
	}
	m, err := measureDriver(t.Context(), job, d, newMemStore(), rec, nil)
	if err != nil {
		t.Fatal(err)
	}
	events := float64(w.truth(job.Seed, job.Knobs).Events)
	for _, name := range []string{"get", "event"} {
		if v := m.Metrics[name+"_count"].Value; v != events {
			t.Errorf("%v counts of %s for %v events", v, name, events)
		}
		if v := m.Metrics[name+"_timed"].Value; math.Abs(v-events/3) > 1 {
			t.Errorf("%v of %v counts of %s are timed, not one in three", v, events, name)
		}
	}
	if hit, miss := m.Metrics["get_hit_count"].Value, m.Metrics["get_miss_count"].Value; hit+miss != events || hit == 0 {
		t.Errorf("%v Gets found something and %v nothing, of %v", hit, miss, events)
	}
}

// Automatic sampling times few of what the warm-up found to be cheap, and all of
// what it found to be dear.
func TestTheWarmUpDecidesWhatIsSampled(t *testing.T) {
	const clock = 50
	r := newRecorder(SampleAuto)
	take := func(op opKind, d int64) {
		r.timed(op)
		_ = r.hists[op].RecordValue(d)
	}
	for range 100 {
		take(opGetHit, 30)
		take(opGetMiss, 20)
		take(opApply, 100*clock)
		take(opAdvance, 1)
	}
	r.reset(clock)
	want := map[opKind]int64{opGet: mostSkipped, opApply: 1, opAdvance: 1, opProbe: 1}
	for op, every := range want {
		if r.every[op] != every {
			t.Errorf("one %s in %d is timed, not one in %d", opNames[op], r.every[op], every)
		}
	}
}

// A call was slowed by what overlaps it, however little, and by nothing else.
func TestACallIsExplainedByWhatOverlapsIt(t *testing.T) {
	const ms = int64(time.Millisecond)
	c := call{op: opApply, start: 100 * ms, duration: 50 * ms}
	for _, k := range []struct {
		marks       []mark
		preemptions int64
		want        string
	}{
		{nil, 0, "apply; meanwhile nothing that is marked"},
		{[]mark{{"flush", 10 * ms, 89 * ms, 0}, {"flush", 151 * ms, ms, 0}}, 0, "apply; meanwhile nothing that is marked"},
		{[]mark{{"flush", 0, 110 * ms, 0}}, 0, "apply; meanwhile flush 10.0 ms"},
		{[]mark{{"flush", 0, 500 * ms, 0}}, 0, "apply; meanwhile flush 50.0 ms"},
		{[]mark{{"gc", 120 * ms, ms, 0}, {"stall", 140 * ms, 500 * ms, 0}, {"gc", 130 * ms, ms, 0}}, 2,
			"apply; meanwhile stall 10.0 ms, gc 2.00 ms, 2 preemptions thereabouts"},
	} {
		if got := c.during(k.marks, k.preemptions); got != k.want {
			t.Errorf("%q, not %q", got, k.want)
		}
	}
}

func TestAPercentileNeedsAValueBeyondIt(t *testing.T) {
	r := newRecorder(1)
	m := Measurement{Metrics: Metrics{}}
	for range 999 {
		r.timed(opProbe)
		r.record(opProbe, r.now())
	}
	r.timed(opSync)
	r.record(opSync, r.now())
	r.emit(&m)
	for name, want := range map[string]bool{
		"probe_p50_us": true, "probe_p99_us": true, "probe_p999_us": false, "probe_max_us": true,
		"sync_p50_us": true, "sync_p90_us": false, "sync_max_us": true, "get_p50_us": false,
	} {
		if _, ok := m.Metrics[name]; ok != want {
			t.Errorf("%s is there: %v", name, ok)
		}
	}
	if len(m.Curves) != 1 || m.Curves[0].Name != "probe_latency_us" {
		t.Fatalf("curves %v", m.Curves)
	}
	c := m.Curves[0]
	if len(c.X) != len(c.Y) || c.X[len(c.X)-1] != 99.85 || !slices.IsSorted(c.Y) || !slices.IsSorted(c.X) {
		t.Errorf("curve %+v", c)
	}
}

// The real clock is waited for as well, and the processor time of that is nobody's.
func TestARunInTheOpenLoopHasNoProcessorTime(t *testing.T) {
	job, w := smallJob(t, "reads")
	job.Rate, job.Watch = 20_000, DefaultWatch()
	m, err := Execute(t.Context(), job, openMem)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.judge(w.truth(job.Seed, job.Knobs)); err != nil {
		t.Fatal(err)
	}
	least := (job.Knobs["lookups"] - 1) / job.Rate
	if m.Metrics["elapsed_s"].Value < least || m.Metrics["rate_per_s"].Value != job.Rate {
		t.Errorf("%v s for %v Gets at %v a second", m.Metrics["elapsed_s"].Value, job.Knobs["lookups"], job.Rate)
	}
	for _, name := range []string{"cpu_us_per_event", "gc_cpu_ratio", "instructions_per_event"} {
		if v, ok := m.Metrics[name]; ok {
			t.Errorf("%s is %v", name, v)
		}
	}
}

func TestEveryCurveIsDocumented(t *testing.T) {
	docs := map[string]CurveDoc{}
	for _, d := range CurveDocs() {
		if _, twice := docs[d.Name]; twice || d.Doc == "" || d.XUnit == "" || d.YUnit == "" {
			t.Errorf("%+v is there twice, or says nothing", d)
		}
		docs[d.Name] = d
	}
	for _, w := range Workloads() {
		job, _ := smallJob(t, w.Name)
		m, err := Execute(t.Context(), job, openMem)
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Curves) == 0 || m.Timeline == nil {
			t.Errorf("%s has %d curves, and time line %v", w.Name, len(m.Curves), m.Timeline)
		}
		for _, c := range m.Curves {
			if _, ok := docs[c.Name]; !ok {
				t.Errorf("curve %s is not documented", c.Name)
			}
		}
		for _, s := range m.Timeline.Series {
			if len(s.Values) != len(m.Timeline.Series[0].Values) {
				t.Errorf("series %s has %d values", s.Name, len(s.Values))
			}
		}
	}
}

// The line is that of least squares over all points.
func TestTheLagTrendIsALeastSquaresLine(t *testing.T) {
	var l lagTrend
	r := draw.New(1, 1)
	var sx, sy, sxx, sxy, n float64
	for i := range 1000 {
		x := float64(i)/100 + 50
		y := 3 + 0.02*x + float64(r.Below(1000))/1e5
		l.add(x, y)
		n, sx, sy, sxx, sxy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	want := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	if got := l.slope(); math.Abs(got-want) > 1e-9 || math.Abs(got-0.02) > 0.001 {
		t.Errorf("slope %v, not %v", got, want)
	}
	if (&lagTrend{}).slope() != 0 {
		t.Error("no points have a slope")
	}
}

func TestSeriesAreRoundedToThreeDigits(t *testing.T) {
	for v, want := range map[float64]float64{0: 0, 1234.5: 1230, 0.0123456: 0.0123, 99_950_000: 100_000_000, 5: 5, 0.1: 0.1} {
		if got := threeDigits(v); got != want {
			t.Errorf("%v becomes %v, not %v", v, got, want)
		}
	}
}
