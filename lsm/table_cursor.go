package lsm

import "bytes"

// tableCursor walks the records of a table in both directions. When a move
// returns false, err tells a failure from the end. The bytes it returns are
// valid until the next move. It must be closed, and can be opened again.
type tableCursor struct {
	table    *table
	how      access
	fetch    *fetch // or nil: see getBlock
	indexRef blockRef
	dataRef  blockRef
	index    blockCursor
	data     blockCursor
	handle   blockHandle // of the data block
	single   bool        // the cursor does not leave the data block, and has no index
	failure  error
}

// open stands the cursor on no record of t.
func (c *tableCursor) open(t *table, how access) {
	c.close()
	c.table, c.how, c.failure = t, how, nil
	f, err := t.handles(how)
	if err == nil {
		err = t.getPart(indexPart, f.index, how, c.fetch, &c.indexRef)
	}
	if err != nil {
		c.failure = err
		return
	}
	c.index.open(c.indexRef.data)
}

// openAt stands the cursor on no record of t. If where is not zero, what is
// asked for lies in that block, and the cursor is one over its records alone.
func (c *tableCursor) openAt(t *table, where blockHandle) {
	if where == (blockHandle{}) {
		c.open(t, cached)
		return
	}
	c.close()
	c.table, c.how, c.failure, c.single = t, cached, nil, true
	c.loadAt(where)
}

// close gives up the blocks that the cursor holds.
func (c *tableCursor) close() {
	c.single = false
	c.indexRef.release()
	c.dataRef.release()
	c.index.forget()
	c.data.forget()
	c.table = nil
}

func (c *tableCursor) key() []byte { return c.data.key() }
func (c *tableCursor) err() error  { return c.failure }

func (c *tableCursor) first() bool {
	if c.single {
		return c.ok(c.failure == nil && c.data.first())
	}
	return c.ok(c.failure == nil && c.index.first()) && c.load() && c.forwards(c.data.first())
}

func (c *tableCursor) last() bool {
	if c.single {
		return c.ok(c.failure == nil && c.data.last())
	}
	return c.ok(c.failure == nil && c.index.last()) && c.load() && c.backwards(c.data.last())
}

// seekGE moves to the first record whose key is not less than key.
func (c *tableCursor) seekGE(key []byte) bool {
	if c.single {
		return c.ok(c.failure == nil && c.data.seekGE(key))
	}
	return c.ok(c.failure == nil && c.index.seekGE(key)) && c.load() && c.forwards(c.data.seekGE(key))
}

// seekLT moves to the last record whose key is less than key.
func (c *tableCursor) seekLT(key []byte) bool {
	if !c.seekGE(key) {
		return c.failure == nil && c.last()
	}
	return c.prev()
}

func (c *tableCursor) next() bool { return c.forwards(c.data.moveNext()) }
func (c *tableCursor) prev() bool { return c.backwards(c.data.movePrev()) }

// find moves to the record of exactly this key. It looks into one block, that which
// the key would be in.
func (c *tableCursor) find(key []byte) bool {
	if !c.single && !(c.ok(c.failure == nil && c.index.seekGE(key)) && c.load()) {
		return false
	}
	return c.ok(c.failure == nil && c.data.seekGE(key)) && bytes.Equal(c.key(), key)
}

// gather adds the record that the cursor stands on to f, which aliases it until
// the next move.
func (c *tableCursor) gather(f *fold) error {
	if damage := f.addRecord(c.data.value(), c.table.blobs); damage != "" {
		return c.table.corrupt(int64(c.handle.offset), damage)
	}
	return nil
}

// forwards takes the outcome of a move within the data block, and goes on to
// the following blocks while it is false.
func (c *tableCursor) forwards(moved bool) bool {
	for !c.ok(moved) {
		if c.failure != nil || c.single || !c.ok(c.index.moveNext()) || !c.load() {
			return false
		}
		moved = c.data.first()
	}
	return true
}

func (c *tableCursor) backwards(moved bool) bool {
	for !c.ok(moved) {
		if c.failure != nil || c.single || !c.ok(c.index.movePrev()) || !c.load() {
			return false
		}
		moved = c.data.last()
	}
	return true
}

// load reads the data block that the index cursor stands on.
func (c *tableCursor) load() bool {
	h, ok := decodeHandle(c.index.value())
	if !ok {
		c.failure = c.table.corrupt(int64(c.table.footer.Load().index.offset), "index entry cannot be read")
		return false
	}
	if h == c.handle && c.dataRef.data != nil {
		return true
	}
	return c.loadAt(h)
}

// loadAt reads the data block at h.
func (c *tableCursor) loadAt(h blockHandle) bool {
	if err := c.table.getBlock(h, dataBlock, c.how, c.fetch, &c.dataRef); err != nil {
		c.failure = err
		return false
	}
	c.handle = h
	c.data.open(c.dataRef.data)
	return true
}

// ok passes on the outcome of a move, and notes damage that made it fail.
func (c *tableCursor) ok(moved bool) bool {
	switch {
	case moved || c.failure != nil:
	case c.index.damage != "":
		c.failure = c.table.corrupt(int64(c.table.footer.Load().index.offset), c.index.damage)
	case c.data.damage != "":
		c.failure = c.table.corrupt(int64(c.handle.offset), c.data.damage)
	}
	return moved
}
