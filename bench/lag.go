package bench

import "fmt"

// The lag of an event of the open loop is how long after its intended arrival
// the driver came to it. As long as the store keeps up the lag returns to
// nothing after every stall; if it does not keep up the lag grows, by as much
// a second as the rate is too high.

// A lagTrend is a straight line fitted to lag over intended time by least
// squares, event by event and in constant space.
type lagTrend struct {
	n            float64
	meanX, meanY float64 // seconds
	sxx, sxy     float64
	greatest     int64 // ns
}

// recordLag takes the lag of the event intended at a time, both in nanoseconds.
func (r *recorder) recordLag(at, lag int64) {
	r.lag.add(float64(at)/1e9, float64(lag)/1e9)
	r.lag.greatest = max(r.lag.greatest, lag)
	s := r.slots.current
	s.lag, s.leastLag = max(s.lag, lag), min(s.leastLag, lag)
}

func (l *lagTrend) add(x, y float64) {
	l.n++
	dx := x - l.meanX
	l.meanX += dx / l.n
	l.meanY += (y - l.meanY) / l.n
	l.sxx += dx * (x - l.meanX)
	l.sxy += dx * (y - l.meanY)
}

// slope returns the growth of the lag in seconds a second.
func (l *lagTrend) slope() float64 {
	if l.sxx == 0 {
		return 0
	}
	return l.sxy / l.sxx
}

// A rate was not sustained if the lag grew faster than lagSlopeLimit, a
// hundredth of a second each second, and lagEndLimit or more of it was still there
// throughout the last tenth of the phase. The first alone may be a stall in the second half
// that was caught up with, the second alone one queue.
const (
	lagSlopeLimit = 0.01
	lagEndLimit   = int64(1e6) // ns
)

// leastRatePhase is how long a rate should be measured, in seconds: over fewer
// a backlog of a thousandth of the time goes unnoticed.
const leastRatePhase = 1

// judgeRate adds what the lag says of the rate that was set.
func (r *recorder) judgeRate(rate float64, m *Measurement) {
	if rate == 0 {
		return
	}
	end := r.slots.leastLag()
	m.Metrics.set("lag_max_us", micros(r.lag.greatest))
	m.Metrics.set("lag_end_us", micros(end))
	m.Metrics.set("lag_slope", r.lag.slope())
	m.Metrics.set("rate_per_s", rate)
	sustained := 1.0
	if r.lag.slope() > lagSlopeLimit && end > lagEndLimit {
		sustained = 0
		m.Notes = append(m.Notes, fmt.Sprintf("the rate of %s events/s was not sustained: %s s behind at the end, and %s ms more each second",
			humanFloat(rate), humanFloat(float64(end)/1e9), humanFloat(1e3*r.lag.slope())))
	}
	if elapsed := m.Metrics["elapsed_s"].Value; sustained == 1 && elapsed < leastRatePhase {
		m.Notes = append(m.Notes, fmt.Sprintf("measured for %s s only: too short to tell that a rate can be kept up with", humanFloat(elapsed)))
	}
	m.Metrics.set("sustainable", sustained)
}

// dropWaiting takes out what processors did: the harness spins while it waits
// for an event, which no store asked for and nothing can tell apart.
func (m Metrics) dropWaiting() {
	delete(m, "cpu_us_per_event")
	delete(m, "gc_cpu_ratio")
	for _, doc := range counterMetrics {
		delete(m, doc.Name)
	}
}

var rateMetrics = []MetricDoc{
	{"rate_per_s", "events/s", Neither, "The rate at which events arrive in the open loop, as it was set or found. Absent in the closed loop."},
	{"sustainable", "0 or 1", Higher, "Whether the store kept up with rate_per_s: 0 if lag_slope is over 0.01 and lag_end_us over 1,000."},
	{"sustainable_events_per_s", "events/s", Higher, "The highest rate found that the store keeps up with, to within 5 %; with -rate max only. All other figures of such a result are those of the run at this rate."},
	{referenceMetric, "events/s", Higher, "The highest rate found that the backend of -rate-of, or else the backend itself, keeps up with, to within 5 %; rate_per_s is the share of it that -rate asks for. Only where that is a share."},
	{"lag_max_us", "us", Lower, "Greatest lag: how long after its intended arrival the driver came to an event. Open loop only."},
	{"lag_end_us", "us", Lower, "Least lag in the last tenth of the measured phase: what was not caught up with. Open loop only."},
	{"lag_slope", "s/s", Lower, "Growth of the lag in seconds a second, from a straight line fitted to all events by least squares. Open loop only."},
}
