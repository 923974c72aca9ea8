package pipeline

import (
	"math"
	"time"

	"github.com/statelab/statelab"
)

// commits says when a commit is due: each time the watermark passes a whole
// multiple of the interval, so that two runs commit at the same watermarks.
type commits struct {
	every time.Duration // of event time; zero is never
	next  int64         // µs; meaningless before the first watermark
	begun bool
}

// checkpointEvery returns the time between commits, or zero for none: without
// a state dir nothing can be resumed, so commits are made only if asked for.
func (d *Definition) checkpointEvery() time.Duration {
	if d.State.CheckpointEvery == 0 && d.State.Dir != "" {
		return defaultCheckpointEvery
	}
	return d.State.CheckpointEvery
}

// due says whether the watermark has passed the next commit, and plans the one
// after it. The end of the input, with its infinite watermark, commits anyway.
func (c *commits) due(watermark int64) bool {
	if c.every == 0 || watermark == statelab.MinWatermark || watermark == math.MaxInt64 {
		return false
	}
	if c.begun && watermark < c.next {
		return false
	}
	every := int64(c.every / time.Microsecond)
	due := c.begun
	past := watermark % every
	if past < 0 {
		past += every
	}
	c.next, c.begun = watermark-past+every, true
	return due
}
