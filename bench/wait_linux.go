package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// spinMargin is what is left to spinning: a sleeping thread is woken up to some
// tens of microseconds late (the kernel's timer slack alone is 50).
const spinMargin = 100 * time.Microsecond

// preciseWait sleeps for most of d and spins for the rest. (time.Sleep would
// do for neither: the runtime's poller rounds short sleeps up to a millisecond.)
func preciseWait(d time.Duration) {
	start := time.Now()
	if d > 2*spinMargin {
		ts := unix.NsecToTimespec(int64(d - spinMargin))
		// An interrupted sleep is made up for by spinning.
		_ = unix.Nanosleep(&ts, nil)
	}
	for time.Since(start) < d {
	}
}
