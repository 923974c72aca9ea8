package lsm

import (
	"cmp"
	"math"
	"slices"
	"sync"
)

// directory is the extents of a store: those that tables are entered into as they
// are written, and the ones before, which are full.
//
//	tables   000012 000013 000015   000016 000018 000019   000020
//	extents  [      full         ]  [      full         ]  [ filled  .  .  . ]
//
// Tables that the store found when it was opened are in none, and are read by their
// filters and indexes, as are those for which there is no room. When extents are full
// the next ones begin with what others still hold of tables that are read, as long
// as that is not much: so extents of which most is gone go as well. Those that
// no version shows and no table is listed in give their memory back.
type directory struct {
	env   *tableEnv
	lines int // of groups in extents

	mu  sync.Mutex
	all []*extents // the last one is being filled
}

// extentsShare is the part of readers' memory that the directory may have: a quarter
// of Options.Memory. It is enough for extents of six parts of it, and for where
// blocks begin.
const (
	extentsShare = 3.0 / 8
	extentsParts = 7
	maxLines     = 1 << 18 // of extents: their groups are in fewer blocks than have numbers
)

func newDirectory(env *tableEnv) *directory {
	part := int64(float64(env.memory.budget)*extentsShare) / extentsParts
	return &directory{env: env, lines: int(max(1, min(part/lineBytes*spillShare/(spillShare+1), maxLines)))}
}

// listing says where a table is entered. It changes when the table goes over to
// other extents.
type listing struct {
	extents *extents // nil if the table is in none
	base    uint32   // number of the table's first block
	groups  int
}

// group is a group of a table that is being written.
type group struct {
	hash  uint64
	block uint32 // that it begins in
	many  bool   // it goes on in the next
}

// add enters a table that was just written, if there is room.
func (d *directory) add(t *table, groups []group, blocks []blockHandle) {
	end := blocks[len(blocks)-1]
	if end.offset+uint64(end.length)+blockTrailerSize > math.MaxUint32 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	x := d.room(len(groups), len(blocks))
	if x == nil || !d.env.charge(blockStartsSize(len(blocks))) {
		return
	}
	t.blockStarts = make([]uint32, 0, len(blocks)+1)
	for _, h := range blocks {
		t.blockStarts = append(t.blockStarts, uint32(h.offset))
	}
	t.blockStarts = append(t.blockStarts, uint32(end.offset)+end.length+blockTrailerSize)
	base := x.list(t, len(groups))
	for _, g := range groups {
		if g.many {
			g.block = uint32(len(blocks))
		}
		x.add(g.hash, base+g.block)
	}
}

func blockStartsSize(blocks int) int64 { return 4 * int64(blocks+1) }

// list gives a table's blocks their numbers, and returns the first.
func (x *extents) list(t *table, groups int) (base uint32) {
	base = x.next
	x.next += uint32(len(t.blockStarts))
	x.tables = append(x.tables, t)
	x.users++
	t.listing = listing{x, base, groups}
	return base
}

// room returns extents with room for a table, or nil if there is none.
func (d *directory) room(groups, blocks int) *extents {
	if n := len(d.all); n > 0 && d.all[n-1].hasRoom(groups, blocks) {
		return d.all[n-1]
	}
	x := newExtents(d.lines)
	if !x.hasRoom(groups, blocks) || !d.env.charge(x.size()) {
		return nil
	}
	d.gather(x, groups, blocks)
	d.reclaim()
	d.all = append(d.all, x)
	return x
}

// gather takes over the tables of extents of which least is left, up to half of what
// x has room for. So to enter a group costs, on average, to take over at most one.
func (d *directory) gather(x *extents, groups, blocks int) {
	order := slices.Clone(d.all)
	slices.SortStableFunc(order, func(a, b *extents) int { return cmp.Compare(a.left(), b.left()) })
	for _, from := range order {
		left, starts := from.left(), 0
		for _, t := range from.tables {
			starts += len(t.blockStarts)
		}
		if 2*(x.slots+left) > x.home*lineFill || !x.hasRoom(left+groups, starts+blocks) {
			break
		}
		var moved movedNumbers
		for _, t := range slices.Clone(from.tables) {
			before := from.unlist(t)
			moved = append(moved, movedTable{before.base, uint32(len(t.blockStarts)), x.list(t, before.groups)})
		}
		x.take(from, moved)
	}
}

