package join

// markedValue is the value of the timer of an event with a pair.
var markedValue = []byte{1}

// markedLimit bounds the set of events known to be marked, in entries per side.
const markedLimit = 1 << 16

// marks are the sequences of events, by side, whose timers were marked lately.
// They make marks that still lie in the batch known to whoever fires those
// timers, and save marking an event again for each of its pairs.
type marks [2]map[uint64]struct{}

func newMarks() marks { return marks{make(map[uint64]struct{}), make(map[uint64]struct{})} }

func (m *marks) has(side Side, seq uint64) bool {
	_, ok := m[side][seq]
	return ok
}

func (m *marks) add(side Side, seq uint64) { m[side][seq] = struct{}{} }

// applied forgets marks, if they are many, that the store holds by now.
func (m *marks) applied() {
	for _, set := range m {
		if len(set) > markedLimit {
			clear(set)
		}
	}
}

// mark notes in an event's timer that it has a pair.
func (o *Operator) mark(at int64, key []byte, side Side, seq uint64) {
	if o.marks.has(side, seq) {
		return
	}
	o.marks.add(side, seq)
	o.bound = appendTimer(o.bound[:0], at, key, side, seq)
	o.batch.Put(o.bound, markedValue, at+1)
}

// isMarked says whether an event has a pair; value is that of its timer.
func (o *Operator) isMarked(side Side, seq uint64, value []byte) bool {
	return len(value) > 0 || o.marks.has(side, seq)
}
