package btree

import "github.com/statelab/statelab/internal/pool"

// An undo log is what a transaction that is undone puts back: bytes as they were of
// pages that it has changed where they are.
//
//	page    [header slots |    free    | cells ]
//	edited   ^^^^^^^^^^^^                ^^        saved: what comes first, and cells
//	saved    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^   that go; or all
//
// Most changes of a leaf put a cell into its free space: then header and slots are all
// there is to save. So it is with cells that are taken out, unless their place
// becomes free space. Only what moves cells together needs the whole page.
//
// The log has a bound. A page for which there is no room left is copied to another one instead.
type undo struct {
	saved []saved
	bytes []byte // of all of them, one behind the other
	limit int    // of bytes
	pins  int
	most  int // pins, as the pool has only so many frames
}

// saved says where bytes stood, the last of which is the end of the bytes so far.
type saved struct {
	h      pool.Page
	at     int
	size   int
	pinned bool // until the end: a page that is edited stays in its frame
}

// setLimit gives the log its memory.
func (u *undo) setLimit(bytes, pins int) {
	u.bytes, u.limit, u.most = make([]byte, 0, bytes), bytes, pins
}

func (u *undo) room() int { return u.limit - len(u.bytes) }

// save notes bytes of a page.
func (u *undo) save(n *node, at, size int, pin bool) {
	s := saved{n.Page, at, size, pin}
	if pin {
		s.h = n.Page.Pin()
		u.pins++
	}
	u.saved = append(u.saved, s)
	u.bytes = append(u.bytes, n.page[at:at+size]...)
}

// restore puts all back, the last first.
func (u *undo) restore() {
	end := len(u.bytes)
	for i := len(u.saved) - 1; i >= 0; i-- {
		s := u.saved[i]
		copy(s.h.Bytes()[s.at:], u.bytes[end-s.size:end])
		end -= s.size
	}
}

// forget empties the log.
func (u *undo) forget() {
	for _, s := range u.saved {
		if s.pinned {
			s.h.Unpin()
		}
	}
	clear(u.saved)
	u.saved, u.bytes, u.pins = u.saved[:0], u.bytes[:0], 0
	if cap(u.saved) > keepList {
		u.saved = nil
	}
}

// editable makes n a page of which header and slots may be changed in this
// transaction and the free space filled. A cell that stands there is changed, or its
// place given up, only after saveCell, and there is room to save so many bytes of cells.
// n is the same page, or a copy of it under another reference, which its parent must
// then be told.
func (t *tree) editable(n *node, cells int) error {
	x := &t.txn
	u := &x.undo
	switch s := n.Stamp(); {
	case s == x.bornStamp(), s == x.savedStamp():
		return t.markDirty(n)
	case s == x.editedStamp():
		if u.room() >= cells {
			return t.markDirty(n)
		}
	case t.inPlace(n, n.slotsEnd()+cells):
		return t.savePage(n, n.slotsEnd(), x.editedStamp())
	}
	return t.replace(n)
}

// writable is editable for changes of any kind.
func (t *tree) writable(n *node) error {
	x := &t.txn
	switch s := n.Stamp(); {
	case s == x.bornStamp(), s == x.savedStamp():
		return t.markDirty(n)
	case s == x.editedStamp():
		if x.undo.room() >= t.pageSize {
			x.undo.save(n, 0, t.pageSize, false)
			n.SetStamp(x.savedStamp())
			return t.markDirty(n)
		}
	case t.inPlace(n, t.pageSize):
		return t.savePage(n, t.pageSize, x.savedStamp())
	}
	return t.replace(n)
}

// inPlace says whether a page that was not changed yet can be changed where it is,
// which takes saving so many bytes of it. A compressed leaf cannot: it would not fit its
// extent.
func (t *tree) inPlace(n *node, bytes int) bool {
	u := &t.txn.undo
	return n.birth() > t.txn.frozen && n.ref().units == 0 && u.room() >= bytes &&
		(t.lent() || u.pins < u.most && t.space.mayOverwrite(n.ref().id))
}

// savePage saves the first bytes of a page that is about to be changed.
func (t *tree) savePage(n *node, size int, stamp uint64) error {
	if !t.lent() {
		t.space.owe(n.ref().id)
	}
	if err := t.markDirty(n); err != nil {
		return err
	}
	t.txn.undo.save(n, 0, size, !t.lent())
	n.SetStamp(stamp)
	return nil
}

// saveCell saves bytes of a cell of an editable page that are about to change, or to
// become free.
func (t *tree) saveCell(n *node, at, size int) {
	if n.Stamp() == t.txn.editedStamp() {
		t.txn.undo.save(n, at, size, false)
	}
}

// replace makes n a copy of itself, and frees the page that it was.
func (t *tree) replace(n *node) error {
	c, err := t.copyPage(n.page)
	if err != nil {
		return err
	}
	old := n.ref()
	n.release()
	t.free(old)
	*n = c
	return nil
}
