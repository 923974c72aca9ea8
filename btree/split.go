package btree

import "slices"

// Runs are the leaves that got their first cells when the one before was split for a cell behind
// all that it had, newest first. If that happens to one of them again, keys come in order there, as those of timers do amid
// those of events, and it will not be touched once they have gone on. It is a guess, and leaves come and go
// without its being told.
type runs [8]uint32

// has says whether a leaf is among the runs.
func (r *runs) has(id uint32) bool { return slices.Contains(r[:], id) }

// goOn puts a leaf before all others, in the place of the one that was split for it, if that was
// there, else of the last.
func (r *runs) goOn(from, to uint32) {
	at := slices.Index(r[:], from)
	if at < 0 {
		at = len(r) - 1
	}
	copy(r[1:at+1], r[:at])
	r[0] = to
}

// A division is a full page's cells with one more among them, which are to be
// two pages'.
type division struct {
	page page // a copy of it
	at   int  // where the cell that comes goes
	cell page
}

func (d *division) count() int { return d.page.count() + 1 }

// field returns the key of cell k.
func (d *division) field(k int) keyField {
	switch {
	case k < d.at:
		return d.page.field(k)
	case k == d.at:
		return getField(d.cell, d.page.cellHeader(), nil)
	}
	return d.page.field(k - 1)
}

// size returns the bytes of cell k with its slot and its whole key.
func (d *division) size(k int) int {
	switch {
	case k < d.at:
		return slotSize + len(d.page.lead(k)) + len(d.page.cell(k))
	case k == d.at:
		return slotSize + len(d.cell)
	}
	return slotSize + len(d.page.lead(k-1)) + len(d.page.cell(k-1))
}

// prefix returns what the keys of the cells from from up to to begin with. Of
// one alone it is nothing.
func (d *division) prefix(from, to int) []byte {
	if d.page.kind() == kindInner {
		from++
	}
	if to-from < 2 {
		return nil
	}
	first, last := d.field(from), d.field(to-1)
	a := slices.Concat(first.lead, first.truncatable())
	b := slices.Concat(last.lead, last.truncatable())
	return a[:common(a, b)]
}

// fit says whether the cells from from up to to fit a page.
func (d *division) fit(from, to int) bool {
	prefix := len(d.prefix(from, to))
	used := prefix
	for k := from; k < to; k++ {
		if used += d.size(k); k > from || d.page.kind() == kindLeaf {
			used -= prefix
		}
	}
	return used <= len(d.page)-slottedHeader
}

// half returns how many cells go to the left page, so that both have about as
// many bytes. A cell whose key has less of the page's prefix than the others is the first
// or the last, and if there is no room for a shorter prefix has a page for itself.
func (d *division) half() int {
	shared := d.page.shared(d.field(d.at).truncatable())
	total := 0
	for k := range d.count() {
		total += d.size(k) - shared
	}
	k, left := 0, 0
	for ; k < d.count()-1; k++ {
		size := d.size(k) - shared
		if k > 0 && left+size/2 >= total/2 {
			break
		}
		left += size
	}
	switch {
	case shared == d.page.prefixSize() || d.fit(0, k) && d.fit(k, d.count()):
		return k
	case d.at == d.count()-1:
		return d.at
	}
	return 1
}

// fill makes the cells from from up to to those of a page.
func (d *division) fill(p page, from, to int) {
	p.restart(d.prefix(from, to))
	for k := from; k < to; k++ {
		switch {
		case k < d.at:
			p.pushFrom(d.page, k)
		case k == d.at:
			p.push(d.cell)
		default:
			p.pushFrom(d.page, k-1)
		}
	}
}

// split divides the cells of an editable page, and the given one as the i-th
// among them, between the page and a new one on its right. Bytes are halved,
// unless the page grows at its end, as the tree's last one or a run does: then the left page stays full, as it
// will never be touched again if keys come in order. It leaves the key of right's first cell
// in t.sep.
func (t *tree) split(n *node, i int, cell []byte, atEnd bool) (right node, long bool, err error) {
	if err = t.writable(n); err != nil {
		return node{}, false, err
	}
	if right, err = t.newPage(n.kind(), n.level()); err != nil {
		return node{}, false, err
	}
	copy(t.scratch, n.page)
	d := division{page: t.scratch, at: i, cell: cell}
	k := d.count() - 1
	if !atEnd {
		k = d.half()
	}
	d.fill(n.page, 0, k)
	d.fill(right.page, k, d.count())
	first := d.field(k)
	t.sep = first.appendTo(t.sep[:0])
	return right, first.long, nil
}

// splitLeaf inserts a cell into a full leaf. It releases the leaf.
func (t *tree) splitLeaf(leaf *node, at int, cell []byte) error {
	atEnd := at == leaf.count()
	for level := 1; level < t.height; level++ {
		atEnd = atEnd && t.path[level].last
	}
	left, behind := leaf.ref().id, at == leaf.count()
	right, _, err := t.split(leaf, at, cell, atEnd || behind && t.runs.has(left))
	if err != nil {
		return err
	}
	if behind {
		t.runs.goOn(left, right.ref().id)
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
	if t.kids[1].keyField, err = t.newKeyField(t.sep[:0], sep); err != nil {
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
		f := [2]page{left, right}[i].field(at)
		if t.keys[i], err = t.appendKey(t.keys[i][:0], f); err != nil {
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
	right, long, err := t.split(n, at, cell, atEnd)
	if err != nil {
		return nil, false, err
	}
	defer right.release()
	n.summarizeInner()
	right.summarizeInner()
	t.kids[0], t.kids[1] = kidOf(n, false), kidOf(&right, false)
	t.kids[1].keyField = keyField{key: t.sep, long: long}
	return t.kids[:], false, nil
}
