package vfs

import "io"

// pageSize is the unit in which contents are shared between a file and its
// copies. Four KiB keeps the copy that follows a small append cheap.
const pageSize = 4096

// A content is the bytes of a file. Copies made by share cost nothing until
// one of them is written to: pages and the table of pages are then copied as
// far as they are touched. A page that is nil reads as zeros.
//
// A page may be written in place only by the content whose mark it bears; to
// share, a content gives up its mark, and with it all its pages at once. The
// bytes of the last page beyond size are always zero.
type content struct {
	size  int64
	pages []*page
	mark  *mark // nil: owns neither the table nor any page
}

type page struct {
	mark *mark
	data [pageSize]byte
}

// mark has a size, so that two of them never have one address.
type mark struct{ _ byte }

// share returns a copy, and makes c copy what it writes from now on.
func (c *content) share() content {
	c.mark = nil
	return *c
}

// own makes the table of pages c's alone.
func (c *content) own() {
	if c.mark == nil {
		c.mark = new(mark)
		c.pages = append([]*page(nil), c.pages...)
	}
}

// writable returns page i, made c's alone. The table must be.
func (c *content) writable(i int64) *page {
	p := c.pages[i]
	switch {
	case p == nil:
		p = &page{mark: c.mark}
	case p.mark != c.mark:
		p = &page{mark: c.mark, data: p.data}
	}
	c.pages[i] = p
	return p
}

func (c *content) readAt(b []byte, off int64) (int, error) {
	n := 0
	for n < len(b) && off < c.size {
		within := off % pageSize
		take := min(int64(len(b)-n), pageSize-within, c.size-off)
		part := b[n : n+int(take)]
		if p := c.pages[off/pageSize]; p != nil {
			copy(part, p.data[within:])
		} else {
			clear(part)
		}
		n += int(take)
		off += take
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (c *content) writeAt(b []byte, off int64) {
	if len(b) == 0 {
		return
	}
	c.own()
	if end := off + int64(len(b)); end > c.size {
		c.grow(end)
	}
	for len(b) > 0 {
		n := copy(c.writable(off / pageSize).data[off%pageSize:], b)
		b = b[n:]
		off += int64(n)
	}
}

// truncate sets the size; what it adds reads as zeros.
func (c *content) truncate(size int64) {
	if size == c.size {
		return
	}
	c.own()
	if size > c.size {
		c.grow(size)
		return
	}
	keep := (size + pageSize - 1) / pageSize
	clear(c.pages[keep:])
	c.pages = c.pages[:keep]
	if within := size % pageSize; within != 0 && c.pages[keep-1] != nil {
		clear(c.writable(keep - 1).data[within:])
	}
	c.size = size
}

func (c *content) grow(size int64) {
	for int64(len(c.pages))*pageSize < size {
		c.pages = append(c.pages, nil)
	}
	c.size = size
}
