package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// An opKind is a kind of call whose latency is measured.
type opKind uint8

const (
	opGet     opKind = iota
	opProbe          // a scan of one join key's records, from Iter to Close
	opApply          // one batch
	opAdvance        // one move of the watermark
	opSync           // one checkpoint
	opKinds
)

var opNames = [opKinds]string{"get", "probe", "apply", "advance", "sync"}

// Bounds and precision of the histograms, in nanoseconds: three digits are more
// than the clock deserves, and an hour is longer than any call that returns.
const (
	latencyMax    = int64(time.Hour)
	latencyDigits = 3
)

// A recorder counts calls and keeps their latencies. It allocates when it is
// made and never again. It belongs to one goroutine.
type recorder struct {
	every int64 // of Get, probe and Apply one call in this many is timed
	calls [opKinds]int64
	hists [opKinds]*hdrhistogram.Histogram
}

func newRecorder(every int) *recorder {
	r := &recorder{every: int64(max(1, every))}
	for i := range r.hists {
		r.hists[i] = hdrhistogram.New(1, latencyMax, latencyDigits)
	}
	return r
}

// timed counts a call and says whether its time is to be taken. Calls that are
// rare and long are always timed.
func (r *recorder) timed(op opKind) bool {
	r.calls[op]++
	return r.every == 1 || op >= opAdvance || r.calls[op]%r.every == 0
}

func (r *recorder) record(op opKind, d time.Duration) {
	// The value is within the histogram's bounds, so there is no error to handle.
	_ = r.hists[op].RecordValue(min(max(int64(d), 1), latencyMax))
}

// reset forgets the warm-up.
func (r *recorder) reset() {
	for i := range r.hists {
		r.calls[i] = 0
		r.hists[i].Reset()
	}
}

// emit adds the metrics of every kind of call that was made.
func (r *recorder) emit(m Metrics) {
	for op, h := range r.hists {
		if h.TotalCount() == 0 {
			continue
		}
		name := opNames[op]
		m.set(name+"_count", float64(r.calls[op]))
		m.set(name+"_p50_us", micros(h.ValueAtPercentile(50)))
		m.set(name+"_p99_us", micros(h.ValueAtPercentile(99)))
		m.set(name+"_p999_us", micros(h.ValueAtPercentile(99.9)))
		m.set(name+"_max_us", micros(h.Max()))
	}
}

func micros(nanos int64) float64 { return float64(nanos) / 1e3 }

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
