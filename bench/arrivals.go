package bench

import (
	"math"
	"time"

	"github.com/statelab/statelab/internal/draw"
)

// Arrivals are how the events of an open loop are spaced.
const (
	ArrivalConstant = "constant" // equally
	ArrivalPoisson  = "poisson"  // independently of one another, as from many users
	ArrivalRecorded = "recorded" // as a trace has them, with the rate for their mean; only for replays
)

// arrivals says when the events of a driver arrive. In the closed loop an event
// arrives when the driver takes it, so that while the store stalls none does.
// In the open loop, which only the measured phase can be, each has its intended
// time whatever became of those before it: the driver waits for it, never skips
// it, and its latency counts from there. (The closed loop's omission is
// "coordinated": Tene, How NOT to Measure Latency.)
type arrivals struct {
	rec    *recorder
	gap    float64      // ns between intended arrivals, on average; 0 is the closed loop
	random *draw.Random // nil if they are equally spaced
	next   float64      // intended arrival of the next event, as the recorder's times
	open   bool
	taken  int64 // events of the closed loop
	start  float64
}

func newArrivals(job Job, rec *recorder) arrivals {
	a := arrivals{rec: rec}
	if job.Rate > 0 {
		a.gap = 1e9 / job.Rate
	}
	if job.Arrival == ArrivalPoisson {
		a.random = draw.New(job.Seed, arrivalStream)
	}
	return a
}

// begin starts the measured phase, whose first event arrives now.
func (a *arrivals) begin() {
	now := a.rec.begin()
	a.open = a.gap > 0
	a.start = float64(now)
	a.next = a.start
	if a.open {
		a.rec.every[opEvent], a.rec.every[opSample] = 1, 1 // the clock is read anyway
	}
}

// take returns when the next event has arrived, and tells the recorder.
func (a *arrivals) take() {
	r := a.rec
	if !a.open {
		a.taken++
		if a.taken%r.every[opEvent] == 0 {
			now := r.now()
			r.arrived(now, now)
		} else {
			r.arrival = notTimed
		}
		return
	}
	intended := int64(a.next)
	now := r.now()
	for now < intended {
		r.wait(time.Duration(intended - now))
		now = r.now()
	}
	r.arrived(intended, now)
	r.recordLag(intended-int64(a.start), now-intended)
	a.next += a.spacing()
}

// spacing returns the time from one arrival to the next.
func (a *arrivals) spacing() float64 {
	if a.random == nil {
		return a.gap
	}
	uniform := float64(a.random.Next()>>11) / (1 << 53) // in [0, 1)
	return -math.Log(1-uniform) * a.gap
}
