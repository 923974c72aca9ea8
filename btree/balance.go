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
	if err := t.writable(parent); err != nil {
		return nil, false, err
	}
	small := false
	switch len(kids) {
	case 0:
		err, small = t.removeChild(parent, at), true
	case 1:
		parent.setChild(at, kids[0].child, kids[0].sum)
		if merge {
			small, err = t.mergeChild(parent, at)
		}
	case 2:
		parent.setChild(at, kids[0].child, kids[0].sum)
		t.cells = kids[1].appendCell(t.cells[:0])
		if parent.room() < len(t.cells)+slotSize {
			return t.splitInner(parent, at+1, t.cells)
		}
		parent.insert(at+1, t.cells, t.scratch)
		parent.summarizeInner()
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
	if err := t.dropSeparator(parent, at); err != nil {
		return err
	}
	parent.remove(at)
	if at == 0 && parent.count() > 0 {
		if err := t.dropSeparator(parent, 0); err != nil {
			return err
		}
	}
	parent.summarizeInner()
	return nil
}

// dropSeparator empties the separator of cell at and frees what it owns.
func (t *tree) dropSeparator(parent *node, at int) error {
	e := parent.entry(at)
	if err := t.freeKeyField(e.key, e.long); err != nil {
		return err
	}
	parent.clearSeparator(at)
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
	if left.used()+right.used()+len(sep.key) > t.capacity()*7/8 {
		return false, nil
	}
	if err := t.writable(&left); err != nil {
		return false, err
	}
	t.moveCells(&left, &right, sep)
	parent.setChild(l, left.ref(), left.summary())
	if right.level() == 0 {
		err = t.freeKeyField(sep.key, sep.long)
	}
	r := right.ref()
	right.release()
	t.free(r)
	parent.remove(l + 1)
	parent.summarizeInner()
	return true, err
}

// moveCells appends right's cells to left. Between inner pages the separator in front
// of right becomes that of its first cell.
func (t *tree) moveCells(left, right *node, sep entry) {
	for i := range right.count() {
		cell := right.cell(i)
		if i == 0 && right.level() > 0 {
			e := right.entry(0)
			e.key, e.long = sep.key, sep.long
			t.cells = e.appendCell(t.cells[:0])
			cell = t.cells
		}
		left.insert(left.count(), cell, t.scratch)
	}
	if left.level() == 0 {
		left.summarizeLeaf()
	} else {
		left.summarizeInner()
	}
}

// split divides the cells of a writable page, and the given one as the i-th
// among them, between the page and a new one on its right. Bytes are halved,
// unless the tree grows at its right end: then the left page stays full, as it
// will never be touched again if keys come in order.
func (t *tree) split(n *node, i int, cell []byte, atEnd bool) (right node, err error) {
	if right, err = t.newPage(n.kind(), n.level()); err != nil {
		return node{}, err
	}
	s := t.scratch
	copy(s, n.page)
	total := s.count() + 1
	nth := func(k int) []byte {
		switch {
		case k < i:
			return s.cell(k)
		case k == i:
			return cell
		}
		return s.cell(k - 1)
	}
	half := (s.used() + len(cell) + slotSize) / 2
	n.start(n.ref(), n.kind(), n.level())
	k := 0
	for ; k < total-1 && (k == 0 || atEnd || n.used()+len(nth(k))/2 < half); k++ {
		n.push(nth(k))
	}
	for ; k < total; k++ {
		right.push(nth(k))
	}
	return right, nil
}

// splitLeaf inserts a cell into a full leaf. It releases the leaf.
func (t *tree) splitLeaf(leaf *node, at int, cell []byte) error {
	atEnd := at == leaf.count()
	for level := 1; level < t.height; level++ {
		atEnd = atEnd && t.path[level].last
	}
	right, err := t.split(leaf, at, cell, atEnd)
	if err != nil {
		return err
	}
	defer right.release()
	leaf.summarizeLeaf()
	right.summarizeLeaf()
	t.kids[0], t.kids[1] = kidOf(leaf, false), kidOf(&right, false)
	sep, err := t.separator(leaf.page, right.page)
	if err != nil {
		return err
	}
	leaf.release()
	right.release()
	if t.kids[1].key, t.kids[1].long, err = t.newKeyField(t.sep[:0], sep); err != nil {
		return err
	}
	t.sep = t.kids[1].key
	return t.settle(0, t.kids[:])
}

// separator returns the shortest key that tells two neighbours apart: as much
// of right's first key as differs from left's last.
func (t *tree) separator(left, right page) ([]byte, error) {
	var err error
	for i, at := range [2]int{left.count() - 1, 0} {
		p := [2]page{left, right}[i]
		field, long := p.keyField(at)
		if t.keys[i], err = t.appendKey(t.keys[i][:0], field, long); err != nil {
			return nil, err
		}
	}
	a, b := t.keys[0], t.keys[1]
	return b[:common(a, b)+1], nil
}

// splitInner inserts a cell into a full inner page and returns the two it makes.
// The separator of the right one's first cell goes up.
func (t *tree) splitInner(n *node, at int, cell []byte) ([]kid, bool, error) {
	atEnd := at == n.count()
	for level := n.level(); level < t.height; level++ {
		atEnd = atEnd && t.path[level].last
	}
	right, err := t.split(n, at, cell, atEnd)
	if err != nil {
		return nil, false, err
	}
	defer right.release()
	e := right.entry(0)
	t.sep = append(t.sep[:0], e.key...)
	long := e.long
	right.clearSeparator(0)
	n.summarizeInner()
	right.summarizeInner()
	t.kids[0], t.kids[1] = kidOf(n, false), kidOf(&right, false)
	t.kids[1].key, t.kids[1].long = t.sep, long
	return t.kids[:], false, nil
}
