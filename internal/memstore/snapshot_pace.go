package memstore

import (
	"sync"
	"time"
)

const (
	// snapshotShare is how many bytes a snapshot may write for each byte of keys
	// and elements that is applied meanwhile. At 4 a snapshot of all that lives is
	// finished when a quarter of it has been applied again: so the log
	// grows by about that, and so does what the snapshot's view pins.
	snapshotShare = 4

	// hurryShare is the part of the length at which a snapshot is due by which the
	// log may grow during one. Beyond that the snapshot is not held back.
	hurryShare = 2

	// snapshotIdle is how long nothing is applied before the next block is written
	// all the same.
	snapshotIdle = 10 * time.Millisecond
)

// A pacer holds a snapshot that is written in the background back to a share of
// the write rate, so that writers and readers are not crowded out.
type pacer struct {
	applied func() int64  // bytes since the store was opened
	begun   int64         // when the snapshot was
	applies chan struct{} // holds one if there was an Apply
	idle    time.Duration
	stopped <-chan struct{} // closed when the store closes

	once  sync.Once
	haste chan struct{} // closed when it is not to be held back any more
}

func (s *Store) newPacer() *pacer {
	return &pacer{
		applied: s.counters.logical.Load, begun: s.counters.logical.Load(), applies: make(chan struct{}, 1),
		idle: s.snapshot.idle, stopped: s.snapshot.stopped, haste: make(chan struct{}),
	}
}

// tell says that there was an Apply.
func (p *pacer) tell() {
	select {
	case p.applies <- struct{}{}:
	default: // it has been told
	}
}

// hurry ends the holding back.
func (p *pacer) hurry() { p.once.Do(func() { close(p.haste) }) }

// wait returns when more may be written than the bytes that were, or with
// errStopped.
func (p *pacer) wait(written int64) error {
	select {
	case <-p.stopped:
		return errStopped
	default:
	}
	idle := time.NewTimer(p.idle)
	defer idle.Stop()
	for seen := p.applied(); written > snapshotShare*(seen-p.begun); seen = p.applied() {
		select {
		case <-p.stopped:
			return errStopped
		case <-p.haste:
			return nil
		case <-p.applies:
			idle.Reset(p.idle)
		case <-idle.C:
			return nil
		}
	}
	return nil
}

// paceSnapshot tells the snapshot that is being written of an Apply, holding
// write.
func (s *Store) paceSnapshot() {
	sn := &s.snapshot
	if sn.pace == nil {
		return
	}
	sn.pace.tell()
	if s.log.Size()-sn.before > sn.due/hurryShare {
		sn.pace.hurry()
	}
}

// hurrySnapshot is for who waits for the snapshot that is being written, holding
// write.
func (s *Store) hurrySnapshot() {
	if s.snapshot.pace != nil {
		s.snapshot.pace.hurry()
	}
}
