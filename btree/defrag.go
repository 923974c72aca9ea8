package btree

import (
	"bytes"
	"fmt"
	"sync/atomic"

	"github.com/statelab/statelab"
)

// A scan reads leaf after leaf. If each stands behind the one before it in the file,
// the disk, or the kernel's reading ahead, has the next one at hand. Three things bring that about:
//
//   - The pages that a merge makes of neighbouring leaves are taken from runs of
//     free pages, as long as there are any (space.go).
//   - A merge of a stretch of keys whose leaves are scattered takes in the leaves
//     to which nothing came, too, so that all of it stands in order after, packed.
//     What that writes beside what must be written is bounded by Options.Defrag.
//   - Load and Checkpoint write leaves in order, and Defragment brings them there.
//
// It is done by the merges that come round to every stretch anyway, and costs no
// page read but those leaves.

// Defragment brings all leaves into order in the file, but where nine of ten
// neighbours stand side by side already. It merges what the write buffer has,
// and writes the leaves of one stretch after the other anew; readers go on meanwhile, writers
// wait. As the pages of the last commit stay until the next one, which is the
// caller's to make, the file may become twice as long until then, and some
// of that space is cut off after it.
func (s *Store) Defragment() error {
	s.calls.RLock()
	defer s.calls.RUnlock()
	s.writer.Lock()
	defer s.writer.Unlock()
	err := s.usable()
	if err == nil {
		s.merge.tidy.force = true
		err = s.mergeAll()
		s.merge.tidy.force = false
		s.dirty = true
	}
	if err != nil {
		return fmt.Errorf("defragment: %w", err)
	}
	return nil
}

// A layout is how the leaves of the main tree stood in the file when it was last committed.
type layout struct {
	leaves   atomic.Int64
	adjacent atomic.Int64 // those that stand behind the one before in the order of keys
}

// A tidier decides which merges take in all leaves of their stretch.
type tidier struct {
	share  int   // of the leaves written, in hundredths, that may be written for this alone
	credit int64 // hundredths of leaves that may
	force  bool  // whatever the credit
	active bool  // for the merge under way, which is
	from   []byte
	until  []byte
	moved  int64 // leaves that it took in
	made   int64 // leaves that it wrote
}

// maxCredit bounds what a time without scattered leaves saves up: a few stretches.
const maxCredit = 100 * 512

// prepare decides on a merge of the keys from from up to until.
func (d *tidier) prepare(t *tree, from, until []byte) error {
	d.active, d.moved, d.made, t.mayGrow = false, 0, 0, false
	if !d.force && (d.share == 0 || from == nil && until == nil || !t.space.hasRun() && !t.space.mayGrow()) {
		return nil
	}
	leaves, adjacent, err := t.stretchLayout(from)
	if err != nil {
		return err
	}
	if d.force {
		d.active = adjacent < leaves*9/10
	} else {
		d.active = adjacent < leaves/2 && int64(100*leaves) <= d.credit
	}
	t.mayGrow = d.active && (d.force || t.space.mayGrow())
	d.from, d.until = append(d.from[:0], from...), append(d.until[:0], until...)
	return nil
}

// settle charges what the merge wrote.
func (d *tidier) settle() {
	if d.force {
		return
	}
	d.credit = min(d.credit+d.made*int64(d.share)-100*d.moved, maxCredit)
}

// takes says whether what lies behind sep and before upper, where nil is the
// end, is a part of the stretch to be taken in. Of a long sep it may say so wrongly.
func (d *tidier) takes(sep keyField, upper []byte) bool {
	if !d.active || upper != nil && bytes.Compare(upper, d.from) <= 0 {
		return false
	}
	return len(d.until) == 0 || keyField{lead: sep.lead, key: sep.comparable()}.compare(d.until) < 0
}

// stretchLayout returns how many leaves the stretch that begins at from has, and
// how many of them are adjacent.
func (t *tree) stretchLayout(from []byte) (leaves, adjacent int, err error) {
	r, step := t.root, t.stretchLeaves()
	for level := t.height - 1; level >= 1; level-- {
		n, err := t.get(r, level)
		if err != nil {
			return 0, 0, err
		}
		first, end := 0, n.count()
		if level > 1 || step > 0 {
			if first, err = t.childFor(&n, from); err != nil {
				return 0, 0, err
			}
			end = min(first+step, end)
		}
		r = n.child(first)
		if level == 1 {
			adjacent = t.adjacent(n.page, first, end)
		}
		n.release()
		leaves = end - first
	}
	return leaves, adjacent, nil
}

// adjacent returns how many of the cells from from up to to of an inner page lead to a page behind
// that of the cell before.
func (g *pager) adjacent(p page, from, to int) (n int) {
	for i := from + 1; i < to; i++ {
		if p.child(i).id == g.behind(p.child(i-1)) {
			n++
		}
	}
	return n
}

// measure counts how the leaves stand. It goes over the pages above leaves; where one
// cannot be read the counts stay as they were, and whoever needs it will be told.
func (l *layout) measure(t *tree) {
	var leaves, adjacent int64
	behind := uint32(0)
	var walk func(r ref, level int) error
	walk = func(r ref, level int) error {
		n, err := t.get(r, level)
		if err != nil {
			return err
		}
		children := make([]ref, n.count())
		for i := range children {
			children[i] = n.child(i)
		}
		n.release()
		for _, c := range children {
			switch {
			case level > 1:
				if err := walk(c, level-1); err != nil {
					return err
				}
				continue
			case c.id == behind:
				adjacent++
			}
			leaves, behind = leaves+1, t.behind(c)
		}
		return nil
	}
	if t.height < 2 {
		leaves = int64(t.height)
	} else if walk(t.root, t.height-1) != nil {
		return
	}
	l.leaves.Store(leaves)
	l.adjacent.Store(adjacent)
}

// fill adds the layout to statistics.
func (l *layout) fill(st *statelab.Stats) {
	st.Leaves, st.AdjacentLeaves = l.leaves.Load(), l.adjacent.Load()
}
