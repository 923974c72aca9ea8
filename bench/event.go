package bench

// An event is what a source shows next. Its key and value belong to the
// source until the next call of next.
type event struct {
	right bool   // it comes from the right source, such as an action
	seq   uint64 // its position in its own source, from 0
	time  int64  // event time in microseconds
	key   id
	value []byte

	of    uint64 // the number of the event that it follows up, if it does
	since int64  // and that event's time

	lag   int64 // how long after its time it arrives, in microseconds
	other bool  // it is a left one that is filtered out
}

// arrival is when the event arrives, in event time.
func (e *event) arrival() int64 { return e.time + e.lag }

// logicalSize is what the event counts in logical bytes: key and value, once.
func (e *event) logicalSize() int64 { return int64(len(e.key) + len(e.value)) }

// A source shows an endless sequence of events in the order in which they arrive.
type source interface{ next(ev *event) }
