package join

import (
	"fmt"
	"math"
)

// MiniBatch has the operator collect up to n events, ask the store for what it needs
// of them by one statelab.MultiGet, and decide them together: at the latest when Flush
// is called. The output is the same. Only Dedup with KeepFirst asks for single records as events arrive;
// other kinds, which scan, refuse. It is called before the first event.
func (o *Operator) MiniBatch(n int) error {
	if err := o.spec.ForMiniBatch(); err != nil {
		return err
	}
	o.together = n
	return nil
}

// ForMiniBatch says why MiniBatch would be refused, if it would be.
func (s *Spec) ForMiniBatch() error {
	if s.Kind != Dedup || s.Keep != KeepFirst {
		return fmt.Errorf("join: kind %v does not ask for single records as events arrive, so none can be asked for together", s.Kind)
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
