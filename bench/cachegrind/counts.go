package cachegrind

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Counts are what a simulator counted of a process.
type Counts struct {
	Instructions float64 `json:"instructions"`
	I1Misses     float64 `json:"i1_misses"` // instruction fetches that missed the first level
	D1Misses     float64 `json:"d1_misses"` // reads and writes of data that did
	LLMisses     float64 `json:"ll_misses"` // all that missed the last level too
	Mispredicted float64 `json:"mispredicted"`
}

// maxLine bounds a line of a counts file, most of which are names of functions.
const maxLine = 1 << 20

// Parse reads a counts file. Of its lines, which the manual of valgrind
// specifies ("Cachegrind Output File Format", "Callgrind Format Specification"), two count here:
//
//	events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim
//	summary: 416411049 1669865 11720 ...
//
// A summary has a number for each event, in their order: instructions read; misses of
// I1 and LL by them; data read and misses of D1 and LL by that; the same of data
// written; conditional branches and those mispredicted; the same of indirect ones.
// Callgrind's events are in another order. It has its sums in a line "totals:", which goes
// before the summary, and leaves out zeros at its end.
func Parse(r io.Reader) (Counts, error) {
	var events, summary, totals []string
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		name, rest, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "events":
			events = strings.Fields(rest)
		case "summary":
			summary = strings.Fields(rest)
		case "totals":
			totals = strings.Fields(rest)
		}
	}
	if err := lines.Err(); err != nil {
		return Counts{}, err
	}
	if len(totals) > 0 {
		summary = totals
		for len(summary) < len(events) {
			summary = append(summary, "0")
		}
	}
	return count(events, summary)
}

// count finds the counts among the numbers for events.
func count(events, summary []string) (Counts, error) {
	if len(summary) == 0 {
		return Counts{}, errors.New("no summary in the counts file: the program was killed, or the file is cut")
	}
	if len(summary) != len(events) {
		return Counts{}, fmt.Errorf("summary of %d numbers for %d events", len(summary), len(events))
	}
	by := map[string]float64{}
	for i, event := range events {
		n, err := strconv.ParseUint(summary[i], 10, 63)
		if err != nil {
			return Counts{}, fmt.Errorf("event %s: %w", event, err)
		}
		by[event] = float64(n)
	}
	for _, event := range []string{"Ir", "I1mr", "ILmr", "D1mr", "DLmr", "D1mw", "DLmw", "Bcm", "Bim"} {
		if _, ok := by[event]; !ok {
			return Counts{}, fmt.Errorf("event %s was not counted", event)
		}
	}
	return Counts{
		Instructions: by["Ir"],
		I1Misses:     by["I1mr"],
		D1Misses:     by["D1mr"] + by["D1mw"],
		LLMisses:     by["ILmr"] + by["DLmr"] + by["DLmw"],
		Mispredicted: by["Bcm"] + by["Bim"],
	}, nil
}
