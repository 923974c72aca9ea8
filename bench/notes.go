package bench

import (
	"fmt"
	"slices"
	"strings"
)

// NotesText says what a reader must know of groups of one workload, a line for
// each thing: which runs neighbours disturbed, and then the notes of their results
// with the backends that they are of.
func NotesText(groups []Group) string {
	var b strings.Builder
	if text := disturbedText(groups); text != "" {
		b.WriteString(text + "\n")
	}
	var notes []string
	whose := map[string][]string{}
	for i := range groups {
		for _, r := range groups[i].Results {
			for _, note := range r.Notes {
				if strings.HasPrefix(note, disturbedNote) {
					continue
				}
				if !slices.Contains(notes, note) {
					notes = append(notes, note)
				}
				if !slices.Contains(whose[note], r.Backend) {
					whose[note] = append(whose[note], r.Backend)
				}
			}
		}
	}
	for _, note := range notes {
		of := strings.Join(whose[note], ", ")
		if len(whose[note]) == len(groups) && len(groups) > 1 {
			of = "every backend"
		}
		fmt.Fprintf(&b, "%s: %s\n", of, note)
	}
	return b.String()
}

// disturbedText counts the disturbed runs of each backend and says by how much
// the worst was; empty if there are none.
func disturbedText(groups []Group) string {
	var counts []string
	others, steal := 0.0, 0.0
	for i := range groups {
		g := &groups[i]
		n := g.Disturbed()
		if n == 0 {
			continue
		}
		counts = append(counts, fmt.Sprintf("%s %d of %d", g.Backend, n, len(g.Results)))
		for j := range g.Results {
			others = max(others, g.Results[j].Metrics["others_cpu_ratio"].Value)
			steal = max(steal, g.Results[j].Metrics["steal_ratio"].Value)
		}
	}
	if len(counts) == 0 {
		return ""
	}
	return fmt.Sprintf("DISTURBED by neighbours, runs: %s; at worst others used %s of the processors and %s was stolen",
		strings.Join(counts, ", "), percent(others), percent(steal))
}