// left returns how many slots belong to tables that are listed.
func (x *extents) left() (slots int) {
	for _, t := range x.tables {
		slots += t.listing.groups
	}
	return slots
}

// movedTable is a table whose blocks get other numbers. Those of extents are in the
// order of their numbers.
type movedTable struct{ from, count, to uint32 }

type movedNumbers []movedTable

func (m movedNumbers) number(n uint32) (to uint32, ok bool) {
	i, found := slices.BinarySearchFunc(m, n, func(t movedTable, n uint32) int { return cmp.Compare(t.from, n) })
	if !found {
		i--
	}
	if i < 0 || n-m[i].from >= m[i].count {
		return 0, false
	}
	return m[i].to + n - m[i].from, true
}

// drop forgets a table that nobody reads any more.
func (d *directory) drop(t *table) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if t.listing.extents == nil {
		return
	}
	t.listing.extents.unlist(t)
	d.env.charge(-blockStartsSize(len(t.blockStarts) - 1))
	t.blockStarts = nil
	d.reclaim()
}

func (x *extents) unlist(t *table) (was listing) {
	x.tables = slices.DeleteFunc(x.tables, func(u *table) bool { return u == t })
	x.users--
	was, t.listing = t.listing, listing{}
	return was
}

// reclaim gives back the memory of extents that nobody uses.
func (d *directory) reclaim() {
	d.all = slices.DeleteFunc(d.all, func(x *extents) bool {
		if x.users == 0 {
			d.env.charge(-x.size())
		}
		return x.users == 0
	})
}

// shownExtents are extents as a version shows them.
type shownExtents struct {
	*extents
	tables []shownTable // in the order of their numbers
}

type shownTable struct {
	base, blocks uint32
	at           int32 // of its lookout
}

// show notes where a version's tables are entered now.
func (d *directory) show(v *version) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range v.lookouts {
		t := v.lookouts[i].table
		x := t.listing.extents
		if x == nil {
			v.bare = append(v.bare, int32(i))
			continue
		}
		at := slices.IndexFunc(v.extents, func(s shownExtents) bool { return s.extents == x })
		if at < 0 {
			at = len(v.extents)
			v.extents = append(v.extents, shownExtents{extents: x})
			x.users++
		}
		v.extents[at].tables = append(v.extents[at].tables, shownTable{t.listing.base, uint32(len(t.blockStarts)) - 1, int32(i)})
	}
	for _, s := range v.extents {
		slices.SortFunc(s.tables, func(a, b shownTable) int { return cmp.Compare(a.base, b.base) })
	}
}

// unshow ends what show began.
func (d *directory) unshow(v *version) {
	if len(v.extents) == 0 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range v.extents {
		s.users--
	}
	d.reclaim()
}

// whereIs says where a table that is listed has a group: nowhere, in one block, or, if
// the handle is zero, somewhere.
func (d *directory) whereIs(t *table, hash uint64) (where blockHandle, may bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := t.listing
	s := search{}
	s.ask(&shownExtents{l.extents, []shownTable{{base: l.base, blocks: uint32(len(t.blockStarts)) - 1}}}, hash)
	if len(s.candidates) == 0 {
		return blockHandle{}, false
	}
	return s.candidates[0].where(t), true
}

// tableOf returns the table of a block's number, if the version has it.
func (s *shownExtents) tableOf(number uint32) (t shownTable, ok bool) {
	lo, hi := 0, len(s.tables) // the first table beyond the number is in [lo, hi]
	for lo < hi {
		if mid := (lo + hi) / 2; s.tables[mid].base <= number {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return t, false
	}
	t = s.tables[lo-1]
	return t, number-t.base <= t.blocks
}
