package storetest

import (
	"errors"
	"slices"

	"github.com/statelab/statelab"
)

// A walk is an iterator, with the states that it may be of.
type walk struct {
	statelab.Iterator
	opening int // of the store
	r       statelab.Range
	may     []standing
	moves   int
}

type standing struct {
	candidate
	cursor *cursor
}

// probe reads the records of one join key at once, one way or the other.
func (r *reader) probe() *failure {
	key := r.key()
	r.counts["probes"]++
	forwards, backwards := step{verb: "next"}, step{verb: "prev"}
	s := [2]step{forwards, backwards}[r.IntN(2)]
	w, f := r.open(statelab.PrefixRange(key[:groupPrefix.Len(key)]))
	for n := 0; f == nil && w != nil && n < 50; n++ {
		var on bool
		if on, f = r.move(w, s); !on {
			break
		}
	}
	if w != nil {
		r.calls.RLock()
		defer r.calls.RUnlock()
		w.Close()
	}
	return f
}

// openWalk opens an iterator that is moved among other reads.
func (r *reader) openWalk() *failure {
	const most = 3
	if len(r.walks) == most {
		return r.closeWalk(r.IntN(most))
	}
	var bounds statelab.Range
	switch r.IntN(4) {
	case 0:
		bounds.Lower = r.key()
	case 1:
		bounds.Upper = r.key()
	case 2:
		bounds.Lower, bounds.Upper = r.key(), r.key()
		if string(bounds.Lower) > string(bounds.Upper) {
			bounds.Lower, bounds.Upper = bounds.Upper, bounds.Lower
		}
	}
	w, f := r.open(bounds)
	if w != nil {
		r.walks = append(r.walks, w)
	}
	return f
}

func (r *reader) open(bounds statelab.Range) (*walk, *failure) {
	w := &walk{r: bounds}
	from := r.timeline.from()
	var err error
	r.call(func(s statelab.Store) {
		w.Iterator, err = s.Iter(bounds)
		w.opening = r.openings
	})
	if err != nil {
		return nil, failed("I1", "Iter(%s): %v", rangeText(bounds), err)
	}
	r.counts["iterators"]++
	for _, c := range r.timeline.window(from) {
		w.may = append(w.may, standing{c, &cursor{keys: c.model.keys(bounds)}})
	}
	return w, nil
}

// moveWalk moves one of the open iterators, or closes it.
func (r *reader) moveWalk() *failure {
	i := r.IntN(len(r.walks))
	w := r.walks[i]
	s := step{verb: []string{"next", "next", "next", "prev", "prev", "prev", "first", "last", "seek-ge", "seek-lt"}[r.IntN(10)]}
	if shapes[s.verb].keys > 0 {
		s.keys = []text{{head: string(r.key())}}
	}
	for range 1 + r.IntN(8) {
		on, f := r.move(w, s)
		if f != nil {
			return f
		}
		if !on && w.may == nil {
			return r.closeWalk(i)
		}
		s = step{verb: []string{"next", "prev"}[w.moves/8%2]}
	}
	if r.IntN(12) == 0 {
		return r.closeWalk(i)
	}
	return nil
}

func (r *reader) closeWalk(i int) *failure {
	w := r.walks[i]
	r.walks = slices.Delete(r.walks, i, i+1)
	r.calls.RLock()
	defer r.calls.RUnlock()
	err := w.Close()
	if err != nil && !errors.Is(err, statelab.ErrSnapshotTooOld) && !errors.Is(err, statelab.ErrClosed) {
		return failed("I7", "Close of an iterator: %v", err)
	}
	return nil
}

// move makes a move, and leaves of the states that the iterator may be of those
// in which it leads there: none if the iterator has failed, as it may.
func (r *reader) move(w *walk, s step) (on bool, f *failure) {
	r.calls.RLock()
	defer r.calls.RUnlock()
	on = doMove(w.Iterator, s)
	w.moves++
	r.counts["moves"]++
	if err := w.Err(); err != nil && !on { // after a move that led somewhere the writer may have failed it
		return false, r.ended(w, s, err)
	}
	if w.opening != r.openings {
		return on, failed("I7", "%s of an iterator of a store that was closed says %v, and no error", s.verb, on)
	}
	var left []standing
	for _, c := range w.may {
		if r.timeline.isRefused(c.at) || doMove(c.cursor, s) != on || string(c.cursor.Key()) != string(w.Key()) || on != (w.Key() != nil) {
			continue
		}
		if value, _ := c.model.value(string(w.Key())); !on || value == string(w.Value()) {
			left = append(left, c)
		}
	}
	if len(left) == 0 {
		return on, failed("I1", "%s of an iterator over %s says %v and stands on %s: %s, which with what it said before is none of the %d states that it may be of; in the last of them it stands on %s",
			s, rangeText(w.r), on, quote(w.Key()), quote(w.Value()), len(w.may), quote(w.may[len(w.may)-1].cursor.Key()))
	}
	w.may = left
	r.timeline.saw(left[0].at)
	return on, nil
}

// ended judges an iterator that has failed.
func (r *reader) ended(w *walk, s step, err error) *failure {
	w.may = nil
	switch {
	case w.Key() != nil || w.Value() != nil:
		return failed("I8", "after %s an iterator that has failed (%v) stands on %s", s.verb, err, quote(w.Key()))
	case errors.Is(err, statelab.ErrClosed) && w.opening != r.openings:
		r.counts["iterators that outlived their store"]++
	case errors.Is(err, statelab.ErrSnapshotTooOld) && r.p.o.Memory > 0:
		r.counts["iterators that were too old"]++
	default:
		return failed("I1", "%s of an iterator: %v", s.verb, err)
	}
	return nil
}
