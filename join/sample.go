package join

// A Sample is a left event and the right events it pairs with, ordered by time
// and sequence. All slices belong to the operator.
type Sample struct {
	Left   Event
	Rights []Event // each with Left's key

	// Correction says that the sample takes the place of the one that was
	// emitted last for the same left event (of a left outer join; the pairs of
	// an inner one are emitted once).
	Correction bool
}

// arenaLimit is the largest buffer that is kept from one sample to the next, in bytes.
const arenaLimit = 16 << 20

// keep copies bytes into the arena. Earlier copies stay valid when it moves.
func (o *Operator) keep(b []byte) []byte {
	n := len(o.arena)
	o.arena = append(o.arena, b...)
	return o.arena[n:len(o.arena):len(o.arena)]
}
