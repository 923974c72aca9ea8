package btree

// A packer holds cells that are to become pages of one level, in order: at most
// what fills a page and a half, so that the last two pages of a run can share
// what there is, and none is less than half full for want of looking ahead.
//
// A cell of a leaf is that of a record. Where cells of another old leaf begin
// there is a mark, with the separator that stood in front of that leaf: a new
// leaf that begins there takes it over. A cell of an inner page is an entry with
// its separator, also where it will be the first.
type packer struct {
	inner bool // of inner pages
	cells []byte
	ends  []int // of the cells
	lead  int   // bytes that all keys have in common at their beginning
	marks []mark
}

type mark struct {
	at  int // the cell behind it
	sep keyField
}

// mostUnpacked is how many times a page's size the cells may have before pages
// are made of them, however little would be left of them behind their prefix.
const mostUnpacked = 8

func (p *packer) reset() {
	*p = packer{inner: p.inner, cells: p.cells[:0], ends: p.ends[:0], marks: p.marks[:0]}
}

func (p *packer) count() int { return len(p.ends) }

func (p *packer) cell(i int) page {
	start := 0
	if i > 0 {
		start = p.ends[i-1]
	}
	return page(p.cells[start:p.ends[i]])
}

// key returns what a page could have as the prefix of cell i alone.
func (p *packer) key(i int) []byte {
	return getField(p.cell(i), cellHeaderOf(p.inner), nil).truncatable()
}

// push adds a cell whose key has lead before it.
func (p *packer) push(lead []byte, cell page) {
	start, header := len(p.cells), cellHeaderOf(p.inner)
	p.cells = append(append(append(p.cells, cell[:header]...), lead...), cell[header:]...)
	added := page(p.cells[start:])
	added.setU16(0, added.u16(0)+len(lead))
	p.ends = append(p.ends, len(p.cells))
	p.lead = p.leadOf(0, p.count(), p.lead)
}

// leadOf returns how many bytes the keys of the cells from from up to to have
// in common. If there was a lead before the last came that bounds it.
func (p *packer) leadOf(from, to, before int) int {
	switch n := to - from; {
	case n < 2:
		return 0
	case n > 2:
		return common(p.key(from)[:before], p.key(to-1))
	}
	return common(p.key(from), p.key(to-1))
}

// packed returns the bytes that all cells would take in one page.
func (p *packer) packed() int {
	if p.count() == 0 {
		return 0
	}
	return len(p.cells) + slotSize*p.count() - p.lead*(p.count()-1)
}

// full says whether it is time to make a page, which has so much capacity.
func (p *packer) full(capacity int) bool {
	return p.packed() > capacity*3/2 || len(p.cells) > mostUnpacked*capacity
}

// fit returns how many of the first cells take no more than so many bytes in a
// page, at least one.
func (p *packer) fit(most int) int {
	used, lead, keyed := 0, 0, 0
	for i := range p.ends {
		if i == 0 && p.inner {
			used = innerCellHeader + slotSize
			continue
		}
		keyed++
		lead = p.leadOf(i+1-keyed, i+1, lead)
		used += len(p.cell(i)) + slotSize
		if used-lead*(keyed-1) > most {
			return max(i, 1)
		}
	}
	return len(p.ends)
}

// prefix returns that of a page of the first n cells.
func (p *packer) prefix(n int) []byte {
	from := 0
	if p.inner {
		from = 1
	}
	if n-from < 2 {
		return nil
	}
	first := p.key(from)
	return first[:common(first, p.key(n-1))]
}

// drop forgets the first n cells and the marks before them.
func (p *packer) drop(n int) {
	start := p.ends[n-1]
	p.cells = p.cells[:copy(p.cells, p.cells[start:])]
	p.ends = p.ends[:copy(p.ends, p.ends[n:])]
	for i := range p.ends {
		p.ends[i] -= start
	}
	p.lead = 0
	if p.count() > 1 {
		p.lead = common(p.key(0), p.key(p.count()-1))
	}
	kept := p.marks[:0]
	for _, m := range p.marks {
		if m.at >= n {
			m.at -= n
			kept = append(kept, m)
		}
	}
	p.marks = kept
}
