package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/perf"
)

const countersNote = " Counted by the processor (perf_event_open), in user mode, all threads of the process, harness included, scaled where counters took turns. Absent where the machine exposes no such counter, as most virtual machines do not."

var counterMetrics = []MetricDoc{
	{"instructions_per_event", "instructions", Lower, "Instructions executed per event." + countersNote},
	{"cycles_per_event", "cycles", Lower, "Cycles of the processor's clock per event, which slows down and speeds up with it." + countersNote},
	{"d1_misses_per_event", "misses", Lower, "Reads that missed the first-level data cache, per event." + countersNote},
	{"ll_misses_per_event", "misses", Lower, "Reads that missed the last-level cache, per event." + countersNote},
	{"branch_misses_per_event", "misses", Lower, "Branches that were predicted wrongly, per event." + countersNote},
	{"dtlb_misses_per_event", "misses", Lower, "Reads whose address translation missed the first-level TLB, per event." + countersNote},
}

// counterOf is the metric that each event of the processor becomes.
var counterOf = map[string]string{
	perf.Instructions: "instructions_per_event",
	perf.Cycles:       "cycles_per_event",
	perf.L1DMisses:    "d1_misses_per_event",
	perf.LLMisses:     "ll_misses_per_event",
	perf.BranchMisses: "branch_misses_per_event",
	perf.DTLBMisses:   "dtlb_misses_per_event",
}

// counters is the instrument that reads the processor's event counters.
type counters struct {
	set    *perf.Set // nil if there are none, and then
	reason error     // says why
	before perf.Snapshot
}

func newCounters(Job) (instrument, error) { return &counters{}, nil }

func (c *counters) attach(*statelab.Options) {}

// begin opens the counters only now, so that they need not be told apart
// from those of the warm-up.
func (c *counters) begin(statelab.Store) (err error) {
	if c.set, c.reason = perf.Open(perf.Hardware()); c.reason == nil {
		c.before, err = c.set.Read()
	}
	return err
}

func (c *counters) end(_ statelab.Store, m *Measurement) error {
	if c.set == nil {
		m.Notes = append(m.Notes, fmt.Sprintf("CPU counters: not available here (%v)", c.reason))
		return nil
	}
	after, err := c.set.Read()
	if err != nil {
		return err
	}
	m.emitCounters(c.set.Since(c.before, after))
	return nil
}

// emitCounters adds the metrics of the events that were counted, and names those
// that were not.
func (m *Measurement) emitCounters(counted map[string]float64) {
	var missing []string
	for event, metric := range counterOf {
		if n, ok := counted[event]; ok {
			m.Metrics.setRatio(metric, n, float64(m.Events))
		} else {
			missing = append(missing, event)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		m.Notes = append(m.Notes, "CPU counters: this machine does not count "+strings.Join(missing, ", "))
	}
}

func (c *counters) close() error {
	if c.set == nil {
		return nil
	}
	return c.set.Close()
}
