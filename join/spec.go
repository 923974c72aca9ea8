package join

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Emit says when samples are emitted.
type Emit uint8

const (
	// OnWatermark emits a sample when its window has passed: with all its right
	// events, and in the order of J3.
	OnWatermark Emit = iota
	// OnMatch emits a left event as soon as it has a pair, and again, as a
	// correction, for each right event that comes after that; a left event
	// without a pair is emitted when its window has passed. An inner join emits
	// each pair once, as soon as both its events are there.
	OnMatch
)

var emitNames = []string{"watermark", "on_match"}

func (e Emit) String() string {
	if int(e) < len(emitNames) {
		return emitNames[e]
	}
	return fmt.Sprintf("emit(%d)", uint8(e))
}

// Plan says how three inputs are joined. The samples are the same.
type Plan uint8

const (
	// Shared keeps all three under one key, and looks for both partners of an event as it arrives.
	Shared Plan = iota
	// Chained joins the left side with the first source of the right one, and each pair of theirs, which it keeps
	// again, with the second source.
	Chained
)

var planNames = []string{"shared", "chained"}

func (p Plan) String() string {
	if int(p) < len(planNames) {
		return planNames[p]
	}
	return fmt.Sprintf("plan(%d)", uint8(p))
}

// Match says by what events are pairs beside their keys and times, and how partners are found.
type Match uint8

const (
	// ByKey looks at nothing else.
	ByKey Match = iota
	// ByScan pairs events of equal attributes (Hooks.Attribute). Of a key's events within the bounds all are read, and those of other
	// attributes left out.
	ByScan
	// ByIndex pairs the same events. A secondary index in the store leads to those of an attribute, and only they are
	// read; it costs one more record for each event of a side in which partners are looked for.
	ByIndex
)

var matchNames = []string{"key", "scan", "index"}

func (m Match) String() string {
	if int(m) < len(matchNames) {
		return matchNames[m]
	}
	return fmt.Sprintf("match(%d)", uint8(m))
}

// Side is the input that an event comes from.
type Side uint8

const (
	Left  Side = 0
	Right Side = 1
)

func (s Side) String() string {
	if s == Left {
		return "left"
	}
	return "right"
}

// Unbounded, as a MaxDisorder, says that nothing is known of the order of a
// side: its watermark stays MinWatermark until End.
const Unbounded time.Duration = math.MaxInt64

// MaxTime bounds the times of events: an event with a time above it or below
// -MaxTime is rejected. It leaves room for the bounds to be added, and stands for
// the year 73,000.
const MaxTime int64 = 1 << 61 // µs

// A Spec says what is joined. Its zero value pairs events of equal key and
// equal time, of sides that are in order. All durations are whole microseconds.
// Fields that mean nothing to its kind are zero.
type Spec struct {
	Kind Kind

	// LeftOuter, Inner: a left and a right event of one key are a pair if
	// left time + Lower <= right time <= left time + Upper.
	// Either may be negative.
	Lower, Upper time.Duration

	Window time.Duration    // Tumbling: the length of a window. Dedup: how close together events are repeats.
	Gap    time.Duration    // Session: how far apart its events may be at most.
	TTL    [2]time.Duration // Regular, ThreeWay: how long an event stays, by Side. Temporal: how long a version is in force at most (Right); zero is for ever.
	Keep   Keep             // Dedup: which event is kept.
	Plan   Plan             // ThreeWay: how it is done.
	Match  Match            // LeftOuter, Inner, Regular: whether pairs have an attribute in common, too.

	// MaxDisorder says, by Side, how far below the greatest time shown a time
	// may lie without being late; it may be Unbounded.
	MaxDisorder [2]time.Duration

	// Sources gives, by Side, the MaxDisorder of each of the sources that a side is
	// merged of, at most MaxSources; MaxDisorder is zero then. The sequences of their events are made by
	// SourceSeq. A side that names none has one.
	Sources [2][]time.Duration

	// Emit says when samples are emitted (LeftOuter, Inner).
	Emit Emit

	// Correct has late events joined too, as long as their windows have passed
	// by no more than Lateness, for which state is kept. What they change of a sample
	// that was emitted before is emitted as a correction. Events that are later
	// than that are late for good. (LeftOuter, Inner.)
	Correct  bool
	Lateness time.Duration

	// Negatives says which left events without a pair are emitted (LeftOuter).
	Negatives Negatives
}

