package btree

import "errors"

// push gives a cell to the packer of a level, and makes a page when there is
// enough for one and a half.
func (m *merge) push(level int, cell []byte) error {
	p := m.level(level)
	p.push(cell)
	if p.used > m.capacity()*3/2 {
		return m.write(level, p.fit(m.capacity()))
	}
	return nil
}

// empty makes pages of all that the packer of a level has.
func (m *merge) empty(level int) error {
	p := m.level(level)
	if p.used > m.capacity() {
		if err := m.write(level, p.fit(p.used/2)); err != nil {
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
		if err := m.freeKeyField(mark.key, mark.long); err != nil {
			return err
		}
	}
	p.marks = p.marks[:0]
	return nil
}

// write makes a page of a packer's first cells, and gives its entry to the packer above.
func (m *merge) write(level, cells int) error {
	p := m.level(level)
	kind := byte(kindInner)
	if level == 0 {
		kind = kindLeaf
	}
	sep, err := m.separatorOf(level, cells)
	if err != nil {
		return err
	}
	n, err := m.newPage(kind, level)
	if err != nil {
		return err
	}
	for i := range cells {
		n.push(p.cell(i))
	}
	if level == 0 {
		n.summarizeLeaf()
		last := n.record(cells - 1)
		if m.last, err = m.appendKey(m.last[:0], last.key, last.long); err != nil {
			n.release()
			return err
		}
	} else {
		n.clearSeparator(0)
		n.summarizeInner()
	}
	e := entry{child: n.ref(), sum: n.summary(), key: sep.key, long: sep.long}
	n.release()
	p.drop(cells)
	m.cells = e.appendCell(m.cells[:0])
	return m.push(level+1, m.cells)
}

// separatorOf returns the separator in front of the page that is made of a
// packer's first cells, and frees those of marks amid them.
func (m *merge) separatorOf(level, cells int) (separator, error) {
	p := m.level(level)
	if level > 0 {
		e := getEntry(p.cell(0))
		m.sep = append(m.sep[:0], e.key...)
		return separator{m.sep, e.long}, nil
	}
	for _, mark := range p.marks {
		if mark.at > 0 && mark.at < cells {
			if err := m.freeKeyField(mark.key, mark.long); err != nil {
				return separator{}, err
			}
		}
	}
	if len(p.marks) > 0 && p.marks[0].at == 0 {
		return p.marks[0].separator, nil
	}
	first := getRecord(p.cell(0))
	var err error
	if m.firstKey, err = m.appendKey(m.firstKey[:0], first.key, first.long); err != nil {
		return separator{}, err
	}
	var s separator
	s.key, s.long, err = m.newKeyField(m.sep[:0], m.firstKey[:common(m.last, m.firstKey)+1])
	m.sep = s.key
	return s, err
}

// common returns how many bytes two keys have in common at their beginning.
func common(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

var errTooHigh = errors.New("the tree has reached its greatest height")

// finish makes pages of all that is left, up to a root.
func (m *merge) finish() error {
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
			e := getEntry(m.levels[level+1].cell(0))
			m.newRoot, m.newHeight = e.child, level+1
			return m.freeKeyField(e.key, e.long)
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
