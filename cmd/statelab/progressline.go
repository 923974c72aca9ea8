package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join/pipeline"
)

// A progressLine is one line of a terminal, written over again and again. If
// what it writes to is no terminal it writes nothing.
type progressLine struct {
	w        io.Writer
	terminal bool
	begun    time.Time
	drawn    time.Time
}

// redrawEvery keeps the line readable, and its cost out of the measurements.
const redrawEvery = 200 * time.Millisecond

func newProgressLine(w io.Writer) *progressLine {
	now := time.Now()
	return &progressLine{w: w, terminal: isTerminal(w), begun: now, drawn: now}
}

// isTerminal takes every character device for one; what is written to
// /dev/null harms nobody.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// update returns what to call with progress, or nil if nobody looks.
func (l *progressLine) update() func(pipeline.Progress) {
	if !l.terminal {
		return nil
	}
	return func(p pipeline.Progress) {
		now := time.Now()
		if now.Sub(l.drawn) < redrawEvery {
			return
		}
		l.drawn = now
		stats := p.Stats()
		fmt.Fprintf(l.w, "\r\x1b[K%s", progressText(p, stats.Memory+stats.Disk, now.Sub(l.begun)))
	}
}

func progressText(p pipeline.Progress, state int64, elapsed time.Duration) string {
	watermark := time.UnixMicro(p.Watermark).UTC().Format("2006-01-02 15:04:05")
	switch p.Watermark {
	case statelab.MinWatermark:
		watermark = "unknown"
	case math.MaxInt64:
		watermark = "at its end"
	}
	return fmt.Sprintf("%d rows, %.0f rows/s, event time %s, state %.1f MiB",
		p.Rows, float64(p.Rows)/elapsed.Seconds(), watermark, float64(state)/(1<<20))
}

// clear removes the line.
func (l *progressLine) clear() {
	if l.terminal {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
}
