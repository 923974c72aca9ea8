package btree

import (
	"bytes"
	"errors"

	"github.com/statelab/statelab"
)

// A merge brings the records of a source to a tree, all in one pass from left to
// right. A leaf that gets some is read and written anew, and so are the inner pages
// above it; whatever lies between stays. What is written anew is packed:
// neighbouring leaves that both get records share new pages, which are full.
//
//	     source:  b  d         p                    old     new
//	inner   [ .      .      .      . ]              ---     [ .     .    .      . ]
//	leaves  [a c d] [f h] [k m] [n q s]      ---    [a b c d] [f h] [k m] [n p q s]
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

	lost      int64 // elements of the source that are dead
	newRoot   ref
	newHeight int
}

// reset makes m a merge into a tree, with the memory that it has.
func (m *merge) reset(t *tree) {
	m.tree, m.lost = t, 0
	for i := range m.levels {
		m.levels[i] = packer{cells: m.levels[i].cells[:0], ends: m.levels[i].ends[:0], marks: m.levels[i].marks[:0]}
	}
}

// run merges what the source yields. It must be opened before.
func (m *merge) run() error {
	if err := m.subtree(m.root, m.height-1, separator{}, nil); err != nil {
		return err
	}
	return m.finish()
}

// level returns the packer of a level.
func (m *merge) level(i int) *packer {
	for len(m.levels) <= i {
		m.levels = append(m.levels, packer{})
	}
	return &m.levels[i]
}

// subtree merges the records below upper, where nil is the end, into the
// subtree r behind a separator.
func (m *merge) subtree(r ref, level int, sep separator, upper []byte) error {
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
			sep = separator{e.key, e.long}
		}
		behind := upper
		if i+1 < in.count() {
			next := in.entry(i + 1)
			if m.upper[level], err = m.appendKey(m.upper[level][:0], next.key, next.long); err != nil {
				return err
			}
			behind = m.upper[level]
		}
		if m.in.before(behind) || m.hungry(level) {
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
		if used := m.levels[i].used; used > 0 && used < m.capacity()/4 {
			return true
		}
	}
	return false
}

// keep leaves a subtree as it is, the child of a page of level.
func (m *merge) keep(level int, e entry, sep separator) error {
	for i := range level {
		if err := m.empty(i); err != nil {
			return err
		}
	}
	e.key, e.long = sep.key, sep.long
	m.cells = e.appendCell(m.cells[:0])
	return m.push(level, m.cells)
}

// leaf merges the records below upper into a leaf.
func (m *merge) leaf(r ref, sep separator, upper []byte) error {
	n, err := m.get(r, 0)
	if err != nil {
		return err
	}
	defer n.release()
	if err := m.mark(sep); err != nil {
		return err
	}
	for i := range n.count() {
		old := n.record(i)
		key := old.key
		if old.long {
			if m.mainKey, err = m.appendKey(m.mainKey[:0], old.key, true); err != nil {
				return err
			}
			key = m.mainKey
		}
		for m.in.before(key) {
			if err := m.add(nil); err != nil {
				return err
			}
		}
		if m.in.ok && bytes.Equal(m.in.key, key) {
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
	return nil
}

// mark notes that an old leaf begins behind what is in the packer.
func (m *merge) mark(sep separator) error {
	p := m.level(0)
	if n := len(p.marks); n > 0 && p.marks[n-1].at == p.count() {
		return m.freeKeyField(sep.key, sep.long) // nothing is left of the leaf before
	}
	p.marks = append(p.marks, mark{p.count(), separator{bytes.Clone(sep.key), sep.long}})
	return nil
}

// old takes over a record of the tree of which the source has nothing.
func (m *merge) old(r record, cell []byte) error {
	switch {
	case statelab.Expired(r.dieAt(), m.watermark):
		return m.freeRecord(r)
	case !r.dead(m.watermark):
		return m.push(0, cell)
	}
	m.body, _ = appendLive(m.body[:0], r.body, m.watermark)
	r.body = m.body
	m.cells = r.appendCell(m.cells[:0])
	return m.push(0, m.cells)
}

// add takes over the source's record, and goes to the next one. old is what the
// tree has of the key, nil if nothing.
func (m *merge) add(old *record) error {
	m.lost += countDead(m.in.record, m.watermark)
	r := record{}
	if old != nil {
		r.key, r.long = old.key, old.long
		if m.in.record.covers {
			if err := m.freeBody(*old); err != nil {
				return err
			}
			old = nil
		}
	}
	size := min(len(m.in.key), keyLimit(m.pageSize))
	some, err := m.join(&r, old, size)
	if err != nil {
		return err
	}
	switch {
	case some && r.key == nil:
		if m.field, r.long, err = m.newKeyField(m.field[:0], m.in.key); err != nil {
			return err
		}
		r.key = m.field
	case !some:
		if err := m.freeKeyField(r.key, r.long); err != nil {
			return err
		}
	}
	if some {
		m.cells = r.appendCell(m.cells[:0])
		if err := m.push(0, m.cells); err != nil {
			return err
		}
	}
	return m.in.next()
}

// join makes the body of r of what is alive of old, which may be nil, and of
// the source's record behind it, and says whether there is any.
func (m *merge) join(r *record, old *record, keySize int) (some bool, err error) {
	body := m.body[:0]
	var s spill
	if old != nil {
		if body, s, err = m.unpack(body, *old, keySize); err != nil {
			return false, err
		}
	}
	if in := m.in.record; !in.spilled {
		body, _ = appendLive(body, in.body, m.watermark)
	}
	m.body = body
	if s.stream.length == 0 && !m.in.record.spilled && leafCellHeader+keySize+len(body) <= maxLeafCell(m.pageSize) {
		r.body = body
		return len(body) > 0, nil
	}
	w := streamWriter{tree: m.tree, stream: s.stream}
	err = w.write(body)
	payload, dieAt := bodySize(body)
	if err == nil && m.in.record.spilled {
		var more, later int64
		more, later, err = m.copySpilled(&w)
		payload, dieAt = payload+more, max(dieAt, later)
	}
	to := spill{w.close(), s.payload + payload, dieAt, s.sweepAt}
	if s.stream.length > 0 {
		to.dieAt = max(s.dieAt, dieAt)
	} else {
		to.sweepAt = 2 * to.stream.length
	}
	if err != nil || to.stream.length == 0 {
		return false, err
	}
	m.body = appendSpill(m.body[:0], to)
	r.body, r.spilled = m.body, true
	return true, nil
}

// unpack appends what is alive of a record of the tree to body, or returns the
// spill that it is in. What is not returned is freed.
func (m *merge) unpack(body []byte, old record, keySize int) ([]byte, spill, error) {
	if !old.spilled {
		body, _ = appendLive(body, old.body, m.watermark)
		return body, spill{}, nil
	}
	s := getSpill(old.body)
	if statelab.Expired(s.dieAt, m.watermark) {
		return body, spill{}, m.freeStream(s.stream)
	}
	if s.stream.length >= s.sweepAt {
		elements, _, whole, err := m.sweep(&s, keySize)
		if err != nil || whole {
			return append(body, elements...), spill{}, err
		}
	}
	return body, s, nil
}

// copySpilled writes what is alive of the source's spilled record, and returns
// its bytes and last expiry.
func (m *merge) copySpilled(w *streamWriter) (payload, dieAt int64, err error) {
	from, s := m.in.cursor.pager, getSpill(m.in.record.body)
	_, payload, dieAt, err = from.measure(s.stream, m.watermark)
	if err == nil {
		err = from.eachLive(s.stream, m.watermark, w.write)
	}
	return payload, dieAt, err
}

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
