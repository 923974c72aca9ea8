//go:build !linux

package bench

import "time"

// spinMargin is what is left to spinning: a sleeping goroutine is woken late.
const spinMargin = 2 * time.Millisecond

// preciseWait sleeps for most of d and spins for the rest.
func preciseWait(d time.Duration) {
	start := time.Now()
	if d > 2*spinMargin {
		time.Sleep(d - spinMargin)
	}
	for time.Since(start) < d {
	}
}
