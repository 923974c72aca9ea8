package report

import (
	"fmt"
	"slices"

	"github.com/statelab/statelab/bench"
)

// caveats says what a reader must know before using the summary, in whole sentences.
func caveats(experiments []experiment) []string {
	var all []string
	add := func(text string) {
		if text != "" {
			all = append(all, text)
		}
	}
	add(repsCaveat(experiments))
	add(disturbedCaveat(experiments))
	add(durabilityCaveat(experiments))
	for i := range experiments {
		add(checksumCaveat(&experiments[i]))
	}
	add(machineCaveat(experiments))
	add(absentCaveat(experiments))
	add(noteCaveat(experiments))
	return all
}

func repsCaveat(experiments []experiment) string {
	least, most := -1, 0
	for i := range experiments {
		for _, c := range experiments[i].contenders {
			n := len(c.Results)
			most = max(most, n)
			if least < 0 || n < least {
				least = n
			}
		}
	}
	reps := count(most, "repetition")
	if least < most {
		reps = fmt.Sprintf("%d to %d repetitions", least, most)
	}
	if least >= enoughReps {
		return reps + " of each run. Where the intervals of two medians overlap, no winner is named."
	}
	return fmt.Sprintf("%s of each run: with fewer than %d a difference may be chance, and such leads have a question mark.", reps, enoughReps)
}

func disturbedCaveat(experiments []experiment) string {
	disturbed, runs := 0, 0
	for i := range experiments {
		for _, r := range experiments[i].results() {
			runs++
			if r.Disturbed() {
				disturbed++
			}
		}
	}
	if disturbed == 0 {
		return ""
	}
	were := "were"
	if disturbed == 1 {
		were = "was"
	}
	return fmt.Sprintf("%d of %s %s disturbed by other load on the machine, and took longer than alone. Counts of bytes are not touched.",
		disturbed, count(runs, "run"), were)
}

func durabilityCaveat(experiments []experiment) string {
	var classes []string
	for i := range experiments {
		for _, r := range experiments[i].results() {
			if d := r.Settings.Durability; !slices.Contains(classes, d) {
				classes = append(classes, d)
			}
		}
	}
	if len(classes) < 2 {
		return ""
	}
	return "Durability differs (" + joinNames(classes) + "): those who promise less have less to do."
}

func checksumCaveat(e *experiment) string {
	var sums []float64
	for _, r := range e.results() {
		if m, ok := r.Metrics["output_checksum"]; ok && !slices.Contains(sums, m.Value) {
			sums = append(sums, m.Value)
		}
	}
	if len(sums) < 2 {
		return ""
	}
	var texts []string
	for _, v := range sums {
		texts = append(texts, bench.FormatMetric("xxh64/53", v))
	}
	return fmt.Sprintf("THE OUTPUTS OF %s DIFFER (checksums %s): its figures cannot be compared.", e.name, joinNames(texts))
}

func machineCaveat(experiments []experiment) string {
	first := experiments[0].first()
	for i := range experiments {
		if field, same := first.Machine.SameAs(&experiments[i].first().Machine); !same {
			return "The results are of machines that differ in " + field + ". They are shown apart, and only what ran on one machine is compared."
		}
	}
	return ""
}

// absentCaveat names contenders that some experiments lack.
func absentCaveat(experiments []experiment) string {
	var names, lacking []string
	for i := range experiments {
		for _, c := range experiments[i].contenders {
			if !slices.Contains(names, c.name) {
				names = append(names, c.name)
			}
		}
	}
	for i := range experiments {
		for _, name := range names {
			if !slices.ContainsFunc(experiments[i].contenders, func(c contender) bool { return c.name == name }) {
				lacking = append(lacking, name+" on "+experiments[i].name)
			}
		}
	}
	if len(lacking) == 0 {
		return ""
	}
	return "There are no results of " + joinNames(lacking) + ": not run, or a run without numbers."
}

func noteCaveat(experiments []experiment) string {
	for i := range experiments {
		all := experiments[i].results()
		if len(notesOf(all)) > len(commonNotes(all)) {
			return "A dagger (†) marks backends whose runs carry notes that those of others do not; they stand under “What was run”."
		}
	}
	return ""
}
