package latch

import (
	"errors"
	"testing"
)

func TestLatchKeepsTheFirst(t *testing.T) {
	var l Latch
	if err := l.Set(nil); err != nil {
		t.Fatalf("Set(nil) = %v", err)
	}
	first, second := errors.New("first"), errors.New("second")
	if err := l.Set(first); err != first {
		t.Fatalf("Set(first) = %v", err)
	}
	if err := l.Set(second); err != first {
		t.Fatalf("Set(second) = %v, want the first", err)
	}
	if err := l.Err(); err != first {
		t.Fatalf("Err() = %v", err)
	}
}

// Set is called for every page that a B+tree changes.
func TestNoErrorCostsNoAllocation(t *testing.T) {
	var l Latch
	if n := testing.AllocsPerRun(100, func() { _ = l.Set(nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}
