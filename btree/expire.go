package btree

import "github.com/statelab/statelab"

// expireLimit is how many dead leaves one call of expire takes out: more than
// an Apply fills, so that death keeps up with birth, and few enough that a
// call's time stays near that of an Apply.
const expireLimit = 64

// expire takes leaves out of the tree in which everything is dead (B5 leads to
// them), at most expireLimit of them. A leaf is read only if it owns overflow pages.
func (t *tree) expire() error {
	if t.height == 0 {
		return nil
	}
	sum, err := t.rootSummary()
	if err != nil || !statelab.Expired(sum.firstDeath, t.watermark) {
		return err
	}
	t.begin()
	for left := expireLimit; left > 0; {
		n, err := t.expireSome(left)
		if err != nil {
			t.rollback()
			return err
		}
		if n == 0 || t.height == 0 {
			break
		}
		left -= n
	}
	t.commit()
	return nil
}

func (t *tree) rootSummary() (summary, error) {
	n, err := t.get(t.root, t.height-1)
	if err != nil {
		return summary{}, err
	}
	defer n.release()
	return n.summary(), nil
}

// expireSome takes out the dead leaves, at most limit, below the first page
// above leaves that has any, and returns how many they were.
func (t *tree) expireSome(limit int) (int, error) {
	sum, err := t.rootSummary()
	if err != nil || !statelab.Expired(sum.firstDeath, t.watermark) {
		return 0, err
	}
	if t.height == 1 {
		if err := t.freeDeadLeaf(t.root, sum.spills); err != nil {
			return 0, err
		}
		return 1, t.plantRoot()
	}
	n, err := t.firstDying()
	if err != nil {
		return 0, err
	}
	defer n.release()
	if err := t.writable(&n); err != nil {
		return 0, err
	}
	removed := 0
	for i := 0; i < n.count() && removed < limit; {
		e := n.entry(i)
		if !statelab.Expired(e.sum.dieAt, t.watermark) {
			i++
			continue
		}
		if err := t.freeDeadLeaf(e.child, e.sum.spills); err != nil {
			return removed, err
		}
		if err := t.removeChild(&n, i); err != nil {
			return removed, err
		}
		removed++
	}
	return removed, t.settle(1, t.innerKids(&n, true))
}

// firstDying returns the first page above leaves that has a dead leaf, pinned,
// and writes the way to it into the path.
func (t *tree) firstDying() (node, error) {
	r := t.root
	for level := t.height - 1; ; level-- {
		n, err := t.get(r, level)
		if err != nil {
			return node{}, err
		}
		if level == 1 {
			t.path[level].ref = r
			return n, nil
		}
		at := 0
		for at < n.count() && !statelab.Expired(n.childFirstDeath(at), t.watermark) {
			at++
		}
		if at == n.count() {
			n.release()
			return node{}, t.corrupt(r.id, "B5: a dead leaf is announced and not there")
		}
		t.path[level] = step{r, at, at == n.count()-1}
		r = n.child(at)
		n.release()
	}
}

// freeDeadLeaf frees a leaf in which everything is dead, and in the write buffer counts what.
func (t *tree) freeDeadLeaf(r ref, spills bool) error {
	if t.lent() {
		n, err := t.get(r, 0)
		if err != nil {
			return err
		}
		for i := range n.count() {
			t.died += countDead(n.record(i), t.watermark)
		}
	}
	return t.freeLeaf(r, spills)
}

// freeLeaf frees a leaf and what its records own.
func (t *tree) freeLeaf(r ref, spills bool) error {
	if spills {
		n, err := t.get(r, 0)
		if err != nil {
			return err
		}
		for i := range n.count() {
			if err := t.freeRecord(n.record(i)); err != nil {
				n.release()
				return err
			}
		}
		n.release()
	}
	t.free(r)
	return nil
}
