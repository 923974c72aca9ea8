package btree

import (
	"bytes"
	"fmt"

	"github.com/statelab/statelab"
)

// Check implements statelab.CheckStore: it verifies B1 to B10 of the package
// comment for the tree as it is and for its last commit, and the checksum on
// disk of every page that is not waiting to be written. Writers wait meanwhile.
func (s *Store) Check() error {
	s.writer.Lock()
	defer s.writer.Unlock()
	defer s.gate.leave(s.gate.enter())
	if s.closed {
		return statelab.ErrClosed
	}
	c := checker{tree: &s.tree, disk: make(page, s.tree.pageSize)}
	err := c.check()
	if err == nil {
		err = s.checkBuffer()
	}
	if err != nil {
		return fmt.Errorf("check %s: %w", s.tree.name, err)
	}
	return nil
}

// A checker walks a tree. It copies each inner page, so as to hold no pin while it reads on.
type checker struct {
	*tree
	seen []uint64 // pages met in the tree as it is
	old  []uint64 // pages met in its last commit alone
	into []uint64 // the one of the two that is being filled
	disk page
	last []byte // the key before
	any  bool   // there was one

	noted bool // the progress of the last commit was met

	buffer bool // the tree is the write buffer
	pages  int  // met
}

func (c *checker) check() error {
	words := int(c.space.end.Load()/64) + 1
	c.seen, c.old = make([]uint64, words), make([]uint64, words)
	c.into = c.seen
	for id := range c.first() {
		setBit(c.seen, id)
	}
	if err := c.walk(c.position, c.maps); err != nil {
		return err
	}
	if err := c.checkLastCommit(); err != nil {
		return fmt.Errorf("last commit: %w", err)
	}
	if err := c.checkSpace(); err != nil {
		return err
	}
	return c.checkSlots()
}

func (c *checker) checkLastCommit() error {
	if c.space.inPlace {
		return c.checkImages()
	}
	c.into = c.old
	return c.walk(c.durable.position, c.durable.maps)
}

// checkBuffer walks the write buffer, as a tree by itself whose pages are lent (B9).
func (s *Store) checkBuffer() error {
	b := &s.buffer
	if b.height == 0 && b.pages != 0 {
		return b.corrupt(0, fmt.Sprintf("B9: an empty write buffer of %d pages", b.pages))
	}
	c := checker{tree: &b.tree, buffer: true}
	words := (b.pool.Frames()+firstPage)/64 + 1
	c.seen, c.old = make([]uint64, words), make([]uint64, words)
	c.into = c.seen
	if b.height > 0 {
		if _, err := c.walkTree(b.root, b.height-1, nil, nil, true); err != nil {
			return err
		}
	}
	held := len(b.snaps.allHeld())
	if lent := b.pool.OnLoan(); c.pages != b.pages || c.pages+held != lent {
		return b.corrupt(0, fmt.Sprintf("B9: a write buffer leads to %d pages, is said to have %d, and %d are held, of %d lent", c.pages, b.pages, held, lent))
	}
	return nil
}

// walk checks a root's maps and tree.
func (c *checker) walk(pos position, maps []ref) error {
	for i, m := range maps {
		if m == (ref{}) {
			continue
		}
		if known, err := c.meet(m); err != nil || known {
			if err != nil {
				return err
			}
			continue
		}
		if pos == c.position && c.space.mapDirty[i] {
			continue // it is written by the next commit; one that failed may have given it its place already
		}
		if err := c.readRaw(m.id, c.disk); err != nil {
			return err
		}
		if c.disk.kind() != kindMap || c.disk.birth() != m.birth {
			return c.corrupt(m.id, "B3: not the map page that is referred to")
		}
	}
	c.any = false
	_, err := c.walkTree(pos.root, pos.height-1, nil, nil, true)
	return err
}