// Validate names every fault of the spec at once.
func (s *Spec) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if int(s.Kind) >= len(kinds) {
		return fmt.Errorf("join: kind %d is unknown", uint8(s.Kind))
	}
	s.validateFields(fault)
	if s.Lower > s.Upper {
		fault("lower %v is above upper %v", s.Lower, s.Upper)
	}
	for side := range s.Sources {
		if len(s.Sources[side]) > 0 && s.MaxDisorder[side] != 0 {
			fault("the %v side has sources, so that its max disorder is theirs", Side(side))
		}
		if n := len(s.Sources[side]); n > MaxSources {
			fault("the %v side has %d sources, more than %d", Side(side), n, MaxSources)
		}
	}
	for _, d := range s.durations() {
		switch {
		case d.unbounded && d.value == Unbounded:
		case d.value < 0 && !d.signed:
			fault("%s %v is negative", d.name, d.value)
		case d.value%time.Microsecond != 0:
			fault("%s %v is not a whole number of microseconds", d.name, d.value)
		}
	}
	if int(s.Emit) >= len(emitNames) {
		fault("emit %d is unknown", uint8(s.Emit))
	}
	if int(s.Keep) >= len(keepNames) {
		fault("keep %d is unknown", uint8(s.Keep))
	}
	if int(s.Plan) >= len(planNames) {
		fault("plan %d is unknown", uint8(s.Plan))
	}
	if int(s.Match) >= len(matchNames) {
		fault("match %d is unknown", uint8(s.Match))
	}
	if k := s.Negatives.Keep; !(k >= 0 && k <= 1) {
		fault("share of negatives to keep is %v, not in (0, 1]", k)
	}
	if len(faults) > 0 {
		return fmt.Errorf("join: %w", errors.Join(faults...))
	}
	return nil
}

// validateFields faults what is set and means nothing to the kind.
func (s *Spec) validateFields(fault func(string, ...any)) {
	has := kinds[s.Kind].fields
	if has&hasBounds == 0 && (s.Lower != 0 || s.Upper != 0) {
		fault("kind %v has no lower and upper", s.Kind)
	}
	if has&hasEmit == 0 && s.Emit != OnWatermark {
		fault("kind %v has no choice of when to emit", s.Kind)
	}
	if has&hasCorrections == 0 && s.Correct {
		fault("kind %v has no corrections", s.Kind)
	}
	if !s.Correct && s.Lateness != 0 {
		fault("lateness %v is of corrections, and there are none", s.Lateness)
	}
	for _, f := range [...]struct {
		name        string
		of          specFields
		value       time.Duration
		mayBeAbsent bool
	}{
		{"window", hasWindow, s.Window, s.Kind == Dedup && s.Keep == KeepFirst},
		{"gap", hasGap, s.Gap, false},
		{"ttl of the left side", hasLeftTTL, s.TTL[Left], false},
		{"ttl of the right side", hasRightTTL, s.TTL[Right], s.Kind == Temporal},
	} {
		if has&f.of == 0 && f.value != 0 {
			fault("kind %v has no %s", s.Kind, f.name)
		}
		if has&f.of != 0 && f.value == 0 && !f.mayBeAbsent {
			fault("kind %v needs a %s", s.Kind, f.name)
		}
	}
	if has&hasKeep == 0 && s.Keep != KeepFirst {
		fault("kind %v does not choose what to keep", s.Kind)
	}
	if has&hasMatch == 0 && s.Match != ByKey {
		fault("kind %v pairs by key alone", s.Kind)
	}
	if s.Kind != ThreeWay && s.Plan != Shared {
		fault("kind %v has no choice of plans", s.Kind)
	}
	if s.Kind.Inputs() == 1 && (s.MaxDisorder[Right] != 0 || len(s.Sources[Right]) > 0) {
		fault("kind %v has no right side", s.Kind)
	}
	if s.Kind == ThreeWay && len(s.Sources[Right]) != 2 {
		fault("kind %v needs two sources of the right side, and has %d", s.Kind, len(s.disorders(Right)))
	}
	if has&hasNegatives == 0 && !s.Negatives.keepsAll() {
		fault("kind %v emits no negatives, so none can be kept", s.Kind)
	}
}

// namedDuration is a duration of a spec, and what it may be.
type namedDuration struct {
	name              string
	value             time.Duration
	signed, unbounded bool
}

func (s *Spec) durations() []namedDuration {
	all := []namedDuration{
		{name: "lower", value: s.Lower, signed: true},
		{name: "upper", value: s.Upper, signed: true},
		{name: "max disorder of the left side", value: s.MaxDisorder[Left], unbounded: true},
		{name: "max disorder of the right side", value: s.MaxDisorder[Right], unbounded: true},
		{name: "lateness", value: s.Lateness},
		{name: "window", value: s.Window},
		{name: "gap", value: s.Gap},
		{name: "ttl of the left side", value: s.TTL[Left]},
		{name: "ttl of the right side", value: s.TTL[Right]},
	}
	for side, sources := range s.Sources {
		for i, d := range sources {
			all = append(all, namedDuration{name: fmt.Sprintf("max disorder of %v source %d", Side(side), i), value: d, unbounded: true})
		}
	}
	return all
}

func micros(d time.Duration) int64 { return int64(d / time.Microsecond) }
