package lsm

import "bytes"

// runCursor walks the records of some tables of a run, one after the other. It
// is a source.
type runCursor struct {
	tables []*table
	how    access
	upper  []byte // what is sought ends before it; nil is open
	at     int    // index of the open table, or -1
	cursor tableCursor
}

// open takes tables, in the order of their keys; the slice stays the caller's.
func (c *runCursor) open(tables []*table, how access) {
	c.begin(how)
	c.tables = append(c.tables, tables...)
}

// begin takes no tables; add takes one whose keys follow those of the others.
func (c *runCursor) begin(how access) { c.tables, c.how, c.at, c.upper = c.tables[:0], how, -1, nil }
func (c *runCursor) add(t *table)     { c.tables = append(c.tables, t) }

func (c *runCursor) close() {
	c.cursor.close()
	clear(c.tables)
	c.tables, c.at, c.upper = c.tables[:0], -1, nil
}

func (c *runCursor) key() []byte { return c.cursor.key() }
func (c *runCursor) err() error  { return c.cursor.err() }

// to opens the table with index i. A failure to do so shows in its moves.
func (c *runCursor) to(i int) bool {
	if i < 0 || i >= len(c.tables) {
		return false
	}
	if i != c.at || c.cursor.failure != nil {
		c.cursor.open(c.tables[i], c.how)
		c.at = i
	}
	return true
}

func (c *runCursor) first() bool { return c.to(0) && c.forwards(c.cursor.first()) }
func (c *runCursor) last() bool  { return c.to(len(c.tables)-1) && c.backwards(c.cursor.last()) }
func (c *runCursor) next() bool  { return c.forwards(c.cursor.next()) }
func (c *runCursor) prev() bool  { return c.backwards(c.cursor.prev()) }

func (c *runCursor) seekGE(key []byte) bool {
	r := run{tables: c.tables}
	i := r.search(key)
	moved := c.to(i) && c.forwards(c.cursor.seekGE(key))
	if moved && c.at == i && c.upper != nil && bytes.Compare(c.key(), c.upper) >= 0 {
		c.tables[i].noteGap(key, c.key())
	}
	return moved
}

func (c *runCursor) seekLT(key []byte) bool {
	r := run{tables: c.tables}
	i := min(r.search(key), len(c.tables)-1)
	return c.to(i) && c.backwards(c.cursor.seekLT(key))
}

func (c *runCursor) forwards(moved bool) bool {
	for !moved {
		if c.cursor.err() != nil || !c.to(c.at+1) {
			return false
		}
		moved = c.cursor.first()
	}
	return true
}

func (c *runCursor) backwards(moved bool) bool {
	for !moved {
		if c.cursor.err() != nil || !c.to(c.at-1) {
			return false
		}
		moved = c.cursor.last()
	}
	return true
}

func (c *runCursor) gather(f *fold) error { return c.cursor.gather(f) }
