package join_test

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/statelab/statelab/join"
)

// merged has the sides of a join, now and then, be merged of several sources.
func merged(r *rand.Rand, spec join.Spec) join.Spec {
	for side := range spec.Kind.Inputs() {
		if r.IntN(3) > 0 || spec.Kind == join.ThreeWay {
			continue
		}
		most := spec.MaxDisorder[side]
		spec.MaxDisorder[side] = 0
		for range 1 + r.IntN(4) {
			d := most
			if r.IntN(3) == 0 {
				d = micros(r.IntN(30))
			}
			spec.Sources[side] = append(spec.Sources[side], d)
		}
	}
	return spec
}

// dealt deals the events of sides that have several sources out among them.
func dealt(r *rand.Rand, spec join.Spec, in input) input {
	for side, events := range in {
		next := make([]uint64, len(spec.Sources[side]))
		for i := range events {
			if len(next) < 2 {
				continue
			}
			source := r.IntN(len(next))
			events[i].Seq = join.SourceSeq(source, next[source])
			next[source]++
		}
	}
	return in
}

// watermarks are those of all sources, by definition.
type watermarks struct {
	spec join.Spec
	at   [2][]int64
}

func newWatermarks(spec join.Spec) *watermarks {
	w := &watermarks{spec: spec}
	for side := range w.at {
		w.at[side] = make([]int64, max(1, len(spec.Sources[side])))
		for i := range w.at[side] {
			w.at[side][i] = math.MinInt64
		}
	}
	return w
}

func (w *watermarks) of(side join.Side, e *join.Event) *int64 {
	if len(w.at[side]) == 1 {
		return &w.at[side][0]
	}
	return &w.at[side][e.Seq>>48]
}

// raise takes note of an event that is not late.
func (w *watermarks) raise(side join.Side, e *join.Event) {
	d := w.spec.MaxDisorder[side]
	switch named := w.spec.Sources[side]; {
	case len(named) == 1:
		d = named[0]
	case len(named) > 1:
		d = named[e.Seq>>48]
	}
	if at := w.of(side, e); d != join.Unbounded {
		*at = max(*at, e.Time-us(d))
	}
}

func (w *watermarks) end(side join.Side) {
	for i := range w.at[side] {
		w.at[side][i] = math.MaxInt64
	}
}

func (w *watermarks) low() int64 {
	low := int64(math.MaxInt64)
	for _, side := range w.at {
		for _, at := range side {
			low = min(low, at)
		}
	}
	return low
}

// TestASideWaitsForTheSlowestOfItsSources, and an event is late by its own source alone.
func TestASideWaitsForTheSlowestOfItsSources(t *testing.T) {
	spec := join.Spec{Sources: [2][]time.Duration{join.Left: {0, micros(5)}}}
	var out output
	op := mustNew(t, newMapStore(), spec, out.hooks())
	add := func(side join.Side, at int64, seq uint64) {
		t.Helper()
		if err := op.Add(side, join.Event{Key: []byte("k"), Time: at, Seq: seq}); err != nil {
			t.Fatal(err)
		}
	}
	flush := func(want int64) {
		t.Helper()
		if err := op.Flush(); err != nil {
			t.Fatal(err)
		}
		if got := op.Summary().Samples; got != want {
			t.Fatalf("%d samples, want %d", got, want)
		}
	}
	op.End(join.Right)
	add(join.Left, 100, join.SourceSeq(0, 0))
	add(join.Left, 10, join.SourceSeq(1, 0))
	flush(0)
	add(join.Left, 6, join.SourceSeq(1, 1))
	add(join.Left, 4, join.SourceSeq(1, 2))
	add(join.Left, 99, join.SourceSeq(0, 1))
	if s := op.Summary(); s.LateLeft != 2 {
		t.Errorf("%d late, want those below 5 of one source and below 100 of the other", s.LateLeft)
	}
	add(join.Left, 50, join.SourceSeq(1, 3))
	flush(2)
	if position, watermark := op.SourceProgress(join.Left, 1); position != 4 || watermark != 45 {
		t.Errorf("the second source is at %d and %d", position, watermark)
	}
	op.EndSource(join.Left, 1)
	flush(3)
	if got := op.SideWatermark(join.Left); got != 100 {
		t.Errorf("watermark %d", got)
	}
	if err := op.Add(join.Left, join.Event{Seq: join.SourceSeq(2, 0)}); err == nil || !strings.Contains(err.Error(), "is of source 2") {
		t.Errorf("an event of a third source: %v", err)
	}
}

func TestSourcesAreValidated(t *testing.T) {
	for _, c := range []struct {
		spec join.Spec
		want string
	}{
		{join.Spec{Sources: [2][]time.Duration{{1}}}, "max disorder of left source 0 1ns is not a whole"},
		{join.Spec{Sources: [2][]time.Duration{{0}}, MaxDisorder: [2]time.Duration{time.Second}}, "the left side has sources"},
		{join.Spec{Sources: [2][]time.Duration{1: make([]time.Duration, join.MaxSources+1)}}, "the right side has 257 sources"},
		{join.Spec{Kind: join.Session, Gap: time.Second, Sources: [2][]time.Duration{1: {0}}}, "has no right side"},
	} {
		if err := c.spec.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q is not in %v", c.want, err)
		}
	}
}

func TestOtherSourcesAreAnotherSpec(t *testing.T) {
	store := newMapStore()
	spec := join.Spec{Sources: [2][]time.Duration{join.Right: {time.Second, join.Unbounded}}}
	if err := mustNew(t, store, spec, (&output{}).hooks()).Commit(); err != nil {
		t.Fatal(err)
	}
	for _, sources := range [][]time.Duration{nil, {time.Second}, {time.Second, 0}, {time.Second, join.Unbounded, 0}} {
		spec.Sources[join.Right] = sources
		_, err := join.New(store, spec, (&output{}).hooks())
		if err == nil || !strings.Contains(err.Error(), "max_disorder of the right side was 1s, unbounded and is") {
			t.Errorf("%v: %v", sources, err)
		}
	}
}
