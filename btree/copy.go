package btree

import (
	"bytes"
	"fmt"
	"path/filepath"

	"github.com/statelab/statelab"
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
	return storedir.Copy(s.options.FS, dir, identity(s.options), s.meter, func() error { return s.writeCopy(dir, c) })
}

// openCopy returns a copier of all there is now.
func (s *Store) openCopy() (*copier, error) {
	defer s.gate.leave(s.gate.enter())
	if s.closed {
		return nil, statelab.ErrClosed
	}
	return &copier{
		store: s, leaf: make(page, s.options.PageSize), field: []byte{}, buffered: s.buffer.shown.position,
		from:  &cursor{pager: s.tree.pager, pos: s.tree.shown.position},
		snaps: [2]*snapshot{s.tree.snaps.openKept(), s.buffer.snaps.openKept()},
	}, nil
}

// writeCopy writes the tree of a copy, durably but for its name.
func (s *Store) writeCopy(dir string, to *copier) error {
	o := s.options
	o.Memory = int64(minMemoryPages * o.PageSize)
	return to.make(o, filepath.Join(dir, treeName), s.meter, to.run)
}

// A copier is a filler of the records of a snapshot.
type copier struct {
	filler
	store    *Store
	from     *cursor
	buffered position     // of the write buffer
	snaps    [2]*snapshot // of tree and buffer
	leaf     page         // of the old tree, being copied
	key      []byte
	field    []byte
	body     []byte
}

// run merges the snapshot's tree and its write buffer into the copy. A snapshot
// holds the buffer's pages, so that no lock is needed for them.
func (c *copier) run() error {
	return c.fill(c.from.pos.watermark, func() error {
		err := c.m.in.open(c.store.buffer.pager, c.buffered, nil, nil)
		for more := true; err == nil && more; {
			if more, err = c.nextLeaf(); err == nil && more {
				err = c.copyLeaf()
			}
		}
		for err == nil && c.m.in.ok {
			err = c.m.add(nil)
		}
		return err
	})
}

// nextLeaf takes a copy of the snapshot's next leaf and says whether there was one.
func (c *copier) nextLeaf() (bool, error) {
	s := c.store
	defer s.gate.leave(s.gate.enter())
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
		if statelab.Expired(r.dieAt(), c.to.watermark) {
			continue
		}
		if err := c.copyRecord(r); err != nil {
			return err
		}
	}
	return nil
}

// copyRecord appends what the write buffer has before a record of the old tree, and
// then the live elements of that, with what the buffer has behind them.
func (c *copier) copyRecord(r record) error {
	if err := c.readKey(r.keyField); err != nil {
		return err
	}
	for c.m.in.below(c.key) {
		if err := c.m.add(nil); err != nil {
			return err
		}
	}
	buffered := c.m.in.ok && bytes.Equal(c.m.in.key, c.key)
	if buffered && c.m.in.record.covers {
		return c.m.add(nil)
	}
	to := record{spilled: r.spilled}
	var err error
	if r.spilled {
		c.body, err = c.copySpill(getSpill(r.body))
	} else {
		c.body, _ = appendLive(c.body[:0], r.body, c.to.watermark)
	}
	if err != nil {
		return err
	}
	if to.keyField, err = c.to.newKeyField(c.field[:0], c.key); err != nil {
		return err
	}
	c.field, to.body = to.key, c.body
	if buffered {
		return c.m.add(&to)
	}
	return c.m.record(to)
}

// readKey reads the whole key of a field of the old tree.
func (c *copier) readKey(f keyField) error {
	if f.long {
		defer c.store.gate.leave(c.store.gate.enter())
	}
	var err error
	c.key, err = c.from.pager.appendKey(c.key[:0], f)
	return err
}

// copySpill copies the live part of a spilled body. What is left may be short,
// but stays spilled until the record is next appended to.
func (c *copier) copySpill(s spill) ([]byte, error) {
	defer c.store.gate.leave(c.store.gate.enter())
	length, payload, dieAt, err := c.from.pager.measure(s.stream, c.to.watermark)
	if err != nil {
		return c.body, err
	}
	w := streamWriter{tree: &c.to}
	err = c.from.pager.eachLive(s.stream, c.to.watermark, w.write)
	to := spill{w.close(), payload, dieAt, 2 * length}
	return appendSpill(c.body[:0], to), err
}
