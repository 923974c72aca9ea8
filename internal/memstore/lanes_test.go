package memstore

import (
	"fmt"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/vfs"
)

// TestTheFastestGroupHasTheLane lets groups vote for one lane.
func TestTheFastestGroupHasTheLane(t *testing.T) {
	var l lanes
	const hot, rival, third = 5, 5 + numLanes, 5 + 2*numLanes
	for i := range 4 * fewestVotes {
		had := l.of(hot) != nil
		if want := i+1-i/2 >= fewestVotes; had != want { // every second vote is met by a rival's
			t.Fatalf("after %d votes of the hot group and %d of others it has a lane: %v", i+1, i/2, had)
		}
		if i%2 == 1 && l.of(rival+numLanes*uint64(i%4/2)) != nil {
			t.Fatalf("a group with fewer records has the lane")
		}
	}
	for range mostVotes {
		l.of(third)
	}
	for range fewestVotes {
		l.of(third)
	}
	if l.of(third) == nil || l.of(hot) != nil {
		t.Errorf("the lane stays with a group to which no records come any more")
	}
}

// TestRecordsOfAHotGroupLieTogether looks where the records of a group are, of which
// the first few hundred lie among all others.
func TestRecordsOfAHotGroupLieTogether(t *testing.T) {
	onlyHot := statelab.Prefix{Name: "h", Len: func(key []byte) int { // of the others each is a group
		if len(key) > 0 && key[0] == 'h' {
			return 1
		}
		return 0
	}}
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Hash, o.Prefix = true, onlyHot })
	value := make([]byte, 140)
	const n, others = 3 * fewestVotes, 6
	hot := func(i int) []byte { return fmt.Appendf(nil, "h%09d", i) }
	for i := range n {
		var b statelab.Batch
		b.Put(hot(i), value, int64(i)+1)
		for j := range others {
			b.Put(fmt.Appendf(nil, "%02d%08d", j, i), value, int64(i)+1)
		}
		must(t, s.Apply(&b))
	}
	far := 0
	var before arena.Ref
	for i := 2 * fewestVotes; i < n; i++ {
		ref := s.records.find(hot(i))
		if size := arena.Ref(s.records.sizeOf(s.records.elem(ref)) / 8); ref != before+size {
			far++
		}
		before = ref
	}
	if far > n/50 {
		t.Errorf("%d of %d records do not lie behind the one before", far, n-2*fewestVotes)
	}
	must(t, s.Check())
}
