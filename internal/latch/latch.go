// Package latch keeps the first failure of a store.
package latch

import "sync/atomic"

// A Latch remembers the first error it is given; the zero Latch holds none. It
// is what clause F1 of package statelab rests on: after a failed write or sync
// the kernel may have dropped pages that it now calls clean, so nothing is
// retried and the store answers the same error until it is reopened.
type Latch struct{ first atomic.Pointer[error] }

// Set records err if it is the first that is not nil, and returns the first.
func (l *Latch) Set(err error) error {
	if err != nil {
		first := err // a copy, lest the parameter be allocated each time that there is no error
		l.first.CompareAndSwap(nil, &first)
	}
	return l.Err()
}

// Err returns the first error, or nil.
func (l *Latch) Err() error {
	if p := l.first.Load(); p != nil {
		return *p
	}
	return nil
}
