//go:build !linux

package perf

import (
	"errors"
	"fmt"
	"runtime"
)

// thisMachine has no counters that this package could read.
type thisMachine struct{}

func (thisMachine) threads() ([]int, error) { return []int{0}, nil }

func (thisMachine) open(Event, int) (source, error) {
	return nil, fmt.Errorf("perf events on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}
