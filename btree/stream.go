package btree

// A stream is bytes too many for a cell, in overflow pages: a radix tree like a
// file's block map. Data pages are full but for the last; when there is one
// alone it is the top, otherwise index pages stand above, each of them full
// before the next at its level begins.
//
//	            index, level 2
//	           /              \
//	   index, level 1      index, level 1
//	   /    |    \              |
//	data  data  data          data
//
// So the height follows from the length, a byte is found in a few steps, an
// append touches the last page of each level and no others, and a stream is
// freed without reading its data.
//
// A data page's bytes begin at offset 24, where the header ends. An index page
// has at offset 24 its references (id, birth; 12 bytes each).
type stream struct {
	top    ref
	length int64 // bytes; an empty stream has no pages and no top
}

// maxStreamHeight is the most levels of index pages; at the least page size
// they hold 50 TB.
const maxStreamHeight = 4

func dataCapacity(pageSize int) int64 { return int64(pageSize - pageHeader) }
func indexFanout(pageSize int) int    { return (pageSize - pageHeader) / refSize }

func (p page) index(i int) ref { return getRef(p[pageHeader+refSize*i:]) }

// streamPages returns the number of data pages of a stream.
func streamPages(length int64, pageSize int) int64 {
	c := dataCapacity(pageSize)
	return (length + c - 1) / c
}

// streamHeight returns the number of index levels over so many data pages.
func streamHeight(pages int64, pageSize int) int {
	h := 0
	for reach := int64(1); reach < pages; reach *= int64(indexFanout(pageSize)) {
		h++
	}
	return h
}

// valid says whether the stream could be one. It does not look at its pages.
func (s stream) valid(pageSize int) bool {
	return s.length > 0 && s.length < 1<<45 && s.top.id >= firstPage &&
		streamHeight(streamPages(s.length, pageSize), pageSize) <= maxStreamHeight
}

// dataPage returns data page i, pinned.
func (g *pager) dataPage(s stream, i int64) (node, error) {
	r := s.top
	for level := streamHeight(streamPages(s.length, g.pageSize), g.pageSize); level > 0; level-- {
		n, err := g.getOverflow(r, level)
		if err != nil {
			return node{}, err
		}
		at := indexSlot(i, level, g.pageSize)
		if at >= n.count() {
			n.release()
			return node{}, g.corrupt(r.id, "an overflow index is too short")
		}
		r = n.index(at)
		n.release()
	}
	return g.getOverflow(r, 0)
}

// indexSlot returns which reference of an index page leads to data page i.
func indexSlot(i int64, level, pageSize int) int {
	fanout := int64(indexFanout(pageSize))
	for ; level > 1; level-- {
		i /= fanout
	}
	return int(i % fanout)
}

// A streamReader reads a stream from its beginning. It holds at most one pin,
// and none while it waits for a page.
type streamReader struct {
	pager  *pager
	stream stream
	offset int64
	node   node
	pageNo int64 // that of node
}

// chunk returns the bytes from the offset to the end of their page, valid until
// the next call, or none at the end of the stream.
func (r *streamReader) chunk() ([]byte, error) {
	left := r.stream.length - r.offset
	if left <= 0 {
		return nil, nil
	}
	c := dataCapacity(r.pager.pageSize)
	no, at := r.offset/c, r.offset%c
	if r.node.page == nil || r.pageNo != no {
		r.node.release()
		n, err := r.pager.dataPage(r.stream, no)
		if err != nil {
			return nil, err
		}
		r.node, r.pageNo = n, no
	}
	return r.node.page[pageHeader+at:][:min(left, c-at)], nil
}

func (r *streamReader) advance(n int) { r.offset += int64(n) }

// appendNext appends the next n bytes to dst; fewer at the end of the stream.
func (r *streamReader) appendNext(dst []byte, n int) ([]byte, error) {
	for n > 0 {
		chunk, err := r.chunk()
		if err != nil || len(chunk) == 0 {
			return dst, err
		}
		chunk = chunk[:min(n, len(chunk))]
		dst = append(dst, chunk...)
		r.advance(len(chunk))
		n -= len(chunk)
	}
	return dst, nil
}

// elementHeader reads the header of the next element and leaves the reader at
// the element.
func (r *streamReader) elementHeader() (n int, expireAt int64, err error) {
	var buf [maxElementHeader]byte
	start := r.offset
	head, err := r.appendNext(buf[:0], maxElementHeader)
	if err != nil {
		return 0, 0, err
	}
	n, expireAt, size := elementHeader(head)
	if size == 0 || int64(n) > r.stream.length-start-int64(size) {
		return 0, 0, r.pager.corrupt(r.stream.top.id, "a spilled body is no sequence of elements")
	}
	r.offset = start + int64(size)
	return n, expireAt, nil
}

