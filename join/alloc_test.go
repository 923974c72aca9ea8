package join_test

import (
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// stillStore takes everything and holds nothing, without allocating.
type stillStore struct{ *mapStore }

func (stillStore) Apply(*statelab.Batch) error { return nil }
func (stillStore) Advance(int64) error         { return nil }

var empty statelab.Iterator = &mapIterator{}

func (stillStore) Iter(statelab.Range) (statelab.Iterator, error) { return empty, nil }

// TestAddingDoesNotAllocate covers Add with all the flushes on its way.
func TestAddingDoesNotAllocate(t *testing.T) {
	op := mustNew(t, stillStore{newMapStore()}, join.Spec{Upper: time.Second}, join.Hooks{Sample: func(*join.Sample) error { return nil }})
	key, value := []byte("a key"), make([]byte, 100)
	seq := uint64(0)
	add := func() {
		for range 2000 {
			seq++
			for _, side := range []join.Side{join.Left, join.Right} {
				if err := op.Add(side, join.Event{Key: key, Time: int64(seq), Seq: seq, Value: value}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n := testing.AllocsPerRun(20, add); n > 0 {
		t.Errorf("%v allocations for 4000 events", n)
	}
}
