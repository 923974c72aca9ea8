package join_test

import (
	"errors"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

// TestPartitionsAtDifferentPlacesAreNotMoved: each of two partitions has passed over
// what the other one has seen, or it is not known where the join stands.
func TestPartitionsAtDifferentPlacesAreNotMoved(t *testing.T) {
	var out output
	var parts []*join.Operator
	for range 2 {
		parts = append(parts, mustNew(t, newMapStore(), join.Spec{Upper: 10 * time.Microsecond}, out.hooks()))
	}
	if err := parts[0].Add(join.Left, join.Event{Key: []byte("a"), Time: 5}); err != nil {
		t.Fatal(err)
	}
	move := func() error {
		for _, p := range parts {
			if err := p.Commit(); err != nil {
				t.Fatal(err)
			}
		}
		return join.Move([]statelab.Store{newMapStore()}, parts, func(int) []byte { return nil })
	}
	if err := move(); !errors.Is(err, join.ErrApart) {
		t.Errorf("got %v, want ErrApart", err)
	}
	parts[1].Pass(join.Left, parts[0].Position(join.Left))
	if err := move(); !errors.Is(err, join.ErrApart) {
		t.Errorf("with other watermarks: got %v, want ErrApart", err)
	}
	parts[1].Advance(join.Left, parts[0].SideWatermark(join.Left))
	if err := move(); err != nil {
		t.Errorf("at one place: %v", err)
	}
}
