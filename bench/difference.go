package bench

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A MismatchError says why results cannot be compared.
type MismatchError struct {
	Reason    string
	Forceable bool // Force would compare them
}

func (e *MismatchError) Error() string { return e.Reason }

// difference says what, beside the program, sets two results apart; empty if nothing.
func difference(a, b *Result) string {
	if why := originDifference(a, b); why != "" {
		return why
	}
	if why := settingsDifference(&a.Settings, &b.Settings); why != "" {
		return "the settings differ in " + why
	}
	return outputDifference(a, b)
}

// backendDifference is difference for results of two backends, which may have
// different budgets: one that resides in memory has none.
func backendDifference(a, b *Result) string {
	if why := originDifference(a, b); why != "" {
		return why
	}
	settings := b.Settings
	settings.Memory = a.Settings.Memory
	if why := settingsDifference(&a.Settings, &settings); why != "" {
		return "the settings differ in " + why
	}
	return outputDifference(a, b)
}

func originDifference(a, b *Result) string {
	if field, same := a.Machine.SameAs(&b.Machine); !same {
		return "the machines differ in " + field
	}
	if a.Seed != b.Seed {
		return fmt.Sprintf("the seeds differ: %d and %d", a.Seed, b.Seed)
	}
	return ""
}

func outputDifference(a, b *Result) string {
	if a.Metrics["output_checksum"] != b.Metrics["output_checksum"] {
		return fmt.Sprintf("the outputs differ: checksums %s and %s",
			checksumText(a.Metrics["output_checksum"].Value), checksumText(b.Metrics["output_checksum"].Value))
	}
	return ""
}

func settingsDifference(a, b *Settings) string {
	pairs := []struct {
		name string
		a, b any
	}{
		{"memory_bytes", a.Memory, b.Memory},
		{"durability", a.Durability, b.Durability},
		{"compression", a.Compression, b.Compression},
		{"maintenance", a.Maintenance, b.Maintenance},
		{"sample_every", a.SampleEvery, b.SampleEvery},
		{"memory_limit_bytes", limitText(a.MemoryLimit), limitText(b.MemoryLimit)},
		{"rate_per_s", a.Rate, b.Rate},
		{"rate_max", a.RateMax, b.RateMax},
		{"rate_share", a.RateShare, b.RateShare},
		{"rate_of", a.RateOf, b.RateOf},
		{"arrival", a.Arrival, b.Arrival},
		{"watch", namesText(a.Watch), namesText(b.Watch)},
		{"cpu_cache", a.CPUCache.String(), b.CPUCache.String()},
		{"device", a.Device, b.Device},
	}
	for _, p := range pairs {
		if p.a != p.b {
			return fmt.Sprintf("%s: %v and %v", p.name, p.a, p.b)
		}
	}
	names := slices.Sorted(maps.Keys(a.Knobs))
	for _, name := range slices.Sorted(maps.Keys(b.Knobs)) {
		if _, ok := a.Knobs[name]; !ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		va, inA := a.Knobs[name]
		vb, inB := b.Knobs[name]
		switch {
		case !inA || !inB:
			return fmt.Sprintf("knob %s, which only one has", name)
		case va != vb:
			return fmt.Sprintf("knob %s: %s and %s", name, number(va), number(vb))
		}
	}
	return ""
}

func namesText(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ",")
}

// bounded says how many of a group's repetitions a control group bounded: all, none
// or some.
func (g *Group) bounded() string {
	switch len(g.Values("memory_limit_bytes")) {
	case 0:
		return "none"
	case len(g.Results):
		return "all"
	}
	return "some"
}
