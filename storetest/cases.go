package storetest

import (
	"fmt"
	"slices"
	"testing"

	"github.com/statelab/statelab"
)

// A testCase proves one clause, or a part of it.
type testCase struct {
	clause string
	name   string
	needs  need
	run    func(*lab)
}

// need is a set of what a case needs of the store or of the run.
type need uint

const (
	needsFS       need = 1 << iota // files reached through Options.FS
	needsInline                    // MaintenanceInline
	needsResident                  // Config.MemoryResident
	needsTime                      // not -short
	// settled cases run three times: as they are, with a Sync after each step,
	// and with a Sync and a reopening after each step, so that what a case says
	// of memory is also said of files.
	settled
)

// allCases returns the cases in the order of their clauses.
func allCases() []testCase {
	return slices.Concat(
		recordCases(),
		timeCases(),
		iteratorCases(),
		durabilityCases(),
		failureCases(),
		settingCases(),
		concurrencyCases(),
	)
}

// run runs the cases of the clause, or everything if clause is empty.
func run(t tb, cfg *Config, clause string) {
	cfg.setDefaults()
	cases := allCases()
	for _, c := range Clauses() {
		if clause != "" && clause != c.ID {
			continue
		}
		t.Run(c.ID, func(t tb) {
			if why, ok := cfg.Waive[c.ID]; ok {
				t.Skip("waived: " + why)
			}
			for _, tc := range cases {
				if tc.clause == c.ID {
					t.Run(tc.name, func(t tb) { tc.start(t, cfg) })
				}
			}
		})
	}
	if clause == "" || clause == randomName {
		t.Run(randomName, func(t tb) {
			if why, ok := cfg.Waive[randomName]; ok {
				t.Skip("waived: " + why)
			}
			if cfg.For > 0 {
				runLab(t, cfg, randomName, randomFor)
				return
			}
			runLab(t, cfg, randomName, randomRuns)
		})
	}
	if cfg.Crashes > 0 && (clause == "" || clause == crashesName) {
		t.Run(crashesName, func(t tb) {
			if why := needsFS.missing(cfg); why != "" {
				t.Skip(why)
			}
			runLab(t, cfg, crashesName, crashesUntil)
		})
	}
}

// The names of the runs that belong to no clause.
const (
	randomName  = "random"
	crashesName = "crashes"
)

// start runs the case in each of its variants, or skips it and says why.
func (tc testCase) start(t tb, cfg *Config) {
	if why := tc.needs.missing(cfg); why != "" {
		t.Skip(why)
	}
	if tc.needs&settled == 0 {
		runLab(t, cfg, tc.clause, tc.run)
		return
	}
	variants := []struct {
		name   string
		settle func(*store)
	}{
		{"fresh", nil},
		{"synced", (*store).sync},
		{"reopened", func(s *store) { s.sync(); s.reopen() }},
	}
	for _, v := range variants {
		t.Run(v.name, func(t tb) {
			if cfg.Volatile && v.name == "reopened" {
				t.Skip("Config.Volatile: the store keeps nothing when it is closed")
			}
			runLab(t, cfg, tc.clause, func(l *lab) {
				l.settle = v.settle
				tc.run(l)
			})
		})
	}
}

// missing says what cannot be had, or nothing.
func (n need) missing(cfg *Config) string {
	switch {
	case n&needsFS != 0 && cfg.IgnoresFS:
		return "Config.IgnoresFS: the store does not reach files through Options.FS"
	case n&needsInline != 0 && cfg.NoInline:
		return "Config.NoInline: the store does not know MaintenanceInline"
	case n&needsResident != 0 && !cfg.MemoryResident:
		return "Config.MemoryResident is false: the clause is about stores that hold all state in memory"
	case n&needsTime != 0 && testing.Short():
		return "-short: the case takes hundreds of megabytes"
	}
	return ""
}

func everyDurability() []statelab.Durability {
	return []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityInterval, statelab.DurabilityAlways}
}

// eachDurability runs f in a subtest for each durability.
func (l *lab) eachDurability(f func(*lab, statelab.Durability)) {
	l.durabilities(everyDurability(), f)
}

// durabilities runs f in a subtest for each of those given, and skips those
// that the store does not support.
func (l *lab) durabilities(of []statelab.Durability, f func(*lab, statelab.Durability)) {
	for _, d := range of {
		l.tb.Run(d.String(), func(t tb) {
			if !l.cfg.supports(d) {
				t.Skip(unsupported(d))
			}
			runLab(t, l.cfg, l.clause, func(l *lab) { f(l, d) })
		})
	}
}

// only skips the case if the store does not support the durability.
func (l *lab) only(d statelab.Durability) {
	if !l.cfg.supports(d) {
		l.Skip(unsupported(d))
	}
}

func unsupported(d statelab.Durability) string {
	return fmt.Sprintf("Config.Durabilities: the store does not support %s", d)
}

func (cfg *Config) supports(d statelab.Durability) bool {
	return cfg.Durabilities == nil || slices.Contains(cfg.Durabilities, d)
}