// meet notes that a page is reachable. It is known already if the tree as it
// is leads to it too; to be met twice in one tree is an error (B2).
func (c *checker) meet(r ref) (known bool, err error) {
	c.pages++
	switch {
	case c.buffer && r.id >= firstPage+uint32(c.pool.Frames()):
		return false, c.corrupt(r.id, "B9: a page beyond the frames is reachable")
	case !c.buffer && (r.id >= c.space.end.Load() || c.behind(r) > c.space.end.Load()):
		return false, c.corrupt(r.id, "B2: a page beyond the end is reachable")
	}
	known = getBit(c.seen, r.id)
	for i := range c.extent(r) {
		if getBit(c.into, r.id+i) {
			return false, c.corrupt(r.id, "B2: a page is reachable twice")
		}
		setBit(c.into, r.id+i)
	}
	return known, nil
}

// verify checks the page on disk, if it is to be found there.
func (c *checker) verify(r ref) error {
	if c.buffer || c.pool.Dirty(r.id) {
		return nil
	}
	if err := c.readRaw(r.id, c.disk); err != nil {
		return err
	}
	if c.disk.birth() != r.birth {
		return c.corrupt(r.id, fmt.Sprintf("B3: page %d on disk is of epoch %d, not %d", r.id, c.disk.birth(), r.birth))
	}
	return nil
}

// walkTree checks the subtree under r, whose keys must lie in [lower, upper),
// and returns its summary.
func (c *checker) walkTree(r ref, level int, lower, upper []byte, root bool) (summary, error) {
	n, err := c.get(r, level)
	if err != nil {
		return summary{}, err
	}
	p := page(bytes.Clone(n.page))
	n.release()
	sum := p.summary()
	if known, err := c.meet(r); err != nil || known {
		return sum, err
	}
	if err := c.verify(r); err != nil {
		return sum, err
	}
	if c.buffer {
		if again := p.summarized(); again != sum {
			return sum, c.corrupt(r.id, fmt.Sprintf("B5: summary %v is %v", sum, again))
		}
		for i := range p.count() {
			if err := p.field(i).validate(p.head(i), len(p)); err != nil {
				return sum, c.corrupt(r.id, err.Error())
			}
		}
	} else if err := p.validate(); err != nil {
		return sum, c.corrupt(r.id, err.Error())
	}
	switch {
	case p.count() == 0 && !(root && level == 0):
		return sum, c.corrupt(r.id, "B4: an empty page is no empty tree")
	case level == 0:
		return sum, c.walkLeaf(p, lower, upper)
	}
	return sum, c.walkInner(p, lower, upper)
}

func (c *checker) walkInner(p page, lower, upper []byte) error {
	id, n := p.ref().id, p.count()
	if len(p.entry(0).key) != 0 {
		return c.corrupt(id, "B4: the first separator is not empty")
	}
	bounds := make([][]byte, n+1)
	bounds[0], bounds[n] = lower, upper
	for i := 1; i < n; i++ {
		key, err := c.walkKey(p, i)
		if err != nil {
			return err
		}
		if bounds[i-1] != nil && bytes.Compare(bounds[i-1], key) >= 0 || upper != nil && bytes.Compare(key, upper) >= 0 {
			return c.corrupt(id, fmt.Sprintf("B1: separator %d is out of order", i))
		}
		bounds[i] = key
	}
	for i := range n {
		e := p.entry(i)
		sum, err := c.walkTree(e.child, p.level()-1, bounds[i], bounds[i+1], false)
		if err != nil {
			return err
		}
		if sum != e.sum {
			return c.corrupt(id, fmt.Sprintf("B5: summary %v of child %d is %v", e.sum, i, sum))
		}
	}
	return nil
}

func (c *checker) walkLeaf(p page, lower, upper []byte) error {
	id := p.ref().id
	for i := range p.count() {
		key, err := c.walkKey(p, i)
		if err != nil {
			return err
		}
		if lower != nil && bytes.Compare(key, lower) < 0 || upper != nil && bytes.Compare(key, upper) >= 0 {
			return c.corrupt(id, fmt.Sprintf("B1: key %d is outside its page's separators", i))
		}
		if c.any && bytes.Compare(key, c.last) <= 0 {
			return c.corrupt(id, fmt.Sprintf("B1: key %d is out of order", i))
		}
		c.last, c.any = append(c.last[:0], key...), true
		r := p.record(i)
		if r.outlives && !r.covers || len(r.body) == 0 && !r.covers {
			return c.corrupt(id, fmt.Sprintf("B9: record %d has no elements, or outlives, and does not cover", i))
		}
		if r.spilled {
			if err := c.walkSpill(getSpill(r.body)); err != nil {
				return err
			}
		}
	}
	return nil
}

