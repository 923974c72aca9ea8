package mrc

import (
	"fmt"
	"math"
	"strings"
	"testing"
)

// fiveSizes are the shares of the footprint at which curves are compared.
var fiveSizes = []float64{0.01, 0.03, 0.1, 0.3, 0.7}

// maxError is how far a sampled curve may be from the exact one.
const maxError = 0.02

// leastSampled is how many blocks a sample has at least.
const leastSampled = 8 << 10

// curvesAt returns the miss ratios of every policy at five sizes.
func curvesAt(t *Trace, footprint int64) map[Policy][]float64 {
	var sizes []int64
	for _, share := range fiveSizes {
		sizes = append(sizes, int64(share*float64(footprint)))
	}
	curves := map[Policy][]float64{LRU: t.LRU(sizes)}
	for _, p := range []Policy{Clock, S3FIFO} {
		for _, size := range sizes {
			curves[p] = append(curves[p], t.MissRatio(p, size))
		}
	}
	return curves
}

// A sampledCase is a stream with the limits that it is sampled within.
type sampledCase struct {
	stream stream
	limits Limits
}

// sampledCases returns the streams of the table; in a short test, and so under the
// race detector, smaller ones.
func sampledCases(t *testing.T) []sampledCase {
	// The engines' limit is a quarter of the default, so that a store that is made
	// in a second has more blocks.
	quarter := Limits{Blocks: DefaultLimits().Blocks / 4}
	if testing.Short() {
		return []sampledCase{
			{uniformStream(1, 60_000), quarter},
			{engineStream(t, "lsm?block_size=1KiB&memory=1MiB", 1, 30_000, 30_000), quarter},
		}
	}
	return []sampledCase{
		{zipfStream(1, 500_000), Limits{}},
		{uniformStream(1, 500_000), Limits{}},
		{mixedStream(1, 500_000), Limits{}},
		{engineStream(t, "lsm?block_size=1KiB&memory=1MiB", 1, 60_000, 120_000), quarter},
		{engineStream(t, "btree?memory=1MiB", 1, 60_000, 120_000), quarter},
	}
}

// TestSampledCurvesAreNearTheExactOnes prints the table of docs/CACHES.md.
func TestSampledCurvesAreNearTheExactOnes(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for _, c := range sampledCases(t) {
		exact := traceOf(t, c.stream, everything, 0)
		footprint := exact.Footprint()
		want := curvesAt(exact, footprint)
		errs := map[Policy][]float64{}
		least, rate := math.MaxInt, 1.0
		for seed := range seeds {
			sampled := traceOf(t, c.stream, c.limits, seed)
			least, rate = min(least, sampled.Sampled), min(rate, sampled.Rate)
			if sampled.Sampled < leastSampled || sampled.Rate == 1 {
				t.Fatalf("%v: %d blocks at rate %v are no sample to judge", c.stream, sampled.Sampled, sampled.Rate)
			}
			for p, got := range curvesAt(sampled, footprint) {
				errs[p] = widen(errs[p], got, want[p])
			}
		}
		t.Logf("%v, %d blocks; at least %d sampled, rate %v", c.stream, exact.Sampled, least, rate)
		for _, p := range Policies() {
			t.Logf("  %-7s exact %s, error in pp %s", p, percents(want[p]), percents(errs[p]))
			for i, e := range errs[p] {
				if e > maxError {
					t.Errorf("%v, %v at %v of the footprint: off by %.2f pp", c.stream, p, fiveSizes[i], 100*e)
				}
			}
		}
	}
}

// widen returns the greater of the errors so far and those of got.
func widen(errs, got, want []float64) []float64 {
	if errs == nil {
		errs = make([]float64, len(got))
	}
	for i := range got {
		errs[i] = max(errs[i], math.Abs(got[i]-want[i]))
	}
	return errs
}

func percents(ratios []float64) string {
	var b strings.Builder
	for _, r := range ratios {
		fmt.Fprintf(&b, "%6.2f", 100*r)
	}
	return b.String()
}
