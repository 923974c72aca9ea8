package join

import "fmt"

// Kind is what a join pairs, and what it emits.
type Kind uint8

const (
	// LeftOuter emits one sample for each left event, with all its right
	// events or with none.
	LeftOuter Kind = iota
	// Inner emits what LeftOuter does, but for left events without a pair.
	Inner
	// Tumbling pairs events of the same window of length Window; windows begin
	// at whole multiples of it since 1970. It emits, when the window has passed, each
	// left event that has right events, with all of them, in the order of J3.
	Tumbling
	// Regular pairs events as long as both are in state, where an event stays for
	// its side's TTL after its time: it is Inner and OnMatch with Lower at -TTL[Right]
	// and Upper at TTL[Left].
	Regular
	// Temporal pairs a left event with the version of its key's row that was in
	// force at its time: with the right event that has the greatest (time,
	// sequence) of those that are not later, if that is within TTL[Right] (zero: of any
	// age). It emits each left event with one right event or with none.
	Temporal
	// Dedup has left events alone, and emits one of several of a key that lie less
	// than Window apart: which, Keep says.
	Dedup
	// Session has left events alone. Those of a key that are no more than Gap apart,
	// in a chain, are a session, which is emitted when the watermark has
	// passed its last event's time + Gap, in the order of (that time, key).
	Session
	// ThreeWay is Regular of three inputs, done as Plan says: a left event, and one of each of the
	// two sources that the right side has (Spec.Sources), are a triple if each left and right event of it
	// are a pair of Regular, and the right ones lie within TTL[Right] of each other. A triple
	// is emitted once, as soon as all of it is there, with the right events in the order of their sources.
	ThreeWay
)

// Keep says which event a Dedup keeps.
type Keep uint8

const (
	// KeepFirst emits an event as it arrives, unless the one of its key that was
	// emitted last has a time above its own less Window. (Even a later time than its own:
	// first is in the order of arrival.) With Window zero it emits one per key.
	KeepFirst Keep = iota
	// KeepLast emits an event when the watermark has reached its time + Window,
	// unless one of its key with a greater (time, sequence) has a time below that. They
	// come in the order of (time, key, sequence).
	KeepLast
)

var keepNames = []string{"first", "last"}

func (k Keep) String() string {
	if int(k) < len(keepNames) {
		return keepNames[k]
	}
	return fmt.Sprintf("keep(%d)", uint8(k))
}

// kinds describes each Kind.
var kinds = []struct {
	name   string
	inputs int // 1: all events are left ones
	fields specFields
}{
	LeftOuter: {"left_outer", 2, hasBounds | hasEmit | hasCorrections | hasNegatives | hasMatch},
	Inner:     {"inner", 2, hasBounds | hasEmit | hasCorrections | hasMatch},
	Tumbling:  {"tumbling", 2, hasWindow},
	Regular:   {"regular", 2, hasLeftTTL | hasRightTTL | hasMatch},
	Temporal:  {"temporal", 2, hasRightTTL},
	Dedup:     {"dedup", 1, hasWindow | hasKeep},
	Session:   {"session", 1, hasGap},
	ThreeWay:  {"three_way", 2, hasLeftTTL | hasRightTTL},
}

// specFields are fields of a Spec that mean something to some kinds only.
type specFields uint16

const (
	hasBounds specFields = 1 << iota
	hasEmit
	hasCorrections
	hasNegatives
	hasWindow
	hasGap
	hasLeftTTL
	hasRightTTL
	hasKeep
	hasMatch
)

// Kinds returns all kinds.
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// newLogic returns what the kind of an operator's spec does.
func newLogic(o *Operator) logic {
	switch o.spec.Kind {
	case Tumbling:
		return newTumblingJoin(o)
	case Temporal:
		return &temporalJoin{Operator: o, ttl: micros(o.spec.TTL[Right])}
	case Dedup:
		if o.spec.Keep == KeepLast {
			return &dedupLast{Operator: o, span: micros(o.spec.Window) - 1}
		}
		return &dedupFirst{Operator: o, window: micros(o.spec.Window)}
	case Session:
		return &sessions{Operator: o, gap: micros(o.spec.Gap)}
	case ThreeWay:
		if o.spec.Plan == Chained {
			return &chainedJoin{intervalJoin: newIntervalJoin(o)}
		}
		return &threeWay{intervalJoin: newIntervalJoin(o)}
	}
	return newIntervalJoin(o)
}

// Inputs returns how many sides events come from: 2, or 1 if all are left events.
func (k Kind) Inputs() int {
	if int(k) < len(kinds) {
		return kinds[k].inputs
	}
	return 2
}
