package storetest

import (
	"slices"
	"sync"
)

// A timeline is what readers beside a writer may see: the states that the
// writer's changes lead to, in their order. A read must fit one of them, no
// older than the last that was sure to be there when it began and no younger
// than the last whose change had begun when it ended. What one read has seen is
// sure to every read that begins after it, so that no two readers see a change
// come and go.
type timeline struct {
	mu      sync.Mutex
	decided sync.Cond // pending has become false, or over true
	states  []*model
	refused map[int]bool // states that a change would have led to that returned an error
	sure    int          // reads that begin now see this state or a later one
	pending bool         // the change to the last state is under way
	over    bool         // nobody decides any more
}

func newTimeline(now *model) *timeline {
	t := &timeline{states: []*model{now}, refused: map[int]bool{}}
	t.decided.L = &t.mu
	return t
}

// begin says that a change to the state next is under way.
func (t *timeline) begin(next *model) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.states, t.pending = append(t.states, next), true
}

// end says whether the change that is under way was made.
func (t *timeline) end(done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := len(t.states) - 1
	if done {
		t.sure = last
	} else {
		t.refused[last] = true
	}
	t.pending = false
	t.decided.Broadcast()
}

// restart says that the store was opened in this state. No read may be under way.
func (t *timeline) restart(m *model) {
	t.begin(m)
	t.end(true)
}

// finish says that no change will begin or end any more.
func (t *timeline) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	t.decided.Broadcast()
}

// from is for a read that begins: it sees this state or a later one.
func (t *timeline) from() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.sure
}

// A candidate is a state that a read may have seen, by its place in the timeline.
type candidate struct {
	at    int
	model *model
}

// window is for a read that has ended: the states that it may have seen.
func (t *timeline) window(from int) []candidate {
	t.mu.Lock()
	defer t.mu.Unlock()
	var open []candidate
	for at := from; at < len(t.states); at++ {
		if !t.refused[at] {
			open = append(open, candidate{at, t.states[at]})
		}
	}
	return open
}

// isRefused says that no read may have seen the state.
func (t *timeline) isRefused(at int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.refused[at]
}

// saw says that a read has seen this state or a later one.
func (t *timeline) saw(at int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sure = max(t.sure, at)
}

// find is for a read that has ended: it says whether the read fits a state that
// it may have seen. If the only one is that of a change under way, it waits for
// the change to be made, or refused.
func (t *timeline) find(from int, fits func(*model) bool) bool {
	window := t.window(from)
	i := slices.IndexFunc(window, func(c candidate) bool { return fits(c.model) })
	if i < 0 {
		return false
	}
	t.saw(window[i].at)
	return t.stands(window[i].at)
}

// stands waits until the change to the state is decided and says whether it was made.
func (t *timeline) stands(at int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at == len(t.states)-1 && t.pending && !t.over {
		t.decided.Wait()
	}
	return !t.refused[at]
}

// where says, for a failure, which states of the whole history a read fits that
// fits none it may have seen.
func (t *timeline) where(from int, fits func(*model) bool) string {
	t.mu.Lock()
	states, refused := slices.Clone(t.states), t.refused
	defer t.mu.Unlock()
	for at, m := range slices.Backward(states) {
		switch {
		case !fits(m):
		case refused[at]:
			return "which is what a change would have led to that was refused"
		case at < from:
			return "which is what was there before a change that had returned, or that another read had seen, when the read began"
		}
	}
	return "which was never there"
}
