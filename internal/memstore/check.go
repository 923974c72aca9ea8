package memstore

import (
	"fmt"
	"path/filepath"

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
	if s.closed {
		return statelab.ErrClosed
	}
	if done := s.snapshot.done; done != nil {
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

// checkRecords holds mu shared, so that closed iterators wait too.
func (s *Store) checkRecords() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	s.viewsMu.Lock()
	defer s.viewsMu.Unlock()
	r := &s.records
	if err := r.mem.Check(); err != nil {
		return err
	}
	if err := r.index.Check(); err != nil {
		return err
	}
	c := checker{r: r, inUse: int64(r.index.Fixed()), listed: map[arena.Ref]bool{}}
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

// lists walks the wheel (R6), the garbage (R4) and the dirty records (R5).
func (c *checker) lists() error {
	for level := range levels {
		for slot := range slots {
			if err := c.slot(level, slot); err != nil {
				return err
			}
		}
	}
	for _, v := range c.r.views {
		if err := c.garbage(v.held, v); err != nil {
			return fmt.Errorf("%s: %w", v, err)
		}
		c.held += v.bytes
	}
	if c.held != c.r.pinned {
		return fmt.Errorf("R4: views hold %d bytes, and %d are counted as pinned", c.held, c.r.pinned)
	}
	if err := c.garbage(c.r.orphans, nil); err != nil {
		return err
	}
	prev := arena.Ref(0)
	for ref := c.r.dirtyFirst; ref != 0; ref = c.r.rec(ref).dirtyNext {
		rec := c.r.rec(ref)
		if rec.dirtyPrev != prev || rec.flags&recordDirty == 0 {
			return fmt.Errorf("R5: key %x stands wrong in the list of dirty records", c.r.index.Key(ref))
		}
		prev = ref
		c.dirty++
	}
	if prev != c.r.dirtyLast {
		return fmt.Errorf("R5: the list of dirty records ends before its last one")
	}
	return nil
}

func (c *checker) slot(level, slot int) error {
	w, prev := &c.r.wheel, arena.Ref(0)
	head := w.slots[level][slot]
	if (head != 0) != (w.used[level][slot/64]>>(slot%64)&1 != 0) {
		return fmt.Errorf("R6: slot %d of level %d: whether it holds something is noted wrong", slot, level)
	}
	emptied := level == w.emptying-1 && slot == digit(w.now, level)
	for ref := head; ref != 0; ref = c.r.elem(ref).next {
		e := c.r.elem(ref)
		rightLevel, rightSlot := w.slotOf(flipped(e.expireAt))
		if e.prev != prev || e.flags&elementGarbage != 0 || !emptied && (rightLevel != level || rightSlot != slot) {
			return fmt.Errorf("R6: slot %d of level %d holds an element that expires at %d, when now is %d", slot, level, e.expireAt, w.now)
		}
		c.listed[ref] = true
		prev = ref
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
		if v != nil && c.r.viewer(e, c.r.lastBefore(e)) != v {
			return fmt.Errorf("R4: an element is held that the view does not see, or a newer one does too")
		}
		c.listed[ref] = true
		n += int64(c.r.elementSize(e))
	}
	if v != nil && n != v.bytes {
		return fmt.Errorf("R4: %d bytes are held, and %d counted", n, v.bytes)
	}
	return nil
}

func (c *checker) all() error {
	for ref := c.r.index.First(); ref != 0; ref = c.r.index.Next(ref) {
		if err := c.record(ref); err != nil {
			return fmt.Errorf("key %x: %w", c.r.index.Key(ref), err)
		}
	}
	return nil
}

// record verifies R1 to R3 for a record.
func (c *checker) record(ref arena.Ref) error {
	rec := c.r.rec(ref)
	c.inUse += int64(c.r.index.Size(ref))
	c.size += int64(len(c.r.index.Key(ref)))
	if rec.flags&recordDirty != 0 {
		c.dirty--
	}
	if rec.newest == 0 && (rec.flags&recordDirty == 0 || rec.flags&recordSaved == 0) {
		return fmt.Errorf("R1: the record has no element, and no Sync waits for it")
	}
	newer, shadowed := ref, false
	for at := rec.newest; at != 0; at = c.r.elem(at).older {
		e := c.r.elem(at)
		if e.newer != newer || (e.flags&elementNewest != 0) != (at == rec.newest) {
			return fmt.Errorf("R2: an element does not lead back to the newer one")
		}
		if newer != ref && c.r.elem(newer).born < e.born {
			return fmt.Errorf("R2: an element of time %d is older than one of time %d", e.born, c.r.elem(newer).born)
		}
		if shadowed && e.flags&elementShadowed == 0 || e.flags&elementShadowed != 0 && e.flags&elementGarbage == 0 {
			return fmt.Errorf("R3: an element is shadowed, but older ones are not, or it is no garbage")
		}
		shadowed = e.flags&elementShadowed != 0
		garbage := e.flags&elementGarbage != 0
		if c.listed[at] != (garbage || e.expireAt != statelab.NoExpiry) {
			return fmt.Errorf("R4, R6: an element that expires at %d, garbage: %v, is in a list: %v", e.expireAt, garbage, c.listed[at])
		}
		if !garbage {
			c.size += int64(e.size)
		}
		c.inUse += int64(c.r.elementSize(e))
		delete(c.listed, at)
		newer = at
	}
	if live := c.r.liveBytes(ref); int64(rec.bound) < live || c.r.maxBound < live {
		return fmt.Errorf("R7: %d bytes are live, and the bound is %d", live, rec.bound)
	}
	return nil
}

func (c *checker) totals() error {
	switch {
	case len(c.listed) != 0:
		return fmt.Errorf("R2: %d elements are in lists and in no record", len(c.listed))
	case c.dirty != 0:
		return fmt.Errorf("R5: %d records more are in the list of dirty ones than say so", c.dirty)
	case c.size != c.r.size:
		return fmt.Errorf("R7: keys and elements have %d bytes, and %d are counted", c.size, c.r.size)
	case c.inUse != c.r.mem.InUse():
		return fmt.Errorf("R7: records take %d bytes, and %d are in use", c.inUse, c.r.mem.InUse())
	}
	return nil
}
