package draw

// A Due is something a source will show later.
type Due struct {
	Time int64
	born uint64 // order of creation, which breaks ties
	Of   uint64 // the number of the event that it follows up

	Since int64 // that event's time
	Role  uint8 // what it is, where a source has several
}

func (d Due) before(e Due) bool {
	return d.Time < e.Time || d.Time == e.Time && d.born < e.born
}

// An Agenda is a binary min-heap of dues. (container/heap would box each one.)
type Agenda struct {
	dues []Due
	born uint64
}

// Add plans something for delay after the event of this number and time.
func (a *Agenda) Add(of uint64, since, delay int64) {
	a.Plan(Due{Time: since + delay, Of: of, Since: since})
}

// Plan plans d, and says when it was born.
func (a *Agenda) Plan(d Due) {
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

// Next says when the earliest due is; false if there is none.
func (a *Agenda) Next() (time int64, ok bool) {
	if len(a.dues) == 0 {
		return 0, false
	}
	return a.dues[0].Time, true
}

// Take removes the earliest due, of which there must be one.
func (a *Agenda) Take() Due {
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
