package btree

import "errors"

// push gives a cell, whose key has lead before it, to the packer of a level, and
// makes a page when there is enough for one and a half.
func (m *merge) push(level int, lead, cell []byte) error {
	p := m.level(level)
	p.push(lead, cell)
	if p.full(m.capacity()) {
		return m.write(level, p.fit(m.capacity()))
	}
	return nil
}

// empty makes pages of all that the packer of a level has.
func (m *merge) empty(level int) error {
	p := m.level(level)
	if used := p.packed(); used > m.capacity() {
		if err := m.write(level, p.fit(used/2)); err != nil {
			return err
		}
	}
	if p = m.level(level); p.count() > 0 {
		if err := m.write(level, p.count()); err != nil {
			return err
		}
	}
	p = m.level(level)
	for _, mark := range p.marks { // of leaves of which nothing is left
		if err := m.freeKeyField(mark.sep); err != nil {
			return err
		}
	}
	p.marks = p.marks[:0]
	return nil
}

// write makes a page of a packer's first cells, and gives its entry to the packer above.
func (m *merge) write(level, cells int) error {
	p := m.level(level)
	sep, err := m.separatorOf(level, cells)
	if err != nil {
		return err
	}
	e, err := m.makePage(level, cells)
	if err != nil {
		return err
	}
	e.keyField = sep
	if level == 0 {
		m.behindLeaf = m.behind(e.child)
		m.tidy.made++
		if m.last, err = m.appendKey(m.last[:0], getField(p.cell(cells-1), leafCellHeader, nil)); err != nil {
			return err
		}
	}
	p.drop(cells)
	m.cells = e.appendCell(m.cells[:0])
	return m.push(level+1, nil, m.cells)
}

// makePage makes a page of a packer's first cells and returns its entry, without a separator.
func (m *merge) makePage(level, cells int) (entry, error) {
	kind := byte(kindInner)
	if level == 0 {
		kind = kindLeaf
	}
	if level == 0 && m.leaves != nil {
		if e, ok, err := m.writeLeaf(cells); err != nil || ok {
			return e, err
		}
	}
	m.inOrder = level == 0
	n, err := m.newPage(kind, level)
	m.inOrder = false
	if err != nil {
		return entry{}, err
	}
	defer n.release()
	m.fill(n.page, level, cells)
	return entry{child: n.ref(), sum: n.summary()}, nil
}

// fill fills an empty page with a packer's first cells.
func (m *merge) fill(n page, level, cells int) {
	p := m.level(level)
	n.setPrefix(p.prefix(cells))
	for i := range cells {
		n.push(p.cell(i))
	}
	if level == 0 {
		n.summarizeLeaf()
	} else {
		n.summarizeInner()
	}
}

// separatorOf returns the separator in front of the page that is made of a
// packer's first cells, and frees those of marks amid them.
func (m *merge) separatorOf(level, cells int) (keyField, error) {
	p := m.level(level)
	if level > 0 {
		e := getEntry(p.cell(0), nil)
		m.sep = append(m.sep[:0], e.key...)
		return keyField{key: m.sep, long: e.long}, nil
	}
	for _, mark := range p.marks {
		if mark.at > 0 && mark.at < cells {
			if err := m.freeKeyField(mark.sep); err != nil {
				return keyField{}, err
			}
		}
	}
	if len(p.marks) > 0 && p.marks[0].at == 0 {
		return p.marks[0].sep, nil
	}
	first := getRecord(p.cell(0), nil)
	var err error
	if m.firstKey, err = m.appendKey(m.firstKey[:0], first.keyField); err != nil {
		return keyField{}, err
	}
	f, err := m.newKeyField(m.sep[:0], m.firstKey[:common(m.last, m.firstKey)+1])
	m.sep = f.key
	return f, err
}

var errTooHigh = errors.New("the tree has reached its greatest height")

// finish makes pages of all that is left, up to a root, and writes what is staged.
func (m *merge) finish() error {
	if err := m.finishLevels(); err != nil || m.leaves == nil {
		return err
	}
	return m.writeStaged(len(m.leaves.staged))
}

func (m *merge) finishLevels() error {
	for level := 0; level < maxHeight; level++ {
		if err := m.empty(level); err != nil {
			return err
		}
		above := 0
		for i := level + 1; i < len(m.levels); i++ {
			above += m.levels[i].count()
		}
		switch {
		case above == 0:
			return m.finishEmpty()
		case above == 1 && m.levels[level+1].count() == 1:
			e := getEntry(m.levels[level+1].cell(0), nil)
			m.newRoot, m.newHeight = e.child, level+1
			return m.freeKeyField(e.keyField)
		}
	}
	return errTooHigh
}

// finishEmpty makes the tree an empty leaf.
func (m *merge) finishEmpty() error {
	n, err := m.newPage(kindLeaf, 0)
	if err != nil {
		return err
	}
	m.newRoot, m.newHeight = n.ref(), 1
	n.release()
	return nil
}

// plant makes what was merged the tree.
func (m *merge) plant() {
	m.root, m.height = m.newRoot, m.newHeight
	m.died += m.lost
	m.snaps.change() // again: a snapshot that was opened meanwhile is of the tree before
}
