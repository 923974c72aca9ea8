package join

import "errors"

var (
	// ErrSpecChanged is found in the error of New over a store that holds the
	// state of a join with another Spec.
	ErrSpecChanged = errors.New("the join has changed since its state was made")

	// ErrInconsistent is found in errors that say that events were lost or
	// counted twice: a defect of the store or of this package, never of the input.
	ErrInconsistent = errors.New("join does not reconcile")

	// ErrFinished is returned for events after Finish.
	ErrFinished = errors.New("join has finished")
)
