package bench

import "math"

// A quantile is a share of delays, and how long they are at most, in seconds.
type quantile struct{ share, seconds float64 }

// quantileDelay returns the law that has these quantiles, of which the first is of
// share 0 and the last of share 1. Between them the logarithm of the delay grows
// evenly. Like those of a log-normal law its quantiles are whole milliseconds.
func quantileDelay(points ...quantile) *delayLaw {
	var law delayLaw
	next := 1
	for i := range law {
		share := float64(i) / 256
		for next < len(points)-1 && share > points[next].share {
			next++
		}
		a, b := points[next-1], points[next]
		part := (share - a.share) / (b.share - a.share)
		law[i] = int64(math.Round(1000*a.seconds*math.Pow(b.seconds/a.seconds, part))) * 1000
	}
	return &law
}

// installDelay is the law of the delay from an ad's click to the installation, as
// measured on 100,000 clicks.
func installDelay() *delayLaw {
	return quantileDelay(quantile{0, 1}, quantile{0.5, 198}, quantile{0.75, 1.4 * 3600}, quantile{0.9, 4.2 * 3600}, quantile{0.99, 10.2 * 3600}, quantile{1, 12.9 * 3600})
}

// scheduleDelay is the law of a cluster job's delay from submission to being scheduled,
// and runDelay that from there to its end, as in the cluster trace that docs/DATA.md names.
func scheduleDelay() *delayLaw {
	return quantileDelay(quantile{0, 0.1}, quantile{0.5, 2.4}, quantile{0.99, 178}, quantile{1, 600})
}

func runDelay() *delayLaw {
	return quantileDelay(quantile{0, 1}, quantile{0.5, 235}, quantile{0.9, 1283}, quantile{0.99, 6354}, quantile{1, 23603})
}
