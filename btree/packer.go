package btree

// A packer holds cells that are to become pages of one level, in order: at most
// a page and a half of them, so that the last two pages of a run can share
// what there is, and none is less than half full for want of looking ahead.
//
// A cell of a leaf is that of a record. Where cells of another old leaf begin
// there is a mark, with the separator that stood in front of that leaf: a new
// leaf that begins there takes it over. A cell of an inner page is an entry with
// its separator, also where it will be the first.
type packer struct {
	cells []byte
	ends  []int // of the cells
	used  int   // bytes that cells and slots take
	marks []mark
}

type mark struct {
	at int // the cell behind it
	separator
}

// A separator is the key field in front of a child.
type separator struct {
	key  []byte
	long bool
}

func (p *packer) count() int { return len(p.ends) }

func (p *packer) cell(i int) page {
	start := 0
	if i > 0 {
		start = p.ends[i-1]
	}
	return page(p.cells[start:p.ends[i]])
}

func (p *packer) push(cell []byte) {
	p.cells = append(p.cells, cell...)
	p.ends = append(p.ends, len(p.cells))
	p.used += len(cell) + slotSize
}

// fit returns how many of the first cells take no more than so many bytes, at least one.
func (p *packer) fit(most int) int {
	used := 0
	for i := range p.ends {
		if used += len(p.cell(i)) + slotSize; used > most {
			return max(i, 1)
		}
	}
	return len(p.ends)
}

// drop forgets the first n cells and the marks before them.
func (p *packer) drop(n int) {
	start := p.ends[n-1]
	p.used -= start + n*slotSize
	p.cells = p.cells[:copy(p.cells, p.cells[start:])]
	p.ends = p.ends[:copy(p.ends, p.ends[n:])]
	for i := range p.ends {
		p.ends[i] -= start
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
