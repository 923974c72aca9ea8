package memstore

import "github.com/statelab/statelab/internal/arena"

// lanes let the records of the groups that grow fastest lie side by side in the
// arena, in the order in which they come, which is mostly that of their keys. So who
// reads all of such a group goes through memory as it lies, as the processor foresees.
// Where records lie in the order of all, each one of a group is a miss, or several,
// and in a page of its own.
//
//	all together   A B C A D B A E ...
//	with lanes     A A A A ... | B C D B E ...
//
// A group that is long may have the lane that its hash names, if more records come to it
// than to the other long groups of that lane: they vote (R. Boyer and J. Moore,
// "MJRTY: a fast majority vote algorithm", 1981). So there are few enough of them
// that what their spans leave unused is little.
type lanes [numLanes]lane

type lane struct {
	group uint64 // by the hash
	votes int    // for it, less those for others
	at    arena.Lane
}

const (
	numLanes = 64
	// Below so many votes a group has no lane: with records of 192 bytes a span is full
	// at 170.
	fewestVotes = 256
	// At mostVotes a group that grew fast has a chance to lose its lane.
	mostVotes = 1024
)

// of returns the lane for another record of a long group, or nil if it gets none.
func (l *lanes) of(group uint64) *arena.Lane {
	ln := &l[group%numLanes]
	switch {
	case ln.group == group:
		ln.votes = min(ln.votes+1, mostVotes)
	case ln.votes > 0:
		ln.votes--
		return nil
	default:
		*ln = lane{group: group, votes: 1}
	}
	if ln.votes < fewestVotes {
		return nil
	}
	return &ln.at
}

// allocRecord finds memory for a record of the key that was sought last.
func (r *records) allocRecord(n int) (arena.Ref, error) {
	if last := &r.groups.last; last.holds && last.seat.entry.Mark == longMark {
		if at := r.lanes.of(last.seat.hash); at != nil {
			return r.mem.AllocIn(at, n)
		}
	}
	return r.mem.Alloc(n)
}
