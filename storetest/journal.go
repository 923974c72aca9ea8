package storetest

import (
	"slices"
	"sync"

	"github.com/statelab/statelab"
)

// A journal keeps the states that a store went through, as models, and knows
// which of them a crash may lead back to. Crashes are taken amid calls and from
// other goroutines, hence the lock; models in it are never changed.
type journal struct {
	durability statelab.Durability

	mu      sync.Mutex
	states  []*model // those from the last completed Sync on
	history []*model // all that ever were
	pending *model   // the change under way would lead to it; nil if none is
	syncing bool     // a Sync is under way; what it covers is the last of states
	// maybe are states that failed calls may have left durable.
	maybe  []*model
	copies []copied
	// timeline, if not nil, is what readers beside the player see.
	timeline *timeline
}

// A copied is what a Checkpoint made.
type copied struct {
	dir   string
	state *model
}

func newJournal(d statelab.Durability) *journal {
	empty := newModel()
	return &journal{durability: d, states: []*model{empty}, history: []*model{empty}}
}

// now returns the state of the store as it is seen by reads.
func (j *journal) now() *model { return j.states[len(j.states)-1] }

// begin says that a change is under way, and end how it went.
func (j *journal) begin(next *model) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.pending = next
	if j.timeline != nil {
		j.timeline.begin(next)
	}
}

func (j *journal) end(done bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if done {
		j.states = append(j.states, j.pending)
		j.history = append(j.history, j.pending)
	}
	if done && j.durability == statelab.DurabilityAlways {
		j.covered()
	}
	j.pending = nil
	if j.timeline != nil {
		j.timeline.end(done)
	}
}

// visible says that a change that failed can be seen: it may be durable or not.
func (j *journal) visible(m *model) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.states = append(j.states, m)
	j.history = append(j.history, m)
}

// mayHold says that a call failed that would have led to a state: of a change
// the log may hold it, of a Sync what is durable may be the state of now.
func (j *journal) mayHold(tried *model, syncing bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if syncing {
		j.maybe = append(j.maybe, j.now())
	} else if j.durability != statelab.DurabilityCheckpoint {
		j.maybe = append(j.maybe, tried)
	}
}

func (j *journal) beginSync() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.syncing = true
}

func (j *journal) endSync(done bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.syncing = false
	if done {
		j.covered()
	}
}

// covered says that all until now is durable.
func (j *journal) covered() { j.states, j.maybe = j.states[len(j.states)-1:], nil }

func (j *journal) copied(dir string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.copies = append(j.copies, copied{dir, j.now()})
}

// closed says that the store was closed in good order.
func (j *journal) closed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.durability == statelab.DurabilityCheckpoint {
		j.states = j.states[:1]
	} else {
		j.covered()
	}
}

// restart says that the store was opened in this state.
func (j *journal) restart(m *model) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.states, j.pending, j.syncing, j.maybe = []*model{m}, nil, false, nil
	if j.timeline != nil {
		j.timeline.restart(m)
	}
}

// allowed returns the states to which a crash now may lead back, earliest first.
func (j *journal) allowed() []*model {
	j.mu.Lock()
	defer j.mu.Unlock()
	var allowed []*model
	if j.durability == statelab.DurabilityCheckpoint {
		allowed = append(allowed, j.states[0])
		if j.syncing {
			allowed = append(allowed, j.now())
		}
	} else {
		allowed = slices.Clone(j.states)
		if j.pending != nil {
			allowed = append(allowed, j.pending)
		}
	}
	return append(allowed, j.maybe...)
}

// clause returns the one that says which states a crash may lead back to.
func (j *journal) clause() string {
	return [...]string{"D1", "D2", "D3"}[j.durability]
}

// copiesNow returns the copies made so far.
func (j *journal) copiesNow() []copied {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clip(j.copies)
}

// misfit says that what a crash left is none of the states allowed. If it is
// another state of the history, the clause is broken; if it is none at all,
// something is half applied or out of order.
func misfit(clause string, got state, allowed, history []*model, apart bool) *failure {
	want := allowed[len(allowed)-1]
	if i, ok := whichModel(got, history, apart); ok {
		last, _ := whichModel(want.state(apart), history, apart)
		return failed(clause, "the store holds what it held after change %d, want what it held after change %d, or one of %d other states:%s",
			i, last, len(allowed)-1, got.difference(want))
	}
	return failed("D4", "the store holds what it never held; beside the last state that is allowed, of %d:%s", len(allowed), got.difference(want))
}
