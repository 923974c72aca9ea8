package bench

import (
	"fmt"
	"strings"
)

// A Preset is what a suite is unless told otherwise.
type Preset struct {
	Name, Doc   string
	Workloads   []string
	Reps        int
	Watch       []string // instruments
	MemoryLimit int64    // as in Settings
	DropCaches  bool     // the page cache is dropped before each run
}

// fullReps is the fewest repetitions with which medians have an interval that
// holds them in nine of ten cases (1 - 2/2^5 = 0.94), and a test of two times five tells a
// difference from chance at p = 2/252.
const fullReps = 5

// Presets returns the suites that there are; the first is the default.
func Presets() []Preset {
	var all []string
	for _, w := range Workloads() {
		all = append(all, w.Name)
	}
	return []Preset{{
		Name: "main",
		Doc: "The three workloads that say most, once each: a few minutes. One run has no error bar. " +
			"Instruments that cost the run next to nothing watch it.",
		Workloads: []string{"J1s", "J10", "reads"}, Reps: 1, Watch: DefaultWatch(),
	}, {
		Name: "full",
		Doc: "Every workload, five times each, with the page cache dropped before each run and memory limited " +
			"by a control group where the system permits it (results say where it did not). Every instrument watches; those that " +
			"cost much have runs of their own.",
		Workloads: all, Reps: fullReps, Watch: InstrumentNames(), MemoryLimit: AutoLimit, DropCaches: true,
	}}
}

// InstrumentNames returns the names of all instruments.
func InstrumentNames() []string {
	var names []string
	for _, i := range Instruments() {
		names = append(names, i.Name)
	}
	return names
}

// FindPreset returns the suite of that name.
func FindPreset(name string) (Preset, error) {
	var names []string
	for _, p := range Presets() {
		if p.Name == name {
			return p, nil
		}
		names = append(names, p.Name)
	}
	return Preset{}, fmt.Errorf("unknown suite %q; one of %s", name, strings.Join(names, ", "))
}
