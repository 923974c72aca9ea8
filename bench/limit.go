package bench

import (
	"context"
	"errors"
	"fmt"
)

// AutoLimit, as Settings.MemoryLimit, stands for the backend's budget, and what the
// harness alone holds, and limitSlack.
const AutoLimit = -1

// limitSlack is what a process may hold beyond budget and harness: Go's
// collector lets a heap double before it collects, a program has stacks and
// pages of its own code, and the kernel keeps tables for it. What of it is not used
// holds page cache.
const limitSlack = 32 << 20

// limitUnit is what limits are rounded up to, so that they do not differ by a page.
const limitUnit = 1 << 20

// unboundedNote begins the note of a run whose memory should have been bounded.
const unboundedNote = "memory unbounded: "

// A LimitError says that no bound on memory can be had here, and why. A run
// that needs one goes on without, and its result says so.
type LimitError struct{ Reason string }

func (e *LimitError) Error() string { return "memory cannot be bounded: " + e.Reason }

// An OutOfMemoryError says that a run was ended because it did not fit its bound.
type OutOfMemoryError struct{ Limit int64 } // bytes

func (e *OutOfMemoryError) Error() string {
	return fmt.Sprintf("it needs more memory than the %s it may hold, page cache included", humanBytes(float64(e.Limit)))
}

// limit returns the bytes that a run may hold, 0 for any number, and a
// note if that is not what its settings ask for.
func (s *Settings) limit(harnessRSS float64) (bytes int64, note string) {
	switch {
	case s.MemoryLimit != AutoLimit:
		return s.MemoryLimit, ""
	case s.Memory == 0:
		return 0, unboundedNote + "the backend has no budget"
	case harnessRSS == 0:
		return 0, unboundedNote + "what the harness holds is not known"
	}
	bytes = s.Memory + int64(harnessRSS) + limitSlack
	return (bytes + limitUnit - 1) / limitUnit * limitUnit, ""
}

// limitText renders Settings.MemoryLimit.
func limitText(limit int64) string {
	switch limit {
	case AutoLimit:
		return "auto"
	case 0:
		return "none"
	}
	return humanBytes(float64(limit))
}

// runBounded runs a job within the memory that its settings give it. Where no
// bound can be had it runs without, and so does what does not fit a bound that nobody
// has chosen; a note says so.
func (s *Suite) runBounded(ctx context.Context, job Job, harnessRSS float64) (Measurement, error) {
	var note string
	job.Limit, note = job.limit(harnessRSS)
	m, err := s.runInDir(ctx, job)
	if why := job.unboundedFor(err); why != "" {
		note = unboundedNote + why
		job.Limit = 0
		m, err = s.runInDir(ctx, job)
	}
	if note != "" {
		m.Notes = append(m.Notes, note)
	}
	return m, err
}

// unboundedFor says why a job that has failed should run once more without a bound; empty
// if it should not.
func (job *Job) unboundedFor(err error) string {
	var noLimit *LimitError
	var tooBig *OutOfMemoryError
	switch {
	case errors.As(err, &noLimit):
		return noLimit.Reason
	case errors.As(err, &tooBig) && job.MemoryLimit == AutoLimit:
		return "the run does not fit " + humanBytes(float64(tooBig.Limit))
	}
	return ""
}
