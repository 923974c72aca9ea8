package join

import (
	"fmt"
	"math"
	"time"

	"github.com/statelab/statelab"
)

// MaxSources bounds the sources that a side may be merged of (Spec.Sources).
const MaxSources = 256

// sourceShift is how many bits of a sequence a position has where a side has several sources.
const sourceShift = 48

// SourceSeq returns the sequence of the event at a position of a source, both counted from 0,
// where its side has several sources. Such sequences order by source, then position,
// which is below 2^48.
func SourceSeq(source int, position uint64) uint64 {
	return uint64(source)<<sourceShift | position
}

// SourceOf returns the source of a sequence that SourceSeq has made.
func SourceOf(seq uint64) int { return int(seq >> sourceShift) }

// An intake is what an Operator and a Backlog do with what comes in: it follows the
// watermarks of sources, and is the one place where events are counted as late or
// rejected.
type intake struct {
	kind    Kind
	inputs  int
	sources [2][]progress
	counts  counts
}

// progress is how far a source has been read.
type progress struct {
	disorder  int64 // µs; -1 is unbounded
	position  uint64
	watermark int64
}

func newIntake(spec *Spec) intake {
	in := intake{kind: spec.Kind, inputs: spec.Kind.Inputs()}
	for side := range in.sources {
		for _, d := range spec.disorders(Side(side)) {
			p := progress{disorder: micros(d), watermark: statelab.MinWatermark}
			if d == Unbounded {
				p.disorder = -1
			}
			if side >= in.inputs {
				p.watermark = math.MaxInt64
			}
			in.sources[side] = append(in.sources[side], p)
		}
	}
	return in
}

// disorders are those of the sources of a side, of which there is one at least.
func (s *Spec) disorders(side Side) []time.Duration {
	if of := s.Sources[side]; len(of) > 0 {
		return of
	}
	return s.MaxDisorder[side : side+1]
}

// locate finds the source that a sequence is of, and the position in it.
func (in *intake) locate(side Side, seq uint64) (*progress, uint64, error) {
	if int(side) >= in.inputs {
		return nil, 0, fmt.Errorf("join: kind %v has no %v side", in.kind, side)
	}
	sources := in.sources[side]
	if len(sources) == 1 {
		return &sources[0], seq, nil
	}
	i := seq >> sourceShift
	if i >= uint64(len(sources)) {
		return nil, 0, fmt.Errorf("join: sequence %#x is of source %d, and the %v side has %d", seq, i, side, len(sources))
	}
	return &sources[i], seq & (1<<sourceShift - 1), nil
}

// pass moves the position of a source up to that of a sequence.
func (in *intake) pass(side Side, seq uint64) {
	if from, position, err := in.locate(side, seq); err == nil {
		from.position = max(from.position, position)
	}
}

// advanceSource raises the watermark of a source.
func (in *intake) advanceSource(side Side, source int, watermark int64) {
	p := &in.sources[side][source]
	p.watermark = max(p.watermark, watermark)
}

// admit counts an event, and says whether it is to be joined: unless it is late, and not retained
// for corrections, or no store could hold it. It raises the watermark of its source.
func (in *intake) admit(side Side, from *progress, e *Event, retained bool, late func(Side, *Event) error) (bool, error) {
	c := &in.counts.side[side]
	c.in++
	if e.Time < from.watermark && !retained {
		c.late++
		if late == nil {
			return false, nil
		}
		given := *e // or every event would be allocated, for the sake of the few that are late
		return false, late(side, &given)
	}
	if !e.Storable() {
		c.rejected++
		return false, nil
	}
	if from.disorder >= 0 {
		from.watermark = max(from.watermark, e.Time-from.disorder)
	}
	return true, nil
}

// filter counts a row that is no event of the join.
func (in *intake) filter() { in.counts.filtered++ }

// reject counts a row that is an event which cannot be joined.
func (in *intake) reject(side Side) {
	in.counts.side[side].in++
	in.counts.side[side].rejected++
}

// low is the watermark of a side, the smallest of its sources'.
func (in *intake) low(side Side) int64 {
	low := int64(math.MaxInt64)
	for i := range in.sources[side] {
		low = min(low, in.sources[side][i].watermark)
	}
	return low
}
