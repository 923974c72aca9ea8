package join

import (
	"fmt"
	"math"
)

// MiniBatch has the operator ask the store for the single records that it needs of up to n events by one
// statelab.MultiGet. The output is the same. Dedup with KeepFirst needs them as events arrive: it collects events, and decides them
// together, at the latest when Flush is called. Temporal needs its left events as they fire, as LeftOuter with OnMatch does
// those without a pair, and a join on watermark whose pairs have an attribute in common. What needs none, or scans, refuses.
// It is called before the first event.
func (o *Operator) MiniBatch(n int) error {
	if err := o.spec.ForMiniBatch(); err != nil {
		return err
	}
	o.together = n
	return nil
}

// ForMiniBatch says why MiniBatch would be refused, if it would be.
func (s *Spec) ForMiniBatch() error {
	switch {
	case s.Kind == Dedup && s.Keep == KeepFirst, s.Kind == Temporal:
	case s.Kind == LeftOuter && s.Emit == OnMatch:
	case s.Match != ByKey && s.Kind != Regular && s.Emit == OnWatermark:
	default:
		return fmt.Errorf("join: kind %v emitted on %v does not ask for single records, so none can be asked for together", s.Kind, s.Emit)
	}
	return nil
}

// A batching logic may leave events waiting for others. They are not in a batch
// yet, though the meta record would say that they are seen: so it takes them before each apply.
type batching interface {
	takeWaiting() error
}

// waitingEvents are copies of events, with the keys of their marks.
type waitingEvents struct {
	events []Event
	marks  [][]byte
	found  []int64 // by event: the time in its mark, or noMark
	bytes  []byte
}

// noMark is no event's time.
const noMark = math.MinInt64

func (w *waitingEvents) add(e Event, mark []byte) {
	e.Key, e.Value = w.keep(e.Key), w.keep(e.Value)
	w.events = append(w.events, e)
	w.marks = append(w.marks, w.keep(mark))
}

// keep copies bytes. Earlier copies stay valid when w.bytes moves.
func (w *waitingEvents) keep(b []byte) []byte {
	n := len(w.bytes)
	w.bytes = append(w.bytes, b...)
	return w.bytes[n:len(w.bytes):len(w.bytes)]
}

func (w *waitingEvents) clear() {
	w.events, w.marks, w.bytes = w.events[:0], w.marks[:0], w.bytes[:0]
	if cap(w.bytes) > arenaLimit {
		w.bytes = nil
	}
}
