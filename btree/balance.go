package btree

// A kid is what a change has made of a page, as its parent must learn it: one
// kid if the page is still one, two if it was split, none if it is gone.
type kid struct {
	entry      // the key is that of a second kid only
	used  int  // bytes
	small bool // the change took something away, so that a merge may be due
}

func kidOf(n *node, small bool) kid {
	return kid{entry: entry{child: n.ref(), sum: n.summary()}, used: n.used(), small: small}
}

// capacity is the room of an empty page.
func (g *pager) capacity() int { return g.pageSize - slottedHeader }

// settleLeaf tells the path of a leaf that was changed. It releases the leaf.
func (t *tree) settleLeaf(leaf *node, small bool) error {
	kids := append(t.kids[:0], kidOf(leaf, small))
	if leaf.count() == 0 {
		kids = kids[:0]
	}
	r := leaf.ref()
	leaf.release()
	if len(kids) == 0 {
		t.free(r)
	}
	return t.settle(0, kids)
}

// settle puts kids in the place of the page of level that the path leads to,
// and goes up as far as something changes.
func (t *tree) settle(level int, kids []kid) error {
	for ; level < t.height-1; level++ {
		parent, err := t.get(t.path[level+1].ref, level+1)
		if err != nil {
			return err
		}
		var done bool
		kids, done, err = t.adopt(&parent, t.path[level+1].at, kids)
		parent.release()
		if err != nil || done {
			return err
		}
	}
	return t.settleRoot(kids)
}

// adopt puts kids in the place of cell at of parent and returns what that makes
// of parent, or that it stays as it was.
func (t *tree) adopt(parent *node, at int, kids []kid) (up []kid, done bool, err error) {
	merge := len(kids) == 1 && kids[0].small && kids[0].used < t.capacity()/4
	if len(kids) == 1 && !merge {
		if e := parent.entry(at); e.child == kids[0].child && e.sum == kids[0].sum {
			return nil, true, nil
		}
	}
	small := false
	if len(kids) == 0 || merge {
		err = t.writable(parent)
	} else {
		err = t.editable(parent, innerCellHeader)
	}
	if err != nil {
		return nil, false, err
	}
	if len(kids) > 0 {
		t.saveCell(parent, parent.slot(at), innerCellHeader)
		parent.setChild(at, kids[0].child, kids[0].sum)
	}
	switch len(kids) {
	case 0:
		err, small = t.removeChild(parent, at), true
	case 1:
		if merge {
			small, err = t.mergeChild(parent, at)
		}
	case 2:
		t.cells = kids[1].appendCell(t.cells[:0])
		if !parent.hasGap(t.cells) {
			if err = t.writable(parent); err != nil {
				return nil, false, err
			}
		}
		if !parent.fits(t.cells) {
			parent.tighten(t.cells, t.scratch)
		}
		if !parent.fits(t.cells) {
			return t.splitInner(parent, at+1, t.cells)
		}
		parent.insert(at+1, t.cells, t.scratch)
		parent.addSummary(kids[1].sum)
	}
	if err != nil {
		return nil, false, err
	}
	return t.innerKids(parent, small), false, nil
}

// innerKids returns an inner page as its parent's kids: none if it is empty,
// and then it is freed. It releases the page.
func (t *tree) innerKids(n *node, small bool) []kid {
	kids := append(t.kids[:0], kidOf(n, small))
	empty, r := n.count() == 0, n.ref()
	n.release()
	if empty {
		t.free(r)
		return kids[:0]
	}
	return kids
}

// settleRoot makes kids the root.
func (t *tree) settleRoot(kids []kid) error {
	switch len(kids) {
	case 0:
		return t.plantRoot()
	case 1:
		t.root = kids[0].child
		if kids[0].small {
			return t.lowerRoot()
		}
		return nil
	}
	if t.height == maxHeight {
		return errTooHigh
	}
	n, err := t.newPage(kindInner, t.height)
	if err != nil {
		return err
	}
	for _, k := range kids {
		t.cells = k.appendCell(t.cells[:0])
		n.push(t.cells)
	}
	n.summarizeInner()
	t.root = n.ref()
	t.height++
	n.release()
	return nil
}