// more says whether the reader is not at the end.
func (r *streamReader) more() bool { return r.offset < r.stream.length }

func (r *streamReader) close() { r.node.release() }

// appendStream appends a whole stream to dst.
func (g *pager) appendStream(dst []byte, s stream) ([]byte, error) {
	r := streamReader{pager: g, stream: s}
	defer r.close()
	return r.appendNext(dst, int(s.length))
}

// A streamWriter appends to a stream, a new one if it is empty. It holds one
// pin, on the last page. The tree's transaction must be open.
type streamWriter struct {
	tree   *tree
	stream stream
	tail   node
}

// write appends b. After an error the stream is of no use and the transaction
// must be undone.
func (w *streamWriter) write(b []byte) error {
	c := dataCapacity(w.tree.pageSize)
	for len(b) > 0 {
		at := w.stream.length % c
		if at == 0 || w.tail.page == nil {
			if err := w.turn(at); err != nil {
				return err
			}
		}
		n := copy(w.tail.page[pageHeader+at:], b)
		w.stream.length += int64(n)
		b = b[n:]
	}
	return nil
}

// turn makes the page where the next byte goes the tail: a new one if at is 0,
// else the last of the stream, made writable.
func (w *streamWriter) turn(at int64) error {
	w.tail.release()
	t := w.tree
	pages := streamPages(w.stream.length, t.pageSize)
	if at > 0 {
		n, err := t.dataPage(w.stream, pages-1)
		if err != nil {
			return err
		}
		old := n.ref()
		err = t.writable(&n)
		w.tail = n
		if err != nil {
			return err
		}
		if n.ref() == old {
			return nil
		}
		return w.attach(pages-1, pages, n.ref())
	}
	n, err := t.newPage(kindOverflow, 0)
	if err != nil {
		return err
	}
	w.tail = n
	return w.attach(pages, pages, n.ref())
}

// attach makes r data page i of the stream, which has had so many pages.
func (w *streamWriter) attach(i, pages int64, r ref) error {
	t := w.tree
	height := streamHeight(max(pages, i+1), t.pageSize)
	if pages > 0 && height > streamHeight(pages, t.pageSize) {
		n, err := t.newPage(kindOverflowIndex, height)
		if err != nil {
			return err
		}
		putRef(n.page[pageHeader:], w.stream.top)
		n.setCount(1)
		w.stream.top = n.ref()
		n.release()
	}
	top, err := w.place(w.stream.top, height, i, r)
	w.stream.top = top
	return err
}

// place puts r at data page i below the index page at, which may have to be
// made or moved, and returns where it is now.
func (w *streamWriter) place(at ref, level int, i int64, r ref) (ref, error) {
	if level == 0 {
		return r, nil
	}
	t := w.tree
	slot := indexSlot(i, level, t.pageSize)
	child := ref{}
	if at != (ref{}) {
		n, err := t.getOverflow(at, level)
		if err != nil {
			return at, err
		}
		if slot < n.count() {
			child = n.index(slot)
		}
		n.release()
	}
	now, err := w.place(child, level-1, i, r)
	if err != nil || now == child {
		return at, err
	}
	var n node
	if at == (ref{}) {
		n, err = t.newPage(kindOverflowIndex, level)
	} else if n, err = t.getOverflow(at, level); err == nil {
		err = t.writable(&n)
	}
	if err != nil {
		n.release()
		return at, err
	}
	putRef(n.page[pageHeader+refSize*slot:], now)
	n.setCount(max(n.count(), slot+1))
	at = n.ref()
	n.release()
	return at, nil
}

// close gives the pin up and returns the stream as it is now.
func (w *streamWriter) close() stream {
	w.tail.release()
	return w.stream
}

// freeStream frees all pages of a stream, reading its index pages only.
func (t *tree) freeStream(s stream) error {
	pages := streamPages(s.length, t.pageSize)
	return t.freeOverflow(s.top, streamHeight(pages, t.pageSize))
}

func (t *tree) freeOverflow(r ref, level int) error {
	if level > 0 {
		n, err := t.getOverflow(r, level)
		if err != nil {
			return err
		}
		children := make([]ref, n.count())
		for i := range children {
			children[i] = n.index(i)
		}
		n.release()
		for _, c := range children {
			if err := t.freeOverflow(c, level-1); err != nil {
				return err
			}
		}
	}
	t.free(r)
	return nil
}
