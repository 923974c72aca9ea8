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
	for left := d; left > 2*spinMargin; left = d - time.Since(start) {
		ts := unix.NsecToTimespec(int64(left - spinMargin))
		_ = unix.Nanosleep(&ts, nil) // a signal may end it early
	}
	for time.Since(start) < d {
	}
}
