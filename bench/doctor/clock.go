package doctor

import (
	"context"
	"slices"
	"time"
)

func measureClock(_ context.Context, r *Report, _ Options, _ string) error {
	cost, step := readClock()
	r.limit("clock_cost", float64(cost), "ns", "time.Since in a loop of 2,000 readings, the best of 20 rounds")
	if step > 0 {
		r.limit("clock_step", float64(step), "ns", "least difference of two readings that is not zero")
	}
	const nap, naps = time.Millisecond, 50
	late := make([]time.Duration, naps)
	for i := range late {
		start := time.Now()
		time.Sleep(nap)
		late[i] = max(0, time.Since(start)-nap)
	}
	slices.Sort(late)
	r.limit("sleep_late_p50", micros(quantile(late, 0.5)), "us", "how much longer than asked a sleep of 1 ms takes, median of 50")
	r.limit("sleep_late_max", micros(late[naps-1]), "us", "the same, the longest of 50")
	return nil
}

// readClock returns what a reading costs, and the least step that shows.
func readClock() (cost, step time.Duration) {
	const rounds, readings = 20, 2000
	best := time.Hour
	start := time.Now()
	for range rounds {
		began := time.Since(start)
		last := began
		for range readings {
			now := time.Since(start)
			if d := now - last; d > 0 && (step == 0 || d < step) {
				step = d
			}
			last = now
		}
		best = min(best, last-began)
	}
	return best / readings, step
}
