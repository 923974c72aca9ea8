package join

// heldEvents are events of one key that a Backlog still needs, the oldest first,
// with copies of their values.
type heldEvents struct {
	events []heldEvent
	from   int    // those before are dropped
	values []byte // of all events, and of dropped ones until the next compaction
	live   int    // bytes of those that are not dropped
}

type heldEvent struct {
	Event
	arrival uint64
	matched bool
}

// heldSlack is how many bytes of dropped values are not worth a compaction.
const heldSlack = 64 << 10

// all returns the events, valid until the next add.
func (h *heldEvents) all() []heldEvent { return h.events[h.from:] }

// add copies the event's value. Its key is the caller's to keep.
func (h *heldEvents) add(e Event, arrival uint64) {
	if h.from > len(h.events)/2 {
		h.events = append(h.events[:0], h.events[h.from:]...)
		h.from = 0
	}
	if len(h.values) > 2*h.live+heldSlack {
		h.compact()
	}
	e.Value = h.keep(e.Value)
	h.live += len(e.Value)
	h.events = append(h.events, heldEvent{Event: e, arrival: arrival})
}

// keep copies bytes. Earlier copies stay valid when values moves.
func (h *heldEvents) keep(b []byte) []byte {
	n := len(h.values)
	h.values = append(h.values, b...)
	return h.values[n:len(h.values):len(h.values)]
}

func (h *heldEvents) compact() {
	h.values = make([]byte, 0, 2*h.live)
	for i := range h.all() {
		e := &h.all()[i]
		e.Value = h.keep(e.Value)
	}
}

// drop drops the oldest event.
func (h *heldEvents) drop() {
	h.live -= len(h.events[h.from].Value)
	h.from++
}

func (h *heldEvents) clear() {
	h.events, h.from, h.live = h.events[:0], 0, 0
	h.values = h.values[:0]
	if cap(h.values) > arenaLimit {
		h.values = nil
	}
}