// plantRoot makes the tree an empty one: an empty leaf, or where pages are lent
// no page at all.
func (t *tree) plantRoot() error {
	if t.lent() {
		t.root, t.height = ref{}, 0
		return nil
	}
	return t.plantLeaf()
}

// plantLeaf makes the tree an empty leaf.
func (t *tree) plantLeaf() error {
	n, err := t.newPage(kindLeaf, 0)
	if err != nil {
		return err
	}
	t.root, t.height = n.ref(), 1
	n.release()
	return nil
}

// lowerRoot takes roots away that have one child only.
func (t *tree) lowerRoot() error {
	for t.height > 1 {
		n, err := t.get(t.root, t.height-1)
		if err != nil {
			return err
		}
		if n.count() > 1 {
			n.release()
			return nil
		}
		child := n.child(0)
		n.release()
		t.free(t.root)
		t.root = child
		t.height--
	}
	return nil
}

// removeChild takes cell at out of a writable inner page.
func (t *tree) removeChild(parent *node, at int) error {
	if err := t.freeKeyField(parent.entry(at).keyField); err != nil {
		return err
	}
	if at == 0 && parent.count() > 1 {
		if err := t.freeKeyField(parent.entry(1).keyField); err != nil {
			return err
		}
	}
	parent.remove(at)
	if at == 0 && parent.count() > 0 {
		parent.clearSeparator()
	}
	parent.summarizeInner()
	return nil
}

// mergeChild merges the child in cell at of a writable page with a neighbour
// if the two fill no more than seven eighths of a page, and says whether it did.
func (t *tree) mergeChild(parent *node, at int) (bool, error) {
	if parent.count() < 2 {
		return false, nil
	}
	l := at
	if l == parent.count()-1 {
		l--
	}
	left, err := t.get(parent.child(l), parent.level()-1)
	if err != nil {
		return false, err
	}
	defer left.release()
	right, err := t.get(parent.child(l+1), parent.level()-1)
	if err != nil {
		return false, err
	}
	defer right.release()
	sep := parent.entry(l + 1)
	prefix, used := t.joined(left.page, right.page, sep.keyField)
	if used > t.capacity()*7/8 {
		return false, nil
	}
	if err := t.writable(&left); err != nil {
		return false, err
	}
	t.moveCells(&left, &right, sep, prefix)
	parent.setChild(l, left.ref(), left.summary())
	if right.level() == 0 {
		err = t.freeKeyField(sep.keyField)
	}
	r := right.ref()
	right.release()
	t.free(r)
	parent.remove(l + 1)
	parent.summarizeInner()
	return true, err
}

// joined returns the prefix of a page with the cells of both left and right, and
// how many bytes would be used in it. Between inner pages the separator in front of right
// becomes that of its first cell.
func (t *tree) joined(left, right page, sep keyField) (prefix []byte, used int) {
	first, last := sep, sep
	if left.keyed() > 0 {
		first = left.field(left.count() - left.keyed())
	}
	if right.keyed() > 0 {
		last = right.field(right.count() - 1)
	}
	a, b := t.keys[0][:0], t.keys[1][:0]
	a = append(append(a, first.lead...), first.truncatable()...)
	b = append(append(b, last.lead...), last.truncatable()...)
	t.keys[0], t.keys[1] = a, b
	n := common(a, b)
	used = left.usedWith(n) + right.usedWith(n) - n
	if left.kind() == kindInner {
		used += sep.size() - n
	}
	return a[:n], used
}

// moveCells appends right's cells to left, which gets another prefix.
func (t *tree) moveCells(left, right *node, sep entry, prefix []byte) {
	copy(t.scratch, left.page)
	left.restart(prefix)
	for i := range t.scratch.count() {
		left.pushFrom(t.scratch, i)
	}
	for i := range right.count() {
		if i == 0 && right.level() > 0 {
			e := right.entry(0)
			e.keyField = sep.keyField
			t.cells = e.appendCell(t.cells[:0])
			left.push(t.cells)
			continue
		}
		left.pushFrom(right.page, i)
	}
	if left.level() == 0 {
		left.summarizeLeaf()
	} else {
		left.summarizeInner()
	}
}
