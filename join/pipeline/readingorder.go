package pipeline

import (
	"math"
	"time"

	"github.com/statelab/statelab/join"
	"github.com/statelab/statelab/join/source"
)

// A place is how far the sources of a join have been read: rows and watermarks by
// side. The places of a join follow each other in an order that depends on its
// events alone (readingOrder), so that a place is known by its number of rows.
type place struct {
	position  [2]uint64
	watermark [2]int64
}

// rows returns how many rows of both sides lie before the place.
func (p *place) rows() uint64 { return p.position[join.Left] + p.position[join.Right] }

// low returns the watermark of the join.
func (p *place) low() int64 { return min(p.watermark[join.Left], p.watermark[join.Right]) }

// A readingOrder chooses which side is read next, and follows the watermarks as
// package join defines them.
type readingOrder struct {
	place
	disorder [2]int64 // µs; -1 is unbounded
	ended    [2]bool
}

// newReadingOrder begins at a place.
func newReadingOrder(spec *join.Spec, at place) readingOrder {
	o := readingOrder{place: at, ended: [2]bool{join.Right: spec.Kind.Inputs() == 1}}
	for side, d := range spec.MaxDisorder {
		o.disorder[side] = int64(d / time.Microsecond)
		if d == join.Unbounded {
			o.disorder[side] = -1
		}
	}
	return o
}

// next is the side whose watermark is behind: its events are what the other
// side's wait for. There is none once both have ended.
func (o *readingOrder) next() (side join.Side, ok bool) {
	switch {
	case o.ended[join.Left] && o.ended[join.Right]:
		return 0, false
	case o.ended[join.Left]:
		return join.Right, true
	case o.ended[join.Right]:
		return join.Left, true
	case o.watermark[join.Right] < o.watermark[join.Left]:
		return join.Right, true
	}
	return join.Left, true
}

// pass moves past a row.
func (o *readingOrder) pass(side join.Side, row *source.Row) {
	o.position[side] = row.Seq + 1
	if row.Class != source.Event || row.Time < o.watermark[side] || o.disorder[side] < 0 {
		return
	}
	if e := event(row); e.Storable() {
		o.watermark[side] = max(o.watermark[side], row.Time-o.disorder[side])
	}
}

// end moves past the end of a side.
func (o *readingOrder) end(side join.Side) {
	o.ended[side] = true
	o.watermark[side] = math.MaxInt64
}

// event is a row as package join takes it.
func event(row *source.Row) join.Event {
	return join.Event{Key: row.Key, Time: row.Time, Seq: row.Seq, Value: row.Value}
}
