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
}

// logicalSize is what the event counts in logical bytes: key and value, once.
func (e *event) logicalSize() int64 { return int64(len(e.key) + len(e.value)) }

// A source shows an endless sequence of events in order of their times.
type source interface{ next(ev *event) }

// A due is something a source will show later.
type due struct {
	time int64
	born uint64 // order of creation, which breaks ties
	of   uint64 // the number of the event that it follows up

	since int64 // that event's time
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
	a.dues = append(a.dues, due{time: since + delay, born: a.born, of: of, since: since})
	a.born++
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
