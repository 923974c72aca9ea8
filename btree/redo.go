package btree

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/wal"
)

// A store that is updated in place has a log under DurabilityCheckpoint too: else each
// Sync had to write every page that has changed. Nothing of it may be seen after a crash
// that no Sync has covered. So what is applied goes to the log as pending records, which count
// only with the one that completes them; Sync appends that, and syncs the log.
//
//	batch batch advance batch SYNC batch advance SYNC batch
//	|<--- all or none ----------->|<-- all or none ->| never seen
//
// When the log and the images have their length, the next Sync is a commit of the tree, and both
// begin anew. It cannot come before, as the tree must be that of a Sync then. Between two Syncs
// neither becomes longer than its limit all the same: images end where pages are given other places
// (spared.go), and the log does as follows.
//
// Where so much comes between two Syncs that the log would have its length from that alone, it
// would be written in vain, as the Sync is a commit anyway. What comes then is not logged
// from there on, and between the next two Syncs not at all, until they are nearer to each other again.
type redo struct {
	bytes    int64 // that came since the last Sync
	unlogged bool  // the log lacks some of them, so that the next Sync must be a commit
}

// keepsLog says whether a store has a log.
func (o *Options) keepsLog() bool {
	return o.Durability != statelab.DurabilityCheckpoint || o.Update == UpdateInPlace
}

// logChange adds a record of a change to the log, if there is one.
func (s *Store) logChange(kind byte, payload []byte) (wal.Pos, error) {
	switch {
	case s.log == nil:
		return wal.Pos{}, nil
	case s.options.Durability != statelab.DurabilityCheckpoint:
		return s.log.Append([]byte{kind}, payload)
	}
	size := int64(len(payload))
	s.redo.bytes += size
	if s.log.Size()+size > s.options.LogLimit {
		s.redo.unlogged = true
	}
	if s.redo.unlogged {
		return wal.Pos{}, nil
	}
	return s.log.AppendPending([]byte{kind}, payload)
}

// logSync makes all that was applied durable under DurabilityCheckpoint, by the log or by a
// commit. The writer's lock is held.
func (s *Store) logSync() error {
	if s.redo.unlogged || s.logged() >= s.options.LogLimit {
		return s.commit()
	}
	_, err := s.log.Append([]byte{logSync})
	if err == nil {
		err = s.log.Sync()
	}
	if err != nil {
		return s.tree.failed.Set(err)
	}
	s.redo.bytes, s.dirty = 0, false
	return nil
}

// logged returns what an opening would have to read beside the tree, in bytes.
func (s *Store) logged() int64 { return s.log.Size() + s.tree.images.size() }

// rotateLog ends the log where a commit begins, and returns the segment that comes after.
// Pending records are given up: should the commit fail they must not count, and until one
// succeeds nothing else is logged.
func (s *Store) rotateLog() (uint64, error) {
	s.redo.unlogged = s.options.Durability == statelab.DurabilityCheckpoint
	err := s.log.Abandon()
	if err != nil {
		return 0, err
	}
	return s.log.Rotate()
}

// restart takes note of a commit.
func (r *redo) restart(limit int64) {
	r.unlogged = r.unlogged && r.bytes >= limit
	r.bytes = 0
}
