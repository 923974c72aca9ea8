package draw

import (
	"math"
	"slices"
	"testing"
)

func TestDelaysFollowTheirLaw(t *testing.T) {
	law := LogNormal(60, 1)
	r := New(5, 0)
	const n = 200_000
	bounds := []float64{10, 30, 60, 120, 600}
	counts := make([]int, len(bounds))
	for range n {
		d := law.Draw(r)
		if d < 0 || d > int64(60e6*math.Exp(tailZ))+1000 {
			t.Fatalf("delay of %d us", d)
		}
		for i, b := range bounds {
			if float64(d) <= b*1e6 {
				counts[i]++
			}
		}
	}
	for i, b := range bounds {
		want := 0.5 * math.Erfc(-math.Log(b/60)/math.Sqrt2)
		if got := float64(counts[i]) / n; math.Abs(got-want) > 0.005 {
			t.Errorf("%.4f of delays are within %v s, not %.4f", got, b, want)
		}
	}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*want {
		t.Errorf("%s: %.4f, not about %.4f", what, got, want)
	}
}

// The laws are those of the sources that docs/WORKLOADS.md names.
func TestDelayLawsHaveTheirQuantiles(t *testing.T) {
	for _, c := range []struct {
		what string
		law  *DelayLaw
		want map[int]float64 // seconds, by 256th
	}{
		{"installations", Installations(), map[int]float64{128: 198, 192: 1.4 * 3600, 256: 12.9 * 3600}},
		{"scheduling", JobSchedules(), map[int]float64{128: 2.4}},
		{"running", JobRuns(), map[int]float64{128: 235, 256: 23603}},
	} {
		for i, want := range c.want {
			near(t, c.what, float64(c.law[i])/1e6, want, 0.001)
		}
		if !slices.IsSorted(c.law[:]) {
			t.Errorf("%s: the quantiles do not grow", c.what)
		}
	}
	r, law := New(1, 0), Installations()
	var delays []int64
	for range 100_000 {
		delays = append(delays, law.Draw(r))
	}
	slices.Sort(delays)
	near(t, "p90 of installations", float64(delays[90_000])/1e6, 4.2*3600, 0.03)
	near(t, "p99 of installations", float64(delays[99_000])/1e6, 10.2*3600, 0.03)
}
