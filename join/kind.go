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
)

// kinds describes each Kind.
var kinds = []struct {
	name   string
	inputs int // 1: all events are left ones
	fields specFields
}{
	LeftOuter: {"left_outer", 2, hasBounds | hasEmit | hasCorrections | hasNegatives},
	Inner:     {"inner", 2, hasBounds | hasEmit | hasCorrections},
}

// specFields are fields of a Spec that mean something to some kinds only.
type specFields uint16

const (
	hasBounds specFields = 1 << iota
	hasEmit
	hasCorrections
	hasNegatives
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
	return newIntervalJoin(o)
}
