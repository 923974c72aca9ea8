package btree

import (
	"errors"

	"github.com/statelab/statelab"
)

// A batch changes pages of the write buffer where they are, with the gate closed:
// that is what costs least, and readers who come meanwhile wait. Where there are
// readers at all, batches are prepared beside them instead: a batch copies the
// pages that it changes, as under a snapshot, and the gate is closed for the moment
// in which it becomes visible. It costs a frame and a copy for each page.

// besideReaders is how many batches are prepared beside readers after one was last
// seen: enough that some of them would meet a reader if there still were any.
const besideReaders = 256

// noteReaders takes note that somebody was reading.
func (s *Store) noteReaders(some bool) {
	switch {
	case some:
		s.beside = besideReaders
	case s.beside > 0:
		s.beside--
	}
}

// prepareBeside makes the pages of a batch in a transaction that it leaves open, if
// that is called for and the buffer has room for copies. The writer's lock is held.
func (s *Store) prepareBeside(batch *statelab.Batch) (bool, error) {
	b := &s.buffer
	if s.beside == 0 || b.limit == 0 {
		return false, nil
	}
	if err := s.usable(); err != nil {
		return false, err
	}
	b.beginBeside()
	err := b.applyAll(batch.Ops(), b.applyOp)
	b.beneath = 0
	if err == nil {
		return true, nil
	}
	b.rollback()
	if errors.Is(err, errBufferFull) {
		err = nil
	}
	return false, err
}

// commitBeside makes what was prepared the buffer. The gate is closed.
func (b *buffer) commitBeside() {
	b.commit()
	b.snaps.change() // again: a snapshot that was opened meanwhile is of the buffer before
}

// giveUp undoes what was prepared, if it was not committed.
func (b *buffer) giveUp() {
	if b.txn.no != 0 {
		b.rollback()
	}
}

// reopenGate opens the gate to the trees as they are now.
func (s *Store) reopenGate() {
	s.tree.show()
	s.buffer.show()
	s.gate.open()
}
