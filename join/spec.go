package join

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Kind is what a join emits.
type Kind uint8

const (
	// LeftOuter emits one sample for each left event, with all its right
	// events or with none.
	LeftOuter Kind = iota
	// Inner emits what LeftOuter does, but for left events without a pair.
	Inner
)

var kindNames = []string{"left_outer", "inner"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
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
// equal time, of sides that are in order.
type Spec struct {
	Kind Kind

	// A left and a right event of one key are a pair if
	// left time + Lower <= right time <= left time + Upper.
	// Either may be negative; both are whole microseconds.
	Lower, Upper time.Duration

	// MaxDisorder says, by Side, how far below the greatest time shown a time
	// may lie without being late. Whole microseconds, or Unbounded.
	MaxDisorder [2]time.Duration

	// Negatives says which left events without a pair are emitted.
	Negatives Negatives
}

// Validate names every fault of the spec at once.
func (s *Spec) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	if int(s.Kind) >= len(kindNames) {
		fault("kind %d is unknown", uint8(s.Kind))
	}
	if s.Lower > s.Upper {
		fault("lower %v is above upper %v", s.Lower, s.Upper)
	}
	if s.Lower%time.Microsecond != 0 {
		fault("lower %v is not a whole number of microseconds", s.Lower)
	}
	if s.Upper%time.Microsecond != 0 {
		fault("upper %v is not a whole number of microseconds", s.Upper)
	}
	for side, d := range s.MaxDisorder {
		switch {
		case d == Unbounded:
		case d < 0:
			fault("max disorder %v of the %v side is negative", d, Side(side))
		case d%time.Microsecond != 0:
			fault("max disorder %v of the %v side is not a whole number of microseconds", d, Side(side))
		}
	}
	if k := s.Negatives.Keep; !(k >= 0 && k <= 1) {
		fault("share of negatives to keep is %v, not in (0, 1]", k)
	}
	if s.Kind == Inner && s.Negatives.Keep != 0 && s.Negatives.Keep != 1 {
		fault("an inner join emits no negatives, so none can be kept")
	}
	if len(faults) > 0 {
		return fmt.Errorf("join: %w", errors.Join(faults...))
	}
	return nil
}

func micros(d time.Duration) int64 { return int64(d / time.Microsecond) }

// newLogic returns what the kind of a spec does.
func newLogic(o *Operator) logic { return newIntervalJoin(o) }
