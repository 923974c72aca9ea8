package btree

import "bytes"

// A merge brings the records of a source to a tree, all in one pass from left to
// right. A leaf that gets some is read and written anew, and so are the inner pages
// above it; whatever lies between stays. What is written anew is packed:
// neighbouring leaves that both get records share new pages, which are full.
//
//	source     b d                   p
//	old     [a c d]  [f h]  [k m]  [n q s]
//	           |       :      :       |
//	new    [a b c d] [f h]  [k m]  [n p q s]
//
// Each level has a packer. A new page goes as an entry to the packer above. An
// old subtree that stays goes to the packer of its parent's level, when those
// below have been emptied, since it stands behind all they have.
//
// No page that is there is changed, and the tree's root only by plant. So readers
// can go on beside a merge in a transaction that was begun by beginBeside.
type merge struct {
	*tree
	in       source
	levels   []packer
	pages    []page // copies of the inner pages that are gone through, by level
	last     []byte // the last key that went into a new leaf
	field    []byte
	body     []byte
	mainKey  []byte
	firstKey []byte
	upper    [][]byte // separators behind the child that is gone through, by level

	tidy  tidier
	added int64 // records of the source that were taken over

	lost      int64 // elements of the source that are dead
	newRoot   ref
	newHeight int
}

// reset makes m a merge into a tree, with the memory that it has.
func (m *merge) reset(t *tree) {
	m.tree, m.lost, t.behindLeaf = t, 0, 0
	for i := range m.levels {
		m.levels[i].reset()
	}
	if t.leaves != nil {
		t.leaves.staged = t.leaves.staged[:0]
	}
}

// run merges what the source yields. It must be opened before.
func (m *merge) run() error {
	if err := m.subtree(m.root, m.height-1, keyField{}, nil); err != nil {
		return err
	}
	return m.finish()
}

// level returns the packer of a level.
func (m *merge) level(i int) *packer {
	for len(m.levels) <= i {
		m.levels = append(m.levels, packer{inner: len(m.levels) > 0})
	}
	return &m.levels[i]
}

// subtree merges the records below upper, where nil is the end, into the
// subtree r behind a separator.
func (m *merge) subtree(r ref, level int, sep keyField, upper []byte) error {
	if level == 0 {
		return m.leaf(r, sep, upper)
	}
	in, err := m.copyInner(r, level)
	if err != nil {
		return err
	}
	m.free(r)
	for i := range in.count() {
		e := in.entry(i)
		if i > 0 {
			sep = e.keyField
		}
		behind := upper
		if i+1 < in.count() {
			next := in.entry(i + 1)
			if m.upper[level], err = m.appendKey(m.upper[level][:0], next.keyField); err != nil {
				return err
			}
			behind = m.upper[level]
		}
		if m.in.before(behind) || m.hungry(level) || m.tidy.takes(sep, behind) {
			err = m.subtree(e.child, level-1, sep, behind)
		} else {
			err = m.keep(level, e, sep)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// copyInner returns a copy of an inner page, good until the next of its level.
func (m *merge) copyInner(r ref, level int) (page, error) {
	for len(m.pages) <= level {
		m.pages, m.upper = append(m.pages, nil), append(m.upper, nil)
	}
	if m.pages[level] == nil {
		m.pages[level] = make(page, m.pageSize)
	}
	n, err := m.get(r, level)
	if err != nil {
		return nil, err
	}
	defer n.release()
	copy(m.pages[level], n.page)
	return m.pages[level], nil
}

// hungry says whether a page below level is about to be written with little in
// it, which what comes next had better join.
func (m *merge) hungry(level int) bool {
	for i := range min(level, len(m.levels)) {
		if used := m.levels[i].packed(); used > 0 && used < m.capacity()/4 {
			return true
		}
	}
	return false
}

// keep leaves a subtree as it is, the child of a page of level.
func (m *merge) keep(level int, e entry, sep keyField) error {
	for i := range level {
		if err := m.empty(i); err != nil {
			return err
		}
	}
	m.behindLeaf = 0
	if level == 1 {
		m.behindLeaf = m.behind(e.child)
	}
	e.keyField = sep
	m.cells = e.appendCell(m.cells[:0])
	return m.push(level, nil, m.cells)
}

// leaf merges the records below upper into a leaf.
func (m *merge) leaf(r ref, sep keyField, upper []byte) error {
	n, err := m.get(r, 0)
	if err != nil {
		return err
	}
	defer n.release()
	if err := m.mark(sep); err != nil {
		return err
	}
	added := m.added
	for i := range n.count() {
		old := n.record(i)
		if m.mainKey, err = m.appendKey(m.mainKey[:0], old.keyField); err != nil {
			return err
		}
		for m.in.below(m.mainKey) {
			if err := m.add(nil); err != nil {
				return err
			}
		}
		if m.in.ok && bytes.Equal(m.in.key, m.mainKey) {
			err = m.add(&old)
		} else {
			err = m.old(old, n.cell(i))
		}
		if err != nil {
			return err
		}
	}
	for m.in.before(upper) {
		if err := m.add(nil); err != nil {
			return err
		}
	}
	n.release()
	m.free(r)
	if m.added == added && m.tidy.active {
		m.tidy.moved++
	}
	return nil
}

// mark notes that an old leaf begins behind what is in the packer.
func (m *merge) mark(sep keyField) error {
	p := m.level(0)
	if n := len(p.marks); n > 0 && p.marks[n-1].at == p.count() {
		return m.freeKeyField(sep) // nothing is left of the leaf before
	}
	p.marks = append(p.marks, mark{p.count(), sep.clone()})
	return nil
}
