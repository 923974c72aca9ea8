package skiplist

import (
	"bytes"

	"github.com/statelab/statelab/internal/arena"
)

// Ascend implements memstore.Index.
func (x *blocks) Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	var p path
	x.descend(key, &p)
	b := p[0].b
	var w leafWalk
	for w.start(x, b, key, after); ; w.startFirst(x, b) {
		dst = w.take(x, dst)
		if b = x.step(&p, 1); b == nil || len(dst) == cap(dst) {
			return dst
		}
	}
}

// Descend implements memstore.Index.
func (x *blocks) Descend(dst []arena.Ref, key []byte, fromEnd bool) []arena.Ref {
	var p path
	var w leafWalk
	if fromEnd {
		x.descendToEnd(&p)
		w.startLast(x, p[0].b)
	} else {
		x.descend(key, &p)
		w.start(x, p[0].b, key, false)
	}
	for {
		for ref := w.prev(x); ref != 0; ref = w.prev(x) {
			if len(dst) == cap(dst) {
				return dst
			}
			dst = append(dst, ref)
		}
		b := x.step(&p, -1)
		if b == nil || len(dst) == cap(dst) {
			return dst
		}
		w.startLast(x, b)
	}
}

// descendToEnd goes to the last block on level 0.
func (x *blocks) descendToEnd(p *path) {
	ref := x.root.Load()
	for b := x.at(ref); ; b = x.at(ref) {
		p[b.level].b, p[b.level].ref = b, arena.Ref(ref)
		if b.level == 0 {
			return
		}
		n, _ := b.counts()
		p[b.level].i = n - 1
		ref = b.ref(n - 1).Load()
	}
}

// step goes to the next block on level 0 by one up or down, or returns nil if
// there is none. It goes by the blocks that the path has, which may have been
// replaced.
func (x *blocks) step(p *path, by int) *block {
	for level := 1; level < len(p) && p[level].b != nil; level++ {
		b, i := p[level].b, p[level].i+by
		if n, _ := b.counts(); i < 0 || i >= n {
			continue
		}
		for p[level].i = i; ; p[level].i = i {
			b = x.at(b.ref(i).Load())
			if level--; level == 0 {
				return b
			}
			p[level].b, i = b, 0
			if n, _ := b.counts(); by < 0 {
				i = n - 1
			}
		}
	}
	return nil
}

// A leafWalk is a place between two entries of a block on level 0, by key: in
// the entries that are in order, and in the others, put in order.
type leafWalk struct {
	b       *block
	ordered int
	i, j    int // before these of the ordered and of the rest
	rest    int // how many these are; a slice of room would take w to the heap
	room    [maxUnordered]entry
}

// enter comes to a block, and to no place in it yet.
func (w *leafWalk) enter(x *blocks, b *block) {
	var n int
	w.b = b
	n, w.ordered = b.counts()
	w.rest = len(x.unordered(b, w.ordered, n, &w.room))
}

func (w *leafWalk) startFirst(x *blocks, b *block) {
	w.enter(x, b)
	w.i, w.j = 0, 0
}

func (w *leafWalk) startLast(x *blocks, b *block) {
	w.enter(x, b)
	w.i, w.j = w.ordered, w.rest
}

// start comes to the place before the first entry with a key >= key, or > key.
func (w *leafWalk) start(x *blocks, b *block, key []byte, after bool) {
	switch side := b.side(key); {
	case side < 0:
		w.startFirst(x, b)
		return
	case side > 0:
		w.startLast(x, b)
		return
	}
	w.enter(x, b)
	h := headOf(key, int(b.prefixLen))
	heads := b.heads(w.ordered)
	from := below(heads, h)
	to := alike(heads, from, h)
	w.i = x.notBelow(b, from, to, key)
	for i := w.i; after && i < to; i++ {
		if ref := arena.Ref(b.ref(i).Load()); ref != 0 {
			if bytes.Equal(x.keys.Of(ref), key) {
				w.i = i + 1
			}
			break
		}
	}
	for w.j = 0; w.j < w.rest && x.isBefore(w.room[w.j], h, key, after); w.j++ {
	}
}

// isBefore says whether an entry has a key < key, or <= key, whose head is h.
func (x *blocks) isBefore(e entry, h uint64, key []byte, orSame bool) bool {
	if e.head != h {
		return e.head < h
	}
	order := bytes.Compare(x.keys.Of(arena.Ref(e.ref)), key)
	return order < 0 || orSame && order == 0
}

// at returns one of the entries that are in order.
func (w *leafWalk) at(i int) entry {
	return entry{w.b.heads(i + 1)[i], w.b.ref(i).Load()}
}

// take appends to dst, as far as its capacity goes, the refs of the entries that
// follow.
func (w *leafWalk) take(x *blocks, dst []arena.Ref) []arena.Ref {
	for w.j < w.rest && len(dst) < cap(dst) {
		dst = append(dst, w.next(x))
	}
	refs := w.b.refs(w.ordered)
	for i := w.i; i < len(refs) && len(dst) < cap(dst); i++ {
		if ref := arena.Ref(refs[i].Load()); ref != 0 {
			dst = append(dst, ref)
		}
	}
	return dst
}

// next steps over an entry that is not removed and returns its ref, or zero at
// the end.
func (w *leafWalk) next(x *blocks) arena.Ref {
	var e entry
	for ; w.i < w.ordered; w.i++ {
		if e = w.at(w.i); e.ref != 0 {
			break
		}
	}
	if w.j < w.rest && (w.i == w.ordered || x.less(w.room[w.j], e)) {
		w.j++
		return arena.Ref(w.room[w.j-1].ref)
	}
	if w.i < w.ordered {
		w.i++
		return arena.Ref(e.ref)
	}
	return 0
}

// prev steps back over an entry that is not removed and returns its ref, or zero
// at the beginning.
func (w *leafWalk) prev(x *blocks) arena.Ref {
	var e entry
	for ; w.i > 0; w.i-- {
		if e = w.at(w.i - 1); e.ref != 0 {
			break
		}
	}
	if w.j > 0 && (w.i == 0 || x.less(e, w.room[w.j-1])) {
		w.j--
		return arena.Ref(w.room[w.j].ref)
	}
	if w.i > 0 {
		w.i--
		return arena.Ref(e.ref)
	}
	return 0
}
