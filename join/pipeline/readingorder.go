package pipeline

import (
	"math"
	"slices"
	"time"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// A place is how far the sources of a join have been read, in the order of run.inputs. The places of a
// join follow each other in an order that depends on its events alone (readingOrder),
// so that a place is known by its number of rows. (Unless sources are idle.)
type place []sourcePlace

type sourcePlace struct {
	position  uint64
	watermark int64
}

// rows returns how many rows of all sources lie before the place.
func (p place) rows() (n uint64) {
	for i := range p {
		n += p[i].position
	}
	return n
}

// low returns the watermark of the join.
func (p place) low() int64 {
	low := int64(math.MaxInt64)
	for i := range p {
		low = min(low, p[i].watermark)
	}
	return low
}

// A readingOrder chooses which source is read next, and follows the watermarks as
// package join defines them.
type readingOrder struct {
	place
	disorder []int64 // µs; -1 is unbounded
	ended    []bool
	// idle are sources that have shown nothing for so long that none waits for them.
	// Their watermarks follow those of the others.
	idle   []bool
	idling int // how many are idle
}

// newReadingOrder begins at a place.
func newReadingOrder(def *Definition, at place) readingOrder {
	o := readingOrder{place: at, ended: make([]bool, len(at)), idle: make([]bool, len(at))}
	for side := range def.inputs() {
		for _, d := range def.disorders(join.Side(side)) {
			us := int64(d / time.Microsecond)
			if d == join.Unbounded {
				us = -1
			}
			o.disorder = append(o.disorder, us)
		}
	}
	return o
}

// beginning is the place before the first row of so many sources.
func beginning(sources int) place {
	return slices.Repeat(place{{watermark: statelab.MinWatermark}}, sources)
}

// next is the source whose watermark is the furthest behind: its events are what those of the
// others wait for. So sources that are far apart in time wait for each other in their files,
// and not in state. It is -1 if all that have not ended are idle; done says that all have ended.
func (o *readingOrder) next() (i int, done bool) {
	i, done = -1, true
	for j := range o.place {
		if o.ended[j] {
			continue
		}
		done = false
		if !o.idle[j] && (i < 0 || o.place[j].watermark < o.place[i].watermark) {
			i = j
		}
	}
	return i, done
}

// pass moves past a row.
func (o *readingOrder) pass(i int, row *source.Row) {
	at := &o.place[i]
	at.position = row.Seq + 1
	if row.Class != source.Event || row.Time < at.watermark || o.disorder[i] < 0 {
		return
	}
	if e := (join.Event{Key: row.Key, Time: row.Time, Value: row.Value}); e.Storable() {
		at.watermark = max(at.watermark, row.Time-o.disorder[i])
		o.lead()
	}
}

// end moves past the end of a source.
func (o *readingOrder) end(i int) {
	o.setIdle(i, false)
	o.ended[i] = true
	o.place[i].watermark = math.MaxInt64
}

// setIdle takes note that a source is idle, or no longer.
func (o *readingOrder) setIdle(i int, idle bool) {
	if o.idle[i] == idle {
		return
	}
	o.idle[i] = idle
	if !idle {
		o.idling--
		return
	}
	o.idling++
	o.lead()
}

// lead raises the watermarks of idle sources to that of the others, unless those have all ended.
func (o *readingOrder) lead() {
	if o.idling == 0 {
		return
	}
	low := int64(math.MaxInt64)
	for i, at := range o.place {
		if !o.idle[i] && !o.ended[i] {
			low = min(low, at.watermark)
		}
	}
	if low == math.MaxInt64 {
		return
	}
	for i := range o.place {
		if o.idle[i] {
			o.place[i].watermark = max(o.place[i].watermark, low)
		}
	}
}
