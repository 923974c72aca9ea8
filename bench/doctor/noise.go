package doctor

import (
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/statelab/statelab/bench/host"
)

// loopTurns are those of one round of the fixed loop: some milliseconds.
const loopTurns = 1_000_000

// fixedLoop is work that depends on the processor's clock alone: three dependent
// operations a turn (Marsaglia's xorshift), no memory.
func fixedLoop(x uint64) uint64 {
	for range loopTurns {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// leastRounds are enough for a 95th percentile.
const leastRounds = 20

func measureNoise(ctx context.Context, r *Report, o Options, _ string) error {
	before, used := host.ReadLoad(), host.ReadUsage()
	x := uint64(1)
	var rounds []time.Duration
	for start := time.Now(); len(rounds) < leastRounds || time.Since(start) < 2*o.Probe; {
		began := time.Now()
		x = fixedLoop(x)
		rounds = append(rounds, time.Since(began))
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	after := host.ReadLoad()
	own := host.ReadUsage().CPU - used.CPU
	slices.Sort(rounds)
	least := float64(rounds[0])
	const how = "one thread repeats a loop of fixed work; time over that of the fastest round"
	r.noise("loop_median", 100*(float64(quantile(rounds, 0.5))/least-1), "%", how+", median")
	r.noise("loop_p95", 100*(float64(quantile(rounds, 0.95))/least-1), "%", how+", 95th percentile")
	runtime.KeepAlive(x)
	during := "of the time of all processors while the loop ran"
	r.share("others", during+", for other processes (/proc/stat)")(after.Others(&before, own))
	r.share("steal", during+", that the hypervisor took (/proc/stat)")(after.Steal(&before))
	r.share("pressure_cpu", "of that time, in which a task waited for a processor (/proc/pressure)")(after.Pressure(&before, host.CPU))
	r.share("pressure_io", "of that time, in which a task waited for a disk (/proc/pressure)")(after.Pressure(&before, host.Disk))
	r.share("pressure_memory", "of that time, in which a task waited for memory (/proc/pressure)")(after.Pressure(&before, host.RAM))
	if v, ok := after.Average(); ok {
		r.noise("load_average", v, "tasks", "over the last minute (/proc/loadavg)")
	}
	return nil
}

func (r *Report) noise(name string, value float64, unit, how string) {
	r.Noise = append(r.Noise, Figure{name, value, unit, how})
}

// share returns a function that adds a share as a figure, or a gap where the
// system does not tell.
func (r *Report) share(name, how string) func(v float64, known bool) {
	return func(v float64, known bool) {
		if known {
			r.noise(name, 100*v, "%", how)
		} else {
			r.Missing = append(r.Missing, Gap{name, "this system does not tell, or the time was too short for its clock"})
		}
	}
}
