package btree

import "github.com/statelab/statelab/internal/pool"

// A txn is one change of the tree, which takes effect whole or not at all (K10),
// whatever read or write fails in between. Of pages that may be changed where they
// are (those born after the newest snapshot) what changes is saved (undo.go) while there
// is room for that, and they are copied to new pages like the others after that.
// So to undo it is to put back what was saved, to free the pages born in it and to
// forget what was freed.
type txn struct {
	no     uint64 // of this transaction; 0 when none is open
	last   uint64
	epoch  uint64   // of pages born in it
	frozen uint64   // epoch of the newest snapshot: pages born by then are copied
	before position // of the tree, to go back to
	dead   [2]int64 // counts of the tree, likewise
	undo   undo
	born   []ref
	freed  []ref
}

// Pages of the main tree whose bytes are saved, at most; a pool of few frames has
// fewer, since they stay pinned.
const (
	minImages = 2
	maxImages = 16
)

// keepList is the longest list that a transaction leaves to the next one, in pages.
const keepList = 16 << 10

func imageCount(frames int) int { return max(minImages, min(maxImages, frames/64)) }

// Stamps on pages in the pool, by which the writer knows what it has done to
// them in this transaction.
func (x *txn) savedStamp() uint64  { return x.no * 3 }
func (x *txn) editedStamp() uint64 { return x.no*3 + 1 }
func (x *txn) bornStamp() uint64   { return x.no*3 + 2 }

// beginBeside opens a transaction that changes no page that is there, so that
// readers need not wait for it but for its commit.
func (t *tree) beginBeside() {
	t.begin()
	t.txn.frozen = t.txn.epoch
}

// begin opens a transaction.
func (t *tree) begin() {
	t.snaps.reap(t.releasePage)
	x := &t.txn
	x.last++
	x.epoch = t.snaps.change()
	x.no, x.frozen, x.before = x.last, t.snaps.newest(), t.position
	x.dead = [2]int64{t.deadOps, t.died}
}

// commit ends the transaction: what it freed is free, or held for snapshots.
func (t *tree) commit() {
	x := &t.txn
	x.undo.forget()
	for _, r := range x.freed {
		t.discard(r)
	}
	x.end()
}

// rollback undoes the transaction.
func (t *tree) rollback() {
	x := &t.txn
	x.undo.restore()
	x.undo.forget()
	for _, r := range x.born {
		t.unuse(r)
		t.releasePage(r)
	}
	t.position, t.deadOps, t.died = x.before, x.dead[0], x.dead[1]
	x.end()
}

func (x *txn) end() {
	x.no, x.born, x.freed = 0, x.born[:0], x.freed[:0]
	if cap(x.born)+cap(x.freed) > keepList {
		x.born, x.freed = nil, nil
	}
}

// discard makes a page that is no longer reachable free, unless a snapshot sees it.
func (t *tree) discard(r ref) {
	t.unuse(r)
	if !t.snaps.hold(r) {
		t.releasePage(r)
	}
}

// releasePage makes a page free that nobody sees.
func (t *tree) releasePage(r ref) {
	if t.lent() {
		t.pool.Return(r.id - firstPage)
		return
	}
	t.pool.Drop(r.id)
	t.vacate(r)
}

// unuse says that the tree as it is does not lead to a page any more.
func (t *tree) unuse(r ref) {
	if t.lent() {
		t.pages--
		return
	}
	for i := range t.extent(r) {
		t.space.unuse(r.id + i)
	}
}

// takePage returns a page for a new id, pinned: a copy of from, or if that is nil
// one of zeros, but for lent ones.
func (t *tree) takePage(kind byte, from page) (uint32, pool.Page, error) {
	if t.lent() {
		h, err := t.pool.Borrow()
		if err == pool.ErrNoLoan {
			return 0, h, errBufferFull
		}
		if err != nil {
			return 0, h, t.latch(err)
		}
		t.pages++
		copy(h.Bytes(), from)
		return h.Frame() + firstPage, h, nil
	}
	id, err := t.allocPage()
	if err != nil {
		return 0, pool.Page{}, err
	}
	h, err := t.pool.New(id, countKind(kind), from)
	if err != nil {
		t.unuse(ref{id: id})
		t.vacate(ref{id: id})
		return 0, h, t.latch(err)
	}
	return id, h, nil
}

// allocPage returns a free page of the file: if leaves are made in their order
// the one behind the last.
func (t *tree) allocPage() (uint32, error) {
	if t.perPage > 1 {
		return t.space.allocExtent(int(t.perPage), 0, false)
	}
	if t.inOrder {
		return t.space.allocBehind(t.behindLeaf, t.mayGrow)
	}
	return t.space.alloc()
}

// newPage returns a new page, pinned.
func (t *tree) newPage(kind byte, level int) (node, error) {
	n, r, err := t.pageFrom(nil, kind)
	if err == nil {
		n.start(r, kind, level)
	}
	return n, err
}

// copyPage returns a copy of a page under another reference, pinned.
func (t *tree) copyPage(from page) (node, error) {
	n, r, err := t.pageFrom(from, from.kind())
	if err == nil {
		n.setRef(r)
	}
	return n, err
}

// pageFrom returns a page that takePage took, and what refers to it.
func (t *tree) pageFrom(from page, kind byte) (node, ref, error) {
	id, h, err := t.takePage(kind, from)
	if err != nil {
		return node{}, ref{}, err
	}
	r := ref{id: id, birth: t.txn.epoch}
	t.txn.born = append(t.txn.born, r)
	h.SetStamp(t.txn.bornStamp())
	return node{h, h.Bytes()}, r, nil
}

// free frees a page of the tree. Where it stands in the pool, born in this very
// transaction, its place can be used again at once.
func (t *tree) free(r ref) {
	if !t.lent() && t.pool.Stamped(r.id, t.txn.bornStamp()) {
		t.unuse(r)
		t.releasePage(r)
		return
	}
	t.txn.freed = append(t.txn.freed, r)
}

// markDirty says that a page is about to be changed.
func (t *tree) markDirty(n *node) error {
	if t.lent() {
		return nil
	}
	return t.latch(t.pool.MarkDirty(n.Page))
}

// latch keeps the first failure to write, which is final, and returns it.
func (t *tree) latch(err error) error {
	if err != nil && isUnread(err) {
		return err
	}
	return t.failed.Set(err)
}
