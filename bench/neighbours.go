package bench

import (
	"fmt"
	"strings"

	"github.com/statelab/statelab/bench/host"
)

var neighbourMetrics = []MetricDoc{
	{"steal_ratio", "ratio", Neither, "Share of the processors' time in the measured phase in which a hypervisor let them wait although there was work (/proc/stat). Absent where the system does not tell."},
	{"others_cpu_ratio", "ratio", Neither, "Share of the processors' time in the measured phase that other processes used: the machine's busy time less that of this process and of the kernel's threads. Absent where the system does not tell."},
	{"pressure_cpu_ratio", "ratio", Neither, "Share of the measured phase in which some task on the machine, the run's own threads included, waited for a processor (/proc/pressure/cpu, some). Absent where the system does not tell."},
	{"pressure_io_ratio", "ratio", Neither, "The same for tasks that waited for input or output."},
	{"pressure_memory_ratio", "ratio", Neither, "The same for tasks that waited for memory, as they do in a group that is at its bound."},
	{"load_average", "tasks", Neither, "Load average of the machine over the last minute at the end of the measured phase, the run itself included."},
	{"involuntary_switches", "switches", Neither, "Context switches that the process's threads did not ask for in the measured phase: a time slice had ended, or something else came first."},
}

// emitNeighbours adds what others did between two loads, in which this process
// went from one usage to the other.
func (m Metrics) emitNeighbours(before, after *host.Load, from, to host.Usage) {
	m.setKnown("steal_ratio")(after.Steal(before))
	m.setKnown("others_cpu_ratio")(after.Others(before, to.CPU-from.CPU))
	m.setKnown("pressure_cpu_ratio")(after.Pressure(before, host.CPU))
	m.setKnown("pressure_io_ratio")(after.Pressure(before, host.Disk))
	m.setKnown("pressure_memory_ratio")(after.Pressure(before, host.RAM))
	m.setKnown("load_average")(after.Average())
	m.set("involuntary_switches", float64(to.Involuntary-from.Involuntary))
}

// setKnown returns what sets a metric if its value is known.
func (m Metrics) setKnown(name string) func(value float64, known bool) {
	return func(value float64, known bool) {
		if known {
			m.set(name, value)
		}
	}
}

// A run is disturbed if its neighbours took more than these shares of
// the processors' time. A tenth is half the difference between backends that one would
// act on; steal weighs more, since it stops all threads of a processor wherever they are.
const (
	disturbingOthers = 0.10
	disturbingSteal  = 0.02
)

// disturbedNote begins the note of a disturbed run.
const disturbedNote = "disturbed: "

// disturbance says how neighbours disturbed the run that has these metrics, and
// by how many times the threshold; empty and at most 1 if they did not.
// What is not known disturbs nothing.
func disturbance(m Metrics) (note string, times float64) {
	var parts []string
	for _, d := range []struct {
		metric, what string
		threshold    float64
	}{
		{"others_cpu_ratio", "other processes used %s of the processors (more than %s)", disturbingOthers},
		{"steal_ratio", "the hypervisor stole %s (more than %s)", disturbingSteal},
	} {
		v := m[d.metric].Value
		times = max(times, v/d.threshold)
		if v > d.threshold {
			parts = append(parts, fmt.Sprintf(d.what, percent(v), percent(d.threshold)))
		}
	}
	if len(parts) == 0 {
		return "", times
	}
	return disturbedNote + strings.Join(parts, ", "), times
}

// Disturbed says whether the run's neighbours disturbed it.
func (r *Result) Disturbed() bool {
	for _, n := range r.Notes {
		if strings.HasPrefix(n, disturbedNote) {
			return true
		}
	}
	return false
}

// Disturbed returns how many of the group's repetitions were disturbed.
func (g *Group) Disturbed() int {
	n := 0
	for i := range g.Results {
		if g.Results[i].Disturbed() {
			n++
		}
	}
	return n
}
