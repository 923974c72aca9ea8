package pipeline_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab/backends"
	"github.com/statelab/statelab/join/pipeline"
	"github.com/statelab/statelab/vfs"
)

// joins are pipelines of every kind, but for those that TestACrashAnywhereChangesNoByte has.
var joins = []string{
	"{kind: left_outer, lower: -10us, upper: 200us, emit: on_match, negatives: {keep: 0.5}}",
	"{kind: left_outer, lower: -10us, upper: 50us, late: {corrections: 100us, side: late.jsonl}}",
	"{kind: inner, upper: 100us, emit: on_match}",
	"{kind: tumbling, window: 100us}",
	"{kind: regular, ttl: {left: 50us, right: 100us}}",
	"{kind: temporal, late: {side: late.jsonl}}",
	"{kind: temporal, ttl: 50us}",
	"{kind: dedup, window: 200us}",
	"{kind: dedup, keep: last, window: 50us, late: {side: late.jsonl}}",
	"{kind: session, gap: 20us}",
}

// pairOfFiles writes left.csv and right.csv and reads a definition that joins them.
func pairOfFiles(t *testing.T, joins, state string) (*vfs.Mem, *pipeline.Definition) {
	t.Helper()
	r := rand.New(rand.NewPCG(8, 5))
	_, leftCSV := randomLines(r, 600)
	_, rightCSV := randomLines(r, 700)
	fsys := vfs.NewMem()
	put(t, fsys, "left.csv", leftCSV)
	put(t, fsys, "right.csv", rightCSV)
	return fsys, definition(t, joins, state)
}

// TestNoCrashChangesAByteWhateverIsJoined: on every backend the output is the
// same, and it is the same after crashes.
func TestNoCrashChangesAByteWhateverIsJoined(t *testing.T) {
	for _, text := range joins {
		t.Run(text, func(t *testing.T) {
			var want wanted
			for _, b := range backends.List() {
				fsys, def := pairOfFiles(t, text, fmt.Sprintf("{backend: %s, dir: state, memory: 256KiB, checkpoint_every: 2ms}", b.Name))
				crashes, undisturbed := crashesOf(t, fsys, def)
				got, err := run(undisturbed, def) // says again how it ended
				if err != nil {
					t.Fatal(err)
				}
				if want.output == "" {
					want = wanted{get(t, undisturbed, "out.jsonl"), got}
				}
				checkAfter(t, def, crashes, undisturbed, want, nil)
			}
			if want.summary.Samples == 0 || want.summary.MatchedLeft == 0 {
				t.Errorf("nothing is joined: %+v", want.summary)
			}
		})
	}
}
