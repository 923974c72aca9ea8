package memstore

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/internal/wal"
)

// Check implements statelab.CheckStore: it verifies the invariants of records
// and of their memory, and reads all files again. Writers wait meanwhile.
func (s *Store) Check() error {
	s.write.Lock()
	defer s.write.Unlock()
	if s.closed.Load() {
		return statelab.ErrClosed
	}
	if done := s.snapshot.done; done != nil {
		s.hurrySnapshot()
		<-done // it renames and removes files
	}
	if err := s.checkRecords(); err != nil {
		return fmt.Errorf("check store %s: %w", s.path, err)
	}
	if err := s.checkFiles(); err != nil {
		return fmt.Errorf("check store %s: %w", s.path, err)
	}
	return nil
}

func (s *Store) checkFiles() error {
	_, number := s.snapshot.current()
	if number > 0 {
		// What is read to check is not what the store has read to serve.
		_, err := readImage(s.fs, s.path, number, new(meter.Meter), func(int64) {}, func([]byte) error { return nil })
		if err != nil {
			return err
		}
	}
	if err := s.latch.Err(); err != nil {
		return nil // the end of the log is not to be relied on, and nothing relies on it
	}
	return wal.Verify(s.fs, filepath.Join(s.path, logDirName), max(number, firstSegment))
}

