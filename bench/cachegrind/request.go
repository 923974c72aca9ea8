package cachegrind

// What a program that runs under Callgrind asks it for. These are client requests
// (valgrind's manual, "The Client Request mechanism"): instructions that change nothing, which
// valgrind knows when it meets them. Without valgrind, and under Cachegrind, they do nothing
// and take a few nanoseconds.
const (
	callgrindRequests = 'C'<<24 | 'T'<<16 // as <valgrind/callgrind.h> numbers them

	zeroStats            = callgrindRequests + 1
	startInstrumentation = callgrindRequests + 4
	stopInstrumentation  = callgrindRequests + 5
)

// Start has simulated caches see what the program does. They are empty.
func Start() { ask(startInstrumentation) }

// Reset sets counts to zero and leaves the caches as they are.
func Reset() { ask(zeroStats) }

// Stop ends the simulation. What was counted until now are the program's counts.
func Stop() { ask(stopInstrumentation) }

// ask makes a request that has no arguments and whose answer is of no interest.
func ask(number uint64) { request(&[6]uint64{number}) }
