package btree

import "sync"

// A snapshot holds a root's pages against being changed or reused: that of an
// iterator, or the durable one.
//
// Epochs order them. Every page has the epoch of its birth. A snapshot ends an
// epoch: it sees the pages born up to its own epoch and not freed before, and
// what is born later is in later epochs. So a page may be changed where it is
// if it was born after the newest snapshot.
//
// When a page is freed that the newest snapshot sees, it is put on that
// snapshot's list. When a snapshot is released, the pages on its list that the
// one before it sees too (they were born by its epoch) go on to that one's
// list, and the others are free: the dead lists of ZFS.
type snapshot struct {
	epoch   uint64
	users   int // iterators; the durable root counts as one
	kept    int // of them, those that I8 does not end
	durable bool
	held    []ref
	pinned  int // of held, those that the durable root does not see
}

// snapshots are those of a tree, and its epochs. Iterators come and go beside
// each other and beside a commit, so it has a lock of its own; but only the
// writer looks at held lists.
type snapshots struct {
	mu      sync.Mutex
	epoch   uint64      // of pages that are born now
	changed bool        // a page was, or may have been, born or changed in this epoch
	idle    bool        // some snapshot has no user
	durable uint64      // epoch of the durable root
	list    []*snapshot // by epoch
	spare   []*snapshot
}

// change says that pages are about to be born or changed, and returns the epoch.
func (s *snapshots) change() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = true
	return s.epoch
}

// restart makes the snapshots those of a tree whose durable root has this epoch, and
// needs a snapshot if it is held.
func (s *snapshots) restart(epoch uint64, held bool) {
	s.epoch = epoch + 1
	if held {
		s.durable = epoch
		s.list = []*snapshot{{epoch: epoch, users: 1, durable: true}}
	}
}

// open returns the snapshot of what is now, which close gives up. It is the
// newest if nothing has changed since; but that may be gone, and the one before
// it is of an earlier epoch.
func (s *snapshots) open() *snapshot {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.list); n > 0 && !s.changed && s.list[n-1].epoch+1 == s.epoch {
		s.list[n-1].users++
		return s.list[n-1]
	}
	sn := new(snapshot)
	if n := len(s.spare); n > 0 {
		sn, s.spare = s.spare[n-1], s.spare[:n-1]
	}
	*sn = snapshot{epoch: s.epoch, users: 1, held: sn.held[:0]}
	s.list = append(s.list, sn)
	s.epoch++
	s.changed = false
	return sn
}

// openKept is open for a user that I8 does not end.
func (s *snapshots) openKept() *snapshot {
	sn := s.open()
	s.mu.Lock()
	sn.kept++
	s.mu.Unlock()
	return sn
}

// closeKept gives up what openKept returned.
func (s *snapshots) closeKept(sn *snapshot) {
	s.mu.Lock()
	sn.kept--
	s.mu.Unlock()
	s.close(sn)
}

// close gives up a snapshot. Its pages are freed when the writer next reaps.
func (s *snapshots) close(sn *snapshot) {
	s.mu.Lock()
	sn.users--
	s.idle = s.idle || sn.users == 0
	s.mu.Unlock()
}

// newest returns the epoch of the newest snapshot, 0 if there is none.
func (s *snapshots) newest() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.list); n > 0 {
		return s.list[n-1].epoch
	}
	return 0
}

// hold puts a freed page on the newest snapshot's list, and says whether that
// snapshot sees it. If it does not, nobody does.
func (s *snapshots) hold(r ref) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.list)
	if n == 0 || r.birth > s.list[n-1].epoch {
		return false
	}
	sn := s.list[n-1]
	sn.held = append(sn.held, r)
	if r.birth > s.durable {
		sn.pinned++
	}
	return true
}

// reap takes out snapshots that nobody uses and calls release with each page
// that no other one sees.
func (s *snapshots) reap(release func(ref)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.idle {
		return
	}
	s.idle = false
	kept := s.list[:0]
	for _, sn := range s.list {
		if sn.users > 0 {
			kept = append(kept, sn)
			continue
		}
		var before *snapshot
		if n := len(kept); n > 0 {
			before = kept[n-1]
		}
		for _, r := range sn.held {
			if before == nil || r.birth > before.epoch {
				release(r)
				continue
			}
			before.held = append(before.held, r)
		}
		s.spare = append(s.spare, sn)
	}
	clear(s.list[len(kept):])
	s.list = kept
	s.count()
}

// setDurable makes sn the durable root's snapshot, and gives up the one before.
func (s *snapshots) setDurable(sn *snapshot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, old := range s.list {
		if old.durable {
			old.durable = false
			old.users--
			s.idle = s.idle || old.users == 0
		}
	}
	sn.durable = true
	s.durable = sn.epoch
	s.count()
}

// count recounts what is pinned. A list older than the durable root's holds
// what that does not see; its own holds what it sees; in a newer one the birth tells.
func (s *snapshots) count() {
	for _, sn := range s.list {
		switch {
		case sn.epoch < s.durable:
			sn.pinned = len(sn.held)
		case sn.epoch == s.durable:
			sn.pinned = 0
		default:
			sn.pinned = 0
			for _, r := range sn.held {
				if r.birth > s.durable {
					sn.pinned++
				}
			}
		}
	}
}

// allHeld returns all pages that are held.
func (s *snapshots) allHeld() []ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []ref
	for _, sn := range s.list {
		all = append(all, sn.held...)
	}
	return all
}

// pinned returns the number of pages held for users' iterators alone.
func (s *snapshots) pinned() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, sn := range s.list {
		if sn.kept == 0 {
			n += sn.pinned
		}
	}
	return n
}
