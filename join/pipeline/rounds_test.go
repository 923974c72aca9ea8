package pipeline_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/statelab/statelab/vfs"
)

// TestNoCrashOfFollowedPartitionsChangesAByte: what is in the output at any time is what one partition would have emitted,
// and after a crash at any place the rest follows, with another number of partitions too.
func TestNoCrashOfFollowedPartitionsChangesAByte(t *testing.T) {
	def, texts, want := followedPair(t, "{backend: lsm, dir: state, memory: 2MiB, checkpoint_every: 1ms, partitions: 2}")
	base := vfs.NewMem()
	for name := range texts {
		put(t, base, name, "id,at,n\n")
	}
	var one sync.Mutex
	var crashes []crash
	n := 0
	traced := vfs.NewTrace(base, func(op vfs.TraceOp) {
		one.Lock()
		defer one.Unlock()
		if op.Op == vfs.OpRead || op.Op == vfs.OpOpen || op.Op == vfs.OpLock {
			return
		}
		if n++; n%23 == 0 {
			at := fmt.Sprintf("%v %s (operation %d)", op.Op, op.Path, n)
			if len(crashes)%2 == 0 {
				crashes = append(crashes, crash{"a power cut at " + at, base.PowerCut(int64(n))})
			} else {
				crashes = append(crashes, crash{"a kill at " + at, base.Kill()})
			}
		}
	})
	follow := func(fsys vfs.FS, part int) { // up to one of three
		for name, text := range texts {
			appendTo(t, fsys, name, text[len(get(t, fsys, name)):part*len(text)/3])
		}
	}
	for part := range 3 {
		run := startRun(t, traced, def, nil)
		follow(base, 1+part)
		run.until("more than before", func() bool { return len(partOf(base, "out.jsonl")) >= (1+part)*len(want)/4 })
		run.stop()
	}
	if len(crashes) < 10 {
		t.Fatalf("only %d crashes", len(crashes))
	}
	for i, c := range append(crashes, crash{"no crash", base}) {
		if testing.Short() && i%4 != 0 {
			continue
		}
		if got := partOf(c.fs, "out.jsonl"); strings.HasPrefix(c.at, "a kill") && !strings.HasPrefix(want, got) {
			t.Fatalf("%s: %s", c.at, firstDifference(got, want))
		}
		def.State.Partitions = []int{2, 2, 3, 2, 1}[i%5]
		run := startRun(t, c.fs, def, nil)
		follow(c.fs, 3)
		run.until("all that is decided after "+c.at, func() bool { return len(partOf(c.fs, "out.jsonl")) >= len(want) })
		run.stop()
		if got := partOf(c.fs, "out.jsonl"); got != want {
			t.Fatalf("%s: %s", c.at, firstDifference(got, want))
		}
	}
}
