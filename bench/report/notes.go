package report

import (
	"fmt"
	"slices"

	"github.com/statelab/statelab/bench"
)

// notesOn returns a result's notes, each once. What a disturbance was is left
// out: it differs from run to run, and is among the metrics.
func notesOn(r *bench.Result) []string {
	var notes []string
	for _, n := range r.Notes {
		if !slices.Contains(notes, n) {
			notes = append(notes, n)
		}
	}
	if r.Disturbed() {
		notes = slices.DeleteFunc(notes, func(n string) bool {
			one := bench.Result{Notes: []string{n}}
			return one.Disturbed()
		})
		notes = append(notes, "disturbed by other load on the machine")
	}
	return notes
}

// A note is what some of a number of results carry.
type note struct {
	text string
	runs int
}

// notesOf returns the notes of results in order of appearance.
func notesOf(results []bench.Result) []note {
	var notes []note
	for i := range results {
		for _, text := range notesOn(&results[i]) {
			at := slices.IndexFunc(notes, func(n note) bool { return n.text == text })
			if at < 0 {
				at = len(notes)
				notes = append(notes, note{text: text})
			}
			notes[at].runs++
		}
	}
	return notes
}

// commonNotes returns the notes that all results carry: they tell of the
// machine or of how the suite was run, not of a contender.
func commonNotes(results []bench.Result) []string {
	var common []string
	for _, n := range notesOf(results) {
		if n.runs == len(results) {
			common = append(common, n.text)
		}
	}
	return common
}

// ownNotes returns the notes of a contender but for those that are common, with how
// many of its runs carry each.
func ownNotes(results []bench.Result, common []string) []string {
	var own []string
	for _, n := range notesOf(results) {
		switch {
		case slices.Contains(common, n.text):
		case n.runs == len(results):
			own = append(own, n.text)
		default:
			own = append(own, fmt.Sprintf("%s (%d of %d runs)", n.text, n.runs, len(results)))
		}
	}
	return own
}
