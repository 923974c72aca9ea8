package wal

import (
	"fmt"

	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// A Frame is a frame of a log as Frames reads it.
type Frame struct {
	Kind       Kind
	Pos        Pos    // where it begins
	Durable    int64  // up to where it states that its segment was synced
	FrameBytes int64  // its length with header
	Payload    []byte // valid during the call
}

// Frames calls yield with each whole frame of the log in dir from segment first
// on, pending ones, marks and voids included. The log may be open elsewhere
// only if nothing is appended meanwhile. Its errors are those of Open; a torn
// end is none.
func Frames(fsys vfs.FS, dir string, first uint64, yield func(Frame) error) error {
	bound, err := readDurable(fsys, dir)
	if err == nil {
		p := pass{fs: fsys, dir: dir, meter: new(meter.Meter), first: first, bound: bound}
		p.visit = func(segment uint64, f frame) error {
			return yield(Frame{Kind: f.kind, Pos: Pos{segment, f.off}, Durable: f.durable, FrameBytes: f.end - f.off, Payload: f.payload})
		}
		_, err = p.run()
	}
	if err != nil {
		return fmt.Errorf("read log %s: %w", dir, err)
	}
	return nil
}

// Verify reads the log in dir from segment first on as Open does, and returns
// the error that Open would.
func Verify(fsys vfs.FS, dir string, first uint64) error {
	return Frames(fsys, dir, first, func(Frame) error { return nil })
}
