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
// A Sync that finds enough in the log commits the tree as well: fuzzily (fuzzy.go), or where there is no write
// buffer or the log is as long as it may be by merging everything, and the log begins anew. It cannot come before, as the tree must be that of a Sync then. Between two Syncs
// neither becomes longer than its limit all the same: images end where pages are given other places
// (spared.go), and the log does as follows.
//
// Where so much comes between two Syncs that the log would have its length from that alone, it
// would be written in vain, as the Sync is a commit anyway. What comes then is not logged
// from there on, and between the next two Syncs not at all, until they are nearer to each other again.
type redo struct {
	bytes    int64 // that came since the last Sync
	unlogged bool  // the log lacks some of them, so that the next Sync must be a commit

	records          int64     // of the log, since its first segment when it was opened or begun anew
	wanted           int64     // records that an opening must find
	parts            []logPart // of the log, one for each segment that begins with a commit
	bytesSinceCommit int64     // of the log
}

// keepsLog says whether a store has a log.
func (o *Options) keepsLog() bool {
	return o.Durability != statelab.DurabilityCheckpoint || o.Update == UpdateInPlace
}

// logChange adds a record of a change to the log, if there is one.
func (s *Store) logChange(kind byte, payload []byte) (wal.Pos, error) {
	size := int64(len(payload))
	switch {
	case s.log == nil:
		return wal.Pos{}, nil
	case s.options.Durability != statelab.DurabilityCheckpoint:
		s.count(size)
		return s.log.Append([]byte{kind}, payload)
	}
	s.redo.bytes += size
	if s.log.Size()+size > s.options.LogLimit {
		s.redo.unlogged = true
	}
	if s.redo.unlogged {
		return wal.Pos{}, nil
	}
	s.count(size)
	return s.log.AppendPending([]byte{kind}, payload)
}

// count takes note of a record of the log.
func (s *Store) count(size int64) {
	s.redo.records++
	s.redo.bytesSinceCommit += size
	s.round.debt += size
}

// logSync makes all that was applied durable under DurabilityCheckpoint, by the log or by a
// commit. The writer's lock is held.
func (s *Store) logSync() error {
	if s.redo.unlogged || s.tooLong() {
		return s.commit()
	}
	s.count(1)
	_, err := s.log.Append([]byte{logSync})
	if err == nil {
		err = s.log.Sync()
	}
	if err != nil {
		return s.tree.failed.Set(err)
	}
	s.redo.bytes, s.dirty = 0, false
	if s.commitDue() {
		return s.commitFuzzy()
	}
	return nil
}

// logged returns what an opening would have to read beside the tree, in bytes.
func (s *Store) logged() int64 { return s.log.Size() + s.tree.images.size() }

// tooLong says whether the logs are so long that a commit of everything is due. Where commits are
// fuzzy that is so when they could not keep the log short; images they keep few.
func (s *Store) tooLong() bool {
	if s.fuzzy() {
		return s.log.Size() >= s.options.LogLimit
	}
	return s.logged() >= s.options.LogLimit
}

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

// restart takes note of a commit of everything, behind which the log begins with a segment.
func (r *redo) restart(segment uint64, limit int64) {
	*r = redo{unlogged: r.unlogged && r.bytes >= limit, parts: append(r.parts[:0], logPart{segment, 0})}
}

// divide takes note that a segment begins here.
func (r *redo) divide(segment uint64) {
	if r.parts[len(r.parts)-1].segment != segment {
		r.parts = append(r.parts, logPart{segment, r.records})
	}
}

// needed returns from where on the log has all records behind one.
func (r *redo) needed(record int64) logPart {
	i := len(r.parts) - 1
	for i > 0 && r.parts[i].first > record {
		i--
	}
	return r.parts[i]
}

// forget takes note of a fuzzy commit, behind which the log begins with a part of it.
func (r *redo) forget(from logPart) {
	for r.parts[0] != from {
		r.parts = r.parts[1:]
	}
	r.bytesSinceCommit = 0
}
