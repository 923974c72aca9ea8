package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// An opKind is a kind of latency: of a call, or of what a call is made for.
type opKind uint8

const (
	opGet     opKind = iota // the two that follow, together
	opGetHit                // a Get that found something
	opGetMiss               // a Get that found nothing
	opProbe                 // a scan of one join key's records, from Iter to Close
	opApply                 // one batch
	opAdvance               // one move of the watermark
	opSync                  // one checkpoint
	opEvent                 // from an event's arrival until it has been handled
	opSample                // from the arrival of the event that made a sample due until it was emitted
	opKinds
)

var opNames = [opKinds]string{"get", "get_hit", "get_miss", "probe", "apply", "advance", "sync", "event", "sample"}

// Bounds and precision of the histograms, in nanoseconds: three digits are more
// than the clock deserves, and an hour is longer than any call that returns.
const (
	latencyMax    = int64(time.Hour)
	latencyDigits = 3
)

// SampleAuto, as Settings.SampleEvery, lets the warm-up decide how many calls of
// each kind are timed.
const SampleAuto = -1

// A recorder counts calls and keeps their latencies, as histograms, by slots of
// the time line, and the slowest of them. It allocates when it is made and when
// it reports, and not in between. It belongs to one goroutine, but for its marks.
//
// Times are nanoseconds since base: reading the clock that way costs half of
// what time.Now does.
type recorder struct {
	base    time.Time
	auto    bool
	every   [opKinds]int64 // of calls of a kind one in so many is timed
	calls   [opKinds]int64
	hists   [opKinds]*hdrhistogram.Histogram
	arrival int64 // of the event being handled; notTimed if nobody looked

	slots   slots
	marks   marks
	slowest slowest
	lag     lagTrend
	wait    func(time.Duration) // returns when so much time has passed, as exactly as it can
	ended   int64
}

// notTimed is the arrival of an event for which the clock was not read.
const notTimed = -1

func newRecorder(every int) *recorder {
	r := &recorder{base: time.Now(), auto: every == SampleAuto, arrival: notTimed, wait: preciseWait}
	for i := range r.hists {
		r.hists[i] = hdrhistogram.New(1, latencyMax, latencyDigits)
		r.every[i] = 1
		if sampled(opKind(i)) {
			r.every[i] = int64(max(1, every))
		}
	}
	r.slots.init()
	r.marks.init(r.base)
	return r
}

// sampled says whether there may be so many of a kind that not all are timed.
// The others are rare and long.
func sampled(op opKind) bool { return op != opAdvance && op != opSync }

// now reads the clock.
func (r *recorder) now() int64 { return int64(time.Since(r.base)) }

// timed counts a call and says whether its time is to be taken.
func (r *recorder) timed(op opKind) bool {
	r.calls[op]++
	return r.every[op] == 1 || r.calls[op]%r.every[op] == 0
}

// record takes the time of something that went on from start to now, and
// returns now.
func (r *recorder) record(op opKind, start int64) int64 {
	now := r.now()
	r.recordSpan(op, start, now)
	return now
}

// recordSpan takes the time of something that went on from start to end.
func (r *recorder) recordSpan(op opKind, start, end int64) {
	d := min(max(end-start, 1), latencyMax)
	// The value is within the histogram's bounds, so there is no error to handle.
	_ = r.hists[op].RecordValue(d)
	r.slots.current.take(op, d)
	if op < opSync && d > r.slowest.floor {
		r.slowest.add(call{op, start, d})
	}
}

// arrived notes that the event now handled arrived at a time, or notTimed.
func (r *recorder) arrived(at, now int64) {
	r.arrival = at
	if now >= r.slots.end {
		r.slots.roll(now)
		r.marks.pollGC()
	}
}

// handled ends the event that arrived last.
func (r *recorder) handled() {
	r.slots.current.events++
	r.calls[opEvent]++
	if r.arrival != notTimed {
		r.record(opEvent, r.arrival)
	}
}

// emitted counts a sample that the event being handled brought about.
func (r *recorder) emitted() {
	r.calls[opSample]++
	if r.arrival != notTimed {
		r.record(opSample, r.arrival)
	}
}

// reset forgets the warm-up, after having learnt from it how long calls take.
func (r *recorder) reset(clock float64) {
	for i, h := range r.hists {
		if r.auto && sampled(opKind(i)) {
			r.every[i] = sampleEvery(r.median(opKind(i)), clock)
		}
		r.calls[i] = 0
		h.Reset()
	}
	r.slowest.reset()
	r.marks.reset()
}

// median returns the median latency of a kind in nanoseconds, or 0 without any.
func (r *recorder) median(op opKind) float64 {
	return float64(r.histogram(op).ValueAtPercentile(50))
}

// histogram returns the latencies of a kind; those of Gets are put together.
func (r *recorder) histogram(op opKind) *hdrhistogram.Histogram {
	if op != opGet {
		return r.hists[op]
	}
	all := r.hists[opGet] // which nothing else is recorded in
	all.Reset()
	all.Merge(r.hists[opGetHit])
	all.Merge(r.hists[opGetMiss])
	return all
}

// begin starts the measured phase: its time line and its marks count from here.
func (r *recorder) begin() int64 {
	now := r.now()
	r.lag = lagTrend{}
	r.slots.begin(now)
	r.marks.pollGC()
	return now
}

// finish ends the measured phase.
func (r *recorder) finish() {
	r.ended = r.now()
	r.slots.close(r.ended)
	r.marks.pollGC()
}

// What automatic sampling allows: calls that take less than dearCalls clock
// readings are sampled, so that their two readings are at most clockShare of their time.
const (
	dearCalls   = 10
	clockShare  = 0.05
	mostSkipped = 64
)

// sampleEvery returns one in how many calls is to be timed, a power of two, if
// they take so many nanoseconds and a clock reading costs clock.
func sampleEvery(median, clock float64) int64 {
	if median <= 0 || median >= dearCalls*clock {
		return 1
	}
	every := int64(2)
	for every < mostSkipped && 2*clock/float64(every) > clockShare*median {
		every *= 2
	}
	return every
}

// clockCost measures what one reading of the clock costs, in nanoseconds. Every
// latency includes it once.
func clockCost() float64 {
	const rounds, readings = 5, 2000
	best := time.Hour
	for range rounds {
		start := time.Now()
		for range readings {
			_ = time.Since(start)
		}
		best = min(best, time.Since(start))
	}
	return float64(best) / readings
}
