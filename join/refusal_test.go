package join_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
)

func TestAnotherSpecIsRefused(t *testing.T) {
	store := newMapStore()
	op := mustNew(t, store, join.Spec{Upper: time.Minute}, (&output{}).hooks())
	if err := op.Commit(); err != nil {
		t.Fatal(err)
	}
	_, err := join.New(store, join.Spec{Upper: time.Hour}, (&output{}).hooks())
	if !errors.Is(err, join.ErrSpecChanged) || !strings.Contains(err.Error(), "upper was 1m0s and is 1h0m0s now") {
		t.Errorf("got %v", err)
	}
}

func TestAStoreOfSomethingElseIsRefused(t *testing.T) {
	store := newMapStore()
	var b statelab.Batch
	b.Put([]byte("x"), nil, statelab.NoExpiry)
	if err := store.Apply(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := join.New(store, join.Spec{}, (&output{}).hooks()); !errors.Is(err, statelab.ErrMismatch) {
		t.Errorf("got %v, want ErrMismatch", err)
	}
}

func TestSpecNamesEveryFault(t *testing.T) {
	spec := join.Spec{Lower: time.Second, Upper: time.Nanosecond, MaxDisorder: [2]time.Duration{-1, 0}, Negatives: join.Negatives{Keep: 2}}
	err := spec.Validate()
	for _, part := range []string{"lower 1s is above", "upper 1ns is not a whole", "left side -1ns is negative", "keep is 2"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%q is not in %v", part, err)
		}
	}
}

// forgetful loses timers, which is what an operator must notice.
type forgetful struct{ *mapStore }

func (s forgetful) Apply(b *statelab.Batch) error {
	var kept statelab.Batch
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		if op.Key[0] != 1 {
			kept.Put(op.Key, op.Value, op.ExpireAt)
		}
	}
	return s.mapStore.Apply(&kept)
}

func TestALostTimerIsAnAlarm(t *testing.T) {
	op := mustNew(t, forgetful{newMapStore()}, join.Spec{}, (&output{}).hooks())
	if err := op.Add(join.Left, join.Event{Time: 1}); err != nil {
		t.Fatal(err)
	}
	if err := op.Finish(); !errors.Is(err, join.ErrInconsistent) {
		t.Errorf("got %v, want ErrInconsistent", err)
	}
}

func TestAnErrorOfAHookIsLatched(t *testing.T) {
	broken := errors.New("broken")
	hooks := join.Hooks{Sample: func(*join.Sample) error { return broken }}
	op := mustNew(t, newMapStore(), join.Spec{}, hooks)
	if err := op.Add(join.Left, join.Event{Time: 1}); err != nil {
		t.Fatal(err)
	}
	op.End(join.Left)
	op.End(join.Right)
	if err := op.Flush(); !errors.Is(err, broken) {
		t.Fatalf("Flush: %v", err)
	}
	if err := op.Add(join.Left, join.Event{Time: 2, Seq: 1}); !errors.Is(err, broken) {
		t.Errorf("Add: %v", err)
	}
	if err := op.Finish(); !errors.Is(err, broken) {
		t.Errorf("Finish: %v", err)
	}
}
