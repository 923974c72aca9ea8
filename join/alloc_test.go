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

func (stillStore) Get(dst, _ []byte) ([]byte, error) { return dst, statelab.ErrNotFound }

// TestAddingDoesNotAllocate covers Add with all the flushes on its way.
func TestAddingDoesNotAllocate(t *testing.T) {
	// Kinds that look at events as they arrive remember marks and mini-batches, in
	// memory that grows for a while: by less than one allocation in a hundred events.
	const growth = 20
	ttl := [2]time.Duration{10 * time.Microsecond, 10 * time.Microsecond}
	addingAllocates(t, join.Spec{Upper: time.Second}, 0)
	addingAllocates(t, join.Spec{Upper: 10 * time.Microsecond, Emit: join.OnMatch}, growth)
	addingAllocates(t, join.Spec{Kind: join.Tumbling, Window: time.Second}, 0)
	addingAllocates(t, join.Spec{Kind: join.Regular, TTL: ttl}, growth)
	addingAllocates(t, join.Spec{Kind: join.Temporal}, 0)
	addingAllocates(t, join.Spec{Kind: join.Dedup, Window: 10 * time.Microsecond}, growth)
	addingAllocates(t, join.Spec{Kind: join.Session, Gap: time.Second}, 0)
}

// addingAllocates adds 2000 events of each side, which may allocate so many times.
func addingAllocates(t *testing.T, spec join.Spec, limit float64) {
	t.Helper()
	op := mustNew(t, stillStore{newMapStore()}, spec, join.Hooks{Sample: func(*join.Sample) error { return nil }})
	key, value := []byte("a key"), make([]byte, 100)
	seq := uint64(0)
	add := func() {
		for range 2000 {
			seq++
			for side := range join.Side(spec.Kind.Inputs()) {
				if err := op.Add(side, join.Event{Key: key, Time: int64(seq), Seq: seq, Value: value}); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if n := testing.AllocsPerRun(5, add); n > limit {
		t.Errorf("%v: %v allocations, want at most %v", spec.Kind, n, limit)
	}
}