// walkKey returns the whole key of a cell, having checked the stream of a long one.
func (c *checker) walkKey(p page, i int) ([]byte, error) {
	f := p.field(i)
	if f.long {
		if err := c.walkStream(f.rest()); err != nil {
			return nil, err
		}
	}
	return c.appendKey(make([]byte, 0, f.size()), f)
}

// walkSpill checks the pages of a spilled body, and that it is what the spill says (B7).
func (c *checker) walkSpill(s spill) error {
	if err := c.walkStream(s.stream); err != nil {
		return err
	}
	payload, dieAt := int64(0), int64(statelab.MinWatermark)
	r := streamReader{pager: c.pager, stream: s.stream}
	defer r.close()
	for r.more() {
		n, expireAt, err := r.elementHeader()
		if err != nil {
			return err
		}
		r.advance(n)
		payload += int64(n)
		dieAt = max(dieAt, expireAt)
	}
	if payload != s.payload || dieAt != s.dieAt {
		return c.corrupt(s.stream.top.id, fmt.Sprintf("B7: a spill of %d bytes until %d holds %d until %d", s.payload, s.dieAt, payload, dieAt))
	}
	return nil
}

// walkStream checks the pages of a stream.
func (c *checker) walkStream(s stream) error {
	pages := streamPages(s.length, c.pageSize)
	return c.walkOverflow(s.top, streamHeight(pages, c.pageSize), pages)
}

// walkOverflow checks the pages under r, which must lead to so many data pages.
func (c *checker) walkOverflow(r ref, level int, pages int64) error {
	n, err := c.getOverflow(r, level)
	if err != nil {
		return err
	}
	p := page(bytes.Clone(n.page))
	n.release()
	if known, err := c.meet(r); err != nil || known {
		return err
	}
	if err := c.verify(r); err != nil || level == 0 {
		return err
	}
	reach := int64(1)
	for range level - 1 {
		reach *= int64(indexFanout(c.pageSize))
	}
	if want := (pages + reach - 1) / reach; int64(p.count()) != want {
		return c.corrupt(r.id, fmt.Sprintf("B7: an overflow index of %d references has %d", want, p.count()))
	}
	for i := range p.count() {
		if err := c.walkOverflow(p.index(i), level-1, min(pages, reach)); err != nil {
			return err
		}
		pages -= reach
	}
	return nil
}

// checkSpace compares what was met with what the space says (B2, B6).
func (c *checker) checkSpace() error {
	held := make([]uint64, len(c.seen))
	for _, r := range c.snaps.allHeld() {
		for i := range c.extent(r) {
			if getBit(held, r.id+i) {
				return c.corrupt(r.id, "B2: a page is held twice")
			}
			setBit(held, r.id+i)
		}
	}
	for id := range c.space.end.Load() {
		seen, used, busy := getBit(c.seen, id), getBit(c.space.used, id), getBit(c.space.busy, id)
		spared := c.space.inPlace && getBit(c.space.spared, id)
		switch {
		case seen != used:
			return c.corrupt(id, fmt.Sprintf("B2: page %d reachable: %t, said to be: %t", id, seen, used))
		case busy != (used || getBit(held, id) || spared) || used && getBit(held, id) || spared && (used || getBit(held, id) || !c.isBare(id)):
			return c.corrupt(id, fmt.Sprintf("B2: page %d is used: %t, held: %t, spared: %t, not free: %t", id, used, getBit(held, id), spared, busy))
		case getBit(c.old, id) && !busy:
			return c.corrupt(id, fmt.Sprintf("B6: page %d of the last commit is free", id))
		}
	}
	return nil
}

// checkSlots reads the root slots (B8).
func (c *checker) checkSlots() error {
	r, _, same, err := c.readRoots()
	if err != nil {
		return err
	}
	if !same || r.epoch != c.durable.epoch || r.position != c.durable.position {
		return c.corrupt(0, fmt.Sprintf("B8: the root slots do not both name the commit of epoch %d", c.durable.epoch))
	}
	return nil
}
