package draw

import "math"

// A DelayLaw is a distribution of delays in microseconds, given by its
// quantiles at 0/256, 1/256 ... 256/256 and straight lines between them.
type DelayLaw [257]int64

// tailZ is where a log-normal law is cut off, in standard deviations: what lies
// beyond is one draw in 30,000.
const tailZ = 4

// LogNormal returns the log-normal law of the given median, in seconds,
// and sigma, the standard deviation of the delay's logarithm. Quantiles
// are whole milliseconds, which absorbs the last bit in which the exponential
// function may differ between machines.
func LogNormal(medianSeconds, sigma float64) *DelayLaw {
	var law DelayLaw
	for i := range law {
		z := math.Sqrt2 * math.Erfinv(float64(i)/128-1)
		z = min(max(z, -tailZ), tailZ)
		law[i] = int64(math.Round(1000*medianSeconds*math.Exp(sigma*z))) * 1000
	}
	return &law
}

// Draw returns a delay in microseconds.
func (l *DelayLaw) Draw(r *Random) int64 {
	u := r.pcg.Uint64()
	i, fraction := u>>56, int64(u>>40&0xffff)
	return l[i] + (l[i+1]-l[i])*fraction>>16
}

// A Quantile is a share of delays, and how long they are at most, in seconds.
type Quantile struct{ Share, Seconds float64 }

// Quantiles returns the law that has these quantiles, of which the first is of
// share 0 and the last of share 1. Between them the logarithm of the delay grows
// evenly. Like those of a log-normal law its quantiles are whole milliseconds.
func Quantiles(points ...Quantile) *DelayLaw {
	var law DelayLaw
	next := 1
	for i := range law {
		share := float64(i) / 256
		for next < len(points)-1 && share > points[next].Share {
			next++
		}
		a, b := points[next-1], points[next]
		part := (share - a.Share) / (b.Share - a.Share)
		law[i] = int64(math.Round(1000*a.Seconds*math.Pow(b.Seconds/a.Seconds, part))) * 1000
	}
	return &law
}

// Installations is the law of the delay from an ad's click to the installation, as
// measured on 100,000 clicks.
func Installations() *DelayLaw {
	return Quantiles(Quantile{0, 1}, Quantile{0.5, 198}, Quantile{0.75, 1.4 * 3600}, Quantile{0.9, 4.2 * 3600}, Quantile{0.99, 10.2 * 3600}, Quantile{1, 12.9 * 3600})
}

// JobSchedules is the law of a cluster job's delay from submission to being scheduled,
// and JobRuns that from there to its end, as in the cluster trace that docs/DATA.md names.
func JobSchedules() *DelayLaw {
	return Quantiles(Quantile{0, 0.1}, Quantile{0.5, 2.4}, Quantile{0.99, 178}, Quantile{1, 600})
}

func JobRuns() *DelayLaw {
	return Quantiles(Quantile{0, 1}, Quantile{0.5, 235}, Quantile{0.9, 1283}, Quantile{0.99, 6354}, Quantile{1, 23603})
}
