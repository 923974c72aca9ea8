package storetest

import (
	"testing"

	"github.com/statelab/statelab"
)

// A stuckIter stands on "a" whatever happens, and says that it is too old.
type stuckIter struct{ stays bool }

func (it *stuckIter) First() bool          { return it.stays }
func (it *stuckIter) Last() bool           { return it.stays }
func (it *stuckIter) Next() bool           { return it.stays }
func (it *stuckIter) Prev() bool           { return it.stays }
func (it *stuckIter) SeekGE(_ []byte) bool { return it.stays }
func (it *stuckIter) SeekLT(_ []byte) bool { return it.stays }
func (it *stuckIter) Value() []byte        { return it.Key() }
func (it *stuckIter) Err() error           { return statelab.ErrSnapshotTooOld }
func (it *stuckIter) Close() error         { return nil }

func (it *stuckIter) Key() []byte {
	if !it.stays {
		return nil
	}
	return []byte("a")
}

// With maintenance in the background a snapshot may be taken away between a move and
// the question how it went. What the move showed is right then, and the next one fails.
func TestASnapshotMayBeTakenAwayAfterAMove(t *testing.T) {
	p := &player{o: statelab.Options{Memory: 1, Maintenance: statelab.MaintenanceBackground}, journal: newJournal(statelab.DurabilityCheckpoint)}
	m := p.journal.now()
	m.records["a"] = []element{{value: "a", expireAt: statelab.NoExpiry}}
	it := &stuckIter{stays: true}
	open := &openIter{Iterator: it, cursor: cursor{keys: m.keys(statelab.Range{})}, model: m}
	if f, err := p.move(open, step{verb: "first"}); f != nil || err != nil {
		t.Errorf("a move that was made in time: %v, %v", f, err)
	}
	if f, err := p.move(open, step{verb: "first"}); f == nil || err != nil || f.clause != "I8" {
		t.Errorf("one after that stood: %v, %v", f, err)
	}
	it.stays = false
	if f, err := p.move(open, step{verb: "first"}); f != nil || err != nil {
		t.Errorf("one after that failed: %v, %v", f, err)
	}
}
