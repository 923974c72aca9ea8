package storetest

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"

	"github.com/statelab/statelab"
)

// A tally counts what a run has done: how often each thing, by durability.
// A nil tally counts nothing.
type tally struct {
	mu     sync.Mutex
	names  []string // in the order of first use
	counts map[string]*[3]int64
}

// Names that are counted in several places, or asked for.
const (
	histories       = "histories"
	historiesBeside = "histories with readers beside the writer"
	crashPoints     = "crash points"
)

func newTally() *tally { return &tally{counts: map[string]*[3]int64{}} }

func (t *tally) add(name string, d statelab.Durability, n int64) {
	if t == nil || n == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.counts[name] == nil {
		t.counts[name] = new([3]int64)
		t.names = append(t.names, name)
	}
	t.counts[name][d] += n
}

// total returns the counts of a name over all durabilities.
func (t *tally) total(name string) (n int64) {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.counts[name]; c != nil {
		n = c[0] + c[1] + c[2]
	}
	return n
}

// table prints the counts, a line for each name, sorted.
func (t *tally) table() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "checkpoint\tinterval\talways\ttotal\t")
	for _, name := range slices.Sorted(slices.Values(t.names)) {
		c := t.counts[name]
		fmt.Fprintf(w, "%d\t%d\t%d\t%d\t %s\n", c[0], c[1], c[2], c[0]+c[1]+c[2], name)
	}
	w.Flush()
	return b.String()
}
