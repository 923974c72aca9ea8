package btree

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/storedir"
)

// Checkpoint implements statelab.Store. The copy holds live elements only, in
// full pages that stand in the order of their keys. It is made from a snapshot,
// which no bound of pinned pages ends, while readers and writers go on; the
// pages it is made in are taken beside Options.Memory, 16 of them.
func (s *Store) Checkpoint(dir string) error {
	s.calls.RLock() // Close waits for it
	defer s.calls.RUnlock()
	if err := s.checkpoint(dir); err != nil {
		return fmt.Errorf("checkpoint to %s: %w", dir, err)
	}
	return nil
}

func (s *Store) checkpoint(dir string) error {
	c, err := s.openCopy()
	if err != nil {
		return err
	}
	defer s.tree.snaps.closeKept(c.snaps[0])
	defer s.buffer.snaps.closeKept(c.snaps[1])
	return storedir.Copy(s.options.FS, dir, s.identity(), s.meter, func() error { return s.writeCopy(dir, c) })
}

// openCopy returns a copier of all there is now.
func (s *Store) openCopy() (*copier, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return nil, statelab.ErrClosed
	}
	return &copier{
		store: s, leaf: make(page, s.options.PageSize), buffered: s.buffer.position,
		from:  &cursor{pager: s.tree.pager, pos: s.tree.position},
		snaps: [2]*snapshot{s.tree.snaps.openKept(), s.buffer.snaps.openKept()},
	}, nil
}

// writeCopy writes the tree of a copy, durably but for its name.
func (s *Store) writeCopy(dir string, to *copier) error {
	o := s.options
	o.Memory = int64(minMemoryPages * o.PageSize)
	name := filepath.Join(dir, treeName)
	if err := to.open(o, name, s.meter, meter.Checkpoint, meter.Checkpoint, true); err != nil {
		return err
	}
	err := to.run()
	if err == nil {
		err = to.persist(0)
	}
	if cerr := to.close(); err == nil {
		err = cerr
	}
	return err
}

// A copier appends the records of a snapshot to a new tree.
type copier struct {
	tree     // the new one
	store    *Store
	from     *cursor
	buffered position     // of the write buffer
	snaps    [2]*snapshot // of tree and buffer
	leaf     page         // of the old one, being copied
	key      []byte
	body     []byte
}

// run copies the tree, and merges the write buffer into the copy. If it fails
// the whole file goes.
func (c *copier) run() error {
	c.plant(c.from.pos.watermark)
	c.begin()
	err := c.plantRoot()
	for more := true; err == nil && more; {
		if more, err = c.nextLeaf(); err == nil && more {
			err = c.copyLeaf()
		}
	}
	if err != nil {
		c.rollback()
		return err
	}
	c.commit()
	return c.mergeBuffered()
}

// mergeBuffered brings the write buffer's records to the copy. A snapshot holds
// the buffer's pages, so that no lock is needed for them.
func (c *copier) mergeBuffered() error {
	if c.buffered.height == 0 {
		return nil
	}
	m := merge{tree: &c.tree}
	c.begin()
	err := m.in.open(c.store.buffer.pager, c.buffered, nil, nil)
	if err == nil {
		err = m.run()
	}
	if err != nil {
		c.rollback()
		return err
	}
	m.plant()
	c.commit()
	return nil
}

// nextLeaf takes a copy of the snapshot's next leaf and says whether there was one.
func (c *copier) nextLeaf() (bool, error) {
	s := c.store
	s.mu.RLock()
	defer s.mu.RUnlock()
	var n node
	var err error
	if c.from.state == fresh {
		c.from.state = on
		n, err = c.from.enter(c.from.pos.height-1, c.from.pos.root, 1)
	} else {
		n, err = c.from.nextLeaf(1, 1)
	}
	if err != nil || n.page == nil {
		return false, err
	}
	copy(c.leaf, n.page)
	n.release()
	return true, nil
}

func (c *copier) copyLeaf() error {
	for i := range c.leaf.count() {
		r := c.leaf.record(i)
		if statelab.Expired(r.dieAt(), c.watermark) {
			continue
		}
		if err := c.copyRecord(r); err != nil {
			return err
		}
	}
	return nil
}

// copyRecord appends the live elements of a record of the old tree.
func (c *copier) copyRecord(r record) error {
	var err error
	if r.spilled || r.long {
		c.store.mu.RLock()
		defer c.store.mu.RUnlock()
	}
	if c.key, err = c.from.pager.appendKey(c.key[:0], r.keyField); err != nil {
		return err
	}
	if r.spilled {
		c.body, err = c.copySpill(getSpill(r.body))
	} else {
		c.body, _ = appendLive(c.body[:0], r.body, c.watermark)
	}
	if err != nil {
		return err
	}
	to := record{body: c.body, spilled: r.spilled}
	if to.keyField, err = c.newKeyField(c.bodies[:0], c.key); err != nil {
		return err
	}
	return c.add(c.key, to)
}

// copySpill copies the live part of a spilled body. What is left may be short,
// but stays spilled until the record is next appended to.
func (c *copier) copySpill(s spill) ([]byte, error) {
	length, payload, dieAt, err := c.from.pager.measure(s.stream, c.watermark)
	if err != nil {
		return c.body, err
	}
	w := streamWriter{tree: &c.tree}
	err = c.from.pager.eachLive(s.stream, c.watermark, w.write)
	to := spill{w.close(), payload, dieAt, 2 * length}
	return appendSpill(c.body[:0], to), err
}

// add puts a record into a tree that has none of that key.
func (t *tree) add(key []byte, r record) error {
	t.cells = r.appendCell(t.cells[:0])
	leaf, at, exact, err := t.openLeaf(key)
	if err != nil {
		return err
	}
	defer leaf.release()
	if exact {
		return t.corrupt(leaf.ref().id, fmt.Sprintf("B1: key %q is there twice", bytes.Clone(key)))
	}
	return t.place(&leaf, at, false, key)
}
