package skiplist

import "github.com/statelab/statelab/internal/arena"

// A builder builds all blocks from their records in order: the block in the
// making of each level, which its leader has begun.
type builder struct {
	x      *blocks
	levels [maxLevels]struct {
		draft  draft
		leader []byte // nil: it is the first on its level
	}
	touched int // what touching has read, so that it is read
}

// buildAhead is how many records are touched before they are looked at: several
// times as many misses as a CPU has under way at once.
const buildAhead = 32

// Build implements memstore.Builder.
func (x *blocks) Build(refs []arena.Ref) error {
	if len(refs) == 0 {
		return nil
	}
	b := builder{x: x}
	for level := range b.levels {
		b.levels[level].draft.reset(uint8(level), true)
	}
	top := 0
	for i, ref := range refs {
		if i%buildAhead == 0 {
			b.touch(refs[i:min(i+buildAhead, len(refs))])
		}
		key := x.keys.Of(ref)
		h := x.height(key)
		for level := range h {
			if err := b.close(level); err != nil {
				x.abandon()
				return err
			}
			b.levels[level].draft.reset(uint8(level), false)
			b.levels[level].leader = key
		}
		top = max(top, h)
		b.add(0, key, uint32(ref))
	}
	return b.finish(top, len(refs))
}

// touch reads keys, so that they are in the CPU's caches.
func (b *builder) touch(refs []arena.Ref) {
	for _, ref := range refs {
		if key := b.x.keys.Of(ref); len(key) > 0 {
			b.touched += int(key[len(key)-1])
		}
	}
}

// add adds an entry to the block in the making of a level.
func (b *builder) add(level int, key []byte, ref uint32) {
	d := &b.levels[level].draft
	d.entries = append(d.entries, entry{headOf(key, 0), ref})
}

// close ends the block in the making of a level, and adds its entry above.
func (b *builder) close(level int) error {
	at := &b.levels[level]
	ref, err := b.x.build(&at.draft, b.x.spareOf(&at.draft))
	if err == nil {
		b.add(level+1, at.leader, ref)
	}
	return err
}

// finish ends all blocks up to the top level, and shows them to readers.
func (b *builder) finish(top, n int) error {
	x := b.x
	for level := range top {
		if err := b.close(level); err != nil {
			x.abandon()
			return err
		}
	}
	root, err := x.build(&b.levels[top].draft, 0)
	if err != nil {
		x.abandon()
		return err
	}
	x.changed = append(x.changed, arena.Ref(x.root.Load()))
	x.root.Store(root)
	x.commit()
	x.length.Store(int64(n))
	return nil
}
