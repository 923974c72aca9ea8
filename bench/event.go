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

// A due is something a source will show later.
type due struct {
	time int64
	born uint64 // order of creation, which breaks ties
	of   uint64 // the number of the event that it follows up

	since int64 // that event's time
	role  uint8 // what it is, where a source has several
}

func (d due) before(e due) bool {
	return d.time < e.time || d.time == e.time && d.born < e.born
}

// An agenda is a binary min-heap of dues. (container/heap would box each one.)
type agenda struct {
	dues []due
	born uint64
}

// add plans something for delay after the event of this number and time.
func (a *agenda) add(of uint64, since, delay int64) {
	a.plan(due{time: since + delay, of: of, since: since})
}

// plan plans d, and says when it was born.
func (a *agenda) plan(d due) {
	d.born = a.born
	a.born++
	a.dues = append(a.dues, d)
	h := a.dues
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			break
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

// next says when the earliest due is; false if there is none.
func (a *agenda) next() (time int64, ok bool) {
	if len(a.dues) == 0 {
		return 0, false
	}
	return a.dues[0].time, true
}

// take removes the earliest due, of which there must be one.
func (a *agenda) take() due {
	h := a.dues
	first, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	a.dues = h
	for i := 0; ; {
		least := 2*i + 1
		if least >= len(h) {
			return first
		}
		if right := least + 1; right < len(h) && h[right].before(h[least]) {
			least = right
		}
		if !h[least].before(h[i]) {
			return first
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
