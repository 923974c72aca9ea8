package bench

import (
	"fmt"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// namedPercentiles are those that are metrics.
var namedPercentiles = []struct {
	suffix, words string
	at            float64
}{
	{"_p50_us", "Median", 50},
	{"_p90_us", "90th percentile", 90},
	{"_p99_us", "99th percentile", 99},
	{"_p999_us", "99.9th percentile", 99.9},
	{"_p9999_us", "99.99th percentile", 99.99},
}

// curvePercentiles are the points of a latency curve: from 90 on about ten for
// each nine that is added.
var curvePercentiles = []float64{
	1, 2, 5, 10, 20, 25, 30, 40, 50, 60, 70, 75, 80, 85,
	90, 92, 93, 94, 95, 96, 97, 98, 98.5,
	99, 99.2, 99.3, 99.4, 99.5, 99.6, 99.7, 99.8, 99.85,
	99.9, 99.92, 99.93, 99.94, 99.95, 99.96, 99.97, 99.98, 99.985,
	99.99, 99.992, 99.993, 99.994, 99.995, 99.996, 99.997, 99.998, 99.999,
}

// known says whether so many values tell what a percentile is: at least one
// must lie beyond it, or it is but the greatest.
func known(percentile float64, n int64) bool {
	return percentile <= 50 && n > 0 || float64(n)*(100-percentile) >= 100*(1-1e-9)
}

// emit adds metrics and curves of every kind of latency.
func (r *recorder) emit(m *Measurement) {
	for op := range opKinds {
		h := r.histogram(op)
		n := h.TotalCount()
		if n == 0 {
			continue
		}
		name := opNames[op]
		m.Metrics.set(name+"_count", float64(r.calls[op]))
		if n < r.calls[op] {
			m.Metrics.set(name+"_timed", float64(n))
		}
		for _, p := range namedPercentiles {
			if known(p.at, n) {
				m.Metrics.set(name+p.suffix, micros(h.ValueAtPercentile(p.at)))
			}
		}
		m.Metrics.set(name+"_max_us", micros(h.Max()))
		if n >= leastForCurve {
			m.Curves = append(m.Curves, latencyCurve(name, h))
		}
	}
}

// leastForCurve is how many values make a curve.
const leastForCurve = 100

func latencyCurve(name string, h *hdrhistogram.Histogram) Curve {
	c := Curve{Name: name + latencyCurveSuffix}
	for _, p := range curvePercentiles {
		if known(p, h.TotalCount()) {
			c.X = append(c.X, p)
			c.Y = append(c.Y, micros(h.ValueAtPercentile(p)))
		}
	}
	return c
}

const latencyCurveSuffix = "_latency_us"

func micros(nanos int64) float64 { return float64(nanos) / 1e3 }

var opDocs = [opKinds]string{
	opGet:     "a Get, whether it finds something or not",
	opGetHit:  "a Get that found something",
	opGetMiss: "a Get that found nothing",
	opProbe:   "a probe, the scan of one join key's records from Iter to Close with what the join does to each record",
	opApply:   "an Apply of one batch",
	opAdvance: "an Advance of the watermark",
	opSync:    "a Sync, the checkpoint",
	opEvent:   "an event, from its arrival until it has been handled with all the calls that it causes, the advance of the watermark and the checkpoint that its arrival makes due among them",
	opSample:  "a sample, from the arrival of the event that made it due (the first at or after the tick at which the watermark passed its window's end) until it was emitted",
}

const latencyNote = ", from a histogram of three digits. In the open loop events arrive at their intended times, in the closed loop when the one caller takes them; " +
	"one clock reading (clock_ns) is included. Where there is a count of timed ones, the others are not in it, and a longest time may be missed. " +
	"A percentile beyond which no value lies is absent."

// latencyMetrics documents the metrics of every kind of latency.
func latencyMetrics() []MetricDoc {
	var docs []MetricDoc
	for op, what := range opDocs {
		name := opNames[op]
		for _, p := range namedPercentiles {
			docs = append(docs, MetricDoc{name + p.suffix, "us", Lower, p.words + " of the time of " + what + latencyNote})
		}
		docs = append(docs,
			MetricDoc{name + "_max_us", "us", Lower, "Longest time of " + what + latencyNote},
			MetricDoc{name + "_count", "calls", Neither, fmt.Sprintf("How often there was %s in the measured phase, timed or not.", what)},
		)
		if sampled(opKind(op)) {
			docs = append(docs, MetricDoc{name + "_timed", "calls", Neither,
				fmt.Sprintf("How many of %s_count were timed (settings.sample_every). Absent if all were.", name)})
		}
	}
	return docs
}

// latencyCurves documents the curves of every kind of latency.
func latencyCurves() []CurveDoc {
	var docs []CurveDoc
	for op, what := range opDocs {
		docs = append(docs, CurveDoc{opNames[op] + latencyCurveSuffix, "percentile", "us", Lower,
			"The time of " + what + ", by percentile: so many of a hundred take no longer" + latencyNote})
	}
	return docs
}
