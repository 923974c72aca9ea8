package statelab

import (
	"errors"
	"fmt"

	"github.com/statelab/statelab/vfs"
)

// The errors that callers test for with errors.Is. What a Store returns wraps
// them with what was being done and to what.
var (
	ErrNotFound       = errors.New("not found")
	ErrTooLarge       = errors.New("too large")
	ErrBudget         = errors.New("over the memory budget")
	ErrClosed         = errors.New("store is closed")
	ErrSnapshotTooOld = errors.New("snapshot too old: it pinned over a quarter of the memory budget")
	ErrUnsupported    = errors.New("not supported by this store")

	// ErrLocked is found in the error of opening a directory that is open; the
	// error is a *vfs.LockedError.
	ErrLocked = vfs.ErrLocked
	// ErrMismatch is found in the error of opening a directory that another
	// engine, format version, prefix name or fixed setting has made.
	ErrMismatch = errors.New("directory does not match")
)

// A CorruptError says that stored bytes are not what was written.
type CorruptError struct {
	File   string // path
	Offset int64  // of the damaged block, page or record in the file; -1 if unknown
	Reason string
}

func (e *CorruptError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("%s is damaged: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("%s is damaged at offset %d: %s", e.File, e.Offset, e.Reason)
}