// checkRecords lets everything go that is in limbo, so that nothing is on its
// way, and keeps views from being closed meanwhile.
func (s *Store) checkRecords() error {
	r := &s.records
	r.releaseAll()
	r.views.mu.Lock()
	defer r.views.mu.Unlock()
	if err := r.mem.Check(); err != nil {
		return err
	}
	if err := r.index.Check(); err != nil {
		return err
	}
	if err := r.groups.check(r.index); err != nil {
		return err
	}
	c := checker{r: r, inUse: r.index.Overhead(), listed: map[arena.Ref]bool{}}
	for _, step := range []func() error{c.lists, c.all, c.totals} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// A checker sums up what it sees.
type checker struct {
	r      *records
	listed map[arena.Ref]bool // elements in the wheel, or garbage in a list
	held   int64
	inUse  int64
	size   int64
	dirty  int
}

// lists walks the wheel (R7), the garbage (R4) and the dirty records (R6).
func (c *checker) lists() error {
	for level := range levels {
		for slot := range slots {
			if err := c.slot(level, slot); err != nil {
				return err
			}
		}
	}
	if err := c.views(); err != nil {
		return err
	}
	for ref := c.r.nextDirty(0); ref != 0; ref = c.r.nextDirty(ref) {
		if c.r.rec(ref).state&(recordDirty|recordReplaced) != recordDirty {
			return fmt.Errorf("R6: key %x is wrongly in the set of dirty records", c.r.keys().Of(ref))
		}
		c.dirty++
	}
	if c.dirty != c.r.dirty.n {
		return fmt.Errorf("R6: %d records are in the set of dirty ones, and %d are counted", c.dirty, c.r.dirty.n)
	}
	return nil
}

func (c *checker) slot(level, slot int) error {
	w, prev := &c.r.wheel, arena.Ref(0)
	head := w.slots[level][slot]
	if (head != 0) != (w.used[level][slot/64]>>(slot%64)&1 != 0) {
		return fmt.Errorf("R7: slot %d of level %d: whether it holds something is noted wrong", slot, level)
	}
	emptied := level == w.emptying-1 && slot == digit(w.now, level)
	for ref := head; ref != 0; ref = c.r.elem(ref).next {
		e := c.r.elem(ref)
		rightLevel, rightSlot := w.slotOf(flipped(e.expireAt()))
		if e.prev != prev || e.flags&elementGarbage != 0 || !emptied && (rightLevel != level || rightSlot != slot) {
			return fmt.Errorf("R7: slot %d of level %d holds an element that expires at %d, when now is %d", slot, level, e.expireAt(), w.now)
		}
		c.listed[ref] = true
		prev = ref
	}
	return nil
}

// views walks what open views hold, and what closed ones have held.
func (c *checker) views() error {
	vs := &c.r.views
	for _, v := range vs.open {
		if err := c.garbage(v.held, v); err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
		c.held += v.bytes
	}
	if c.held != vs.pinned {
		return fmt.Errorf("R4: views hold %d bytes, and %d are counted as pinned", c.held, vs.pinned)
	}
	for _, ref := range append(slices.Clone(vs.orphans), vs.adopted) {
		if err := c.garbage(ref, nil); err != nil {
			return err
		}
	}
	return nil
}

// garbage walks the list of a view, or of orphans if v is nil.
func (c *checker) garbage(ref arena.Ref, v *openView) error {
	n := int64(0)
	for ; ref != 0; ref = c.r.elem(ref).next {
		e := c.r.elem(ref)
		if c.listed[ref] || e.flags&elementGarbage == 0 {
			return fmt.Errorf("R4: an element is held that is not garbage, or is held twice")
		}
		if v != nil && c.r.views.viewer(e) != v {
			return fmt.Errorf("R4: an element is held that the view does not see, or a newer one does too")
		}
		c.listed[ref] = true
		n += int64(c.r.sizeOf(e))
	}
	if v != nil && n != v.bytes {
		return fmt.Errorf("R4: %d bytes are held, and %d counted", n, v.bytes)
	}
	return nil
}

func (c *checker) all() (err error) {
	c.r.each(func(ref arena.Ref) {
		if err == nil {
			if err = c.key(ref); err != nil {
				err = fmt.Errorf("key %x: %w", c.r.keys().Of(ref), err)
			}
		}
	})
	return err
}

// key verifies R1 to R3 for the records of a key.
func (c *checker) key(ref arena.Ref) error {
	rec := c.r.rec(ref)
	c.size += int64(rec.keyLen)
	dirty := rec.state&recordDirty != 0
	if dirty != c.r.dirty.has(c.r.mem.Grain(ref)) {
		return fmt.Errorf("R6: the record is dirty: %v, and noted otherwise", dirty)
	}
	if dirty {
		c.dirty--
	}
	const awaited = recordDirty | recordSaved
	if rec.isEmpty() && rec.prior.Load() == 0 && rec.state&awaited != awaited {
		return fmt.Errorf("R1: the record has no element, and no Sync waits for it")
	}
	if c.r.find(c.r.keys().Of(ref)) != ref {
		return fmt.Errorf("R10: the record is in the index, and its group does not lead to it")
	}
	if err := c.r.groups.checkLoose(ref); err != nil {
		return err
	}
	if rec.state&recordReplaced != 0 {
		return fmt.Errorf("R3: a record is in the index that another one replaces")
	}
	if live := c.r.liveBytes(ref); int64(c.r.bound(ref)) < live || c.r.maxBound < live {
		return fmt.Errorf("R8: %d bytes are live, and the bound is %d", live, c.r.bound(ref))
	}
	if err := c.record(ref); err != nil {
		return err
	}
	for newer := ref; rec.prior.Load() != 0; {
		ref = arena.Ref(rec.prior.Load())
		if rec = c.r.rec(ref); rec.state&(recordReplaced|recordDirty) != recordReplaced || rec.prev != newer || rec.isEmpty() {
			return fmt.Errorf("R3: a record that was replaced does not lead back to the newer one, is dirty or empty")
		}
		if err := c.record(ref); err != nil {
			return err
		}
		newer = ref
	}
	return nil
}

// record verifies R2 for a record.
func (c *checker) record(ref arena.Ref) error {
	rec := c.r.rec(ref)
	c.inUse += int64(c.r.sizeOf(&rec.element))
	newer, past := ref, rec.state&recordReplaced != 0 || rec.ended()
	for at := c.r.newestOf(ref); at != 0; at = c.r.olderOf(ref, at) {
		e := c.r.elem(at)
		if (at == ref) != (e.kind() == withFirst) || at != ref && c.r.appended(at).newer != newer {
			return fmt.Errorf("R2: an element does not lead back to the newer one")
		}
		if newer != ref && c.r.elem(newer).born() < e.born() {
			return fmt.Errorf("R2: an element of batch %d is older than one of batch %d", e.born(), c.r.elem(newer).born())
		}
		garbage := e.flags&elementGarbage != 0
		if past && !garbage {
			return fmt.Errorf("R5: an element of a record that was replaced or deleted is not garbage")
		}
		if c.listed[at] != (garbage || e.expires()) {
			return fmt.Errorf("R4, R7: an element that expires at %d, garbage: %v, is in a list: %v", e.expireAt(), garbage, c.listed[at])
		}
		if !garbage {
			c.size += int64(e.size)
		}
		delete(c.listed, at)
		if at != ref {
			c.inUse += int64(c.r.sizeOf(e))
		}
		newer = at
	}
	return nil
}

func (c *checker) totals() error {
	switch {
	case len(c.listed) != 0:
		return fmt.Errorf("R2: %d elements are in lists and in no record", len(c.listed))
	case c.dirty != 0:
		return fmt.Errorf("R6: %d records more are in the set of dirty ones than say so", c.dirty)
	case c.size != c.r.size:
		return fmt.Errorf("R8: keys and elements have %d bytes, and %d are counted", c.size, c.r.size)
	case c.inUse != c.r.mem.InUse():
		return fmt.Errorf("R8: records take %d bytes, and %d are in use", c.inUse, c.r.mem.InUse())
	}
	return nil
}
