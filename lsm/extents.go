package lsm

// extents finds the block of a table that holds a join key's records, by the
// hash of the key's group (its prefix, or the key if it has none), so that a
// probe asks one line of memory a table and reads one block of those that hold
// anything. It takes the place of the prefix filter and of the index.
//
//	lines   | a→0 b→0 c→1 . |   | d→1 e→many . . |   | f→2 . . . |
//	                  |
//	blocks  | 0: a a b |  | 1: c d |  | 2: e e f |  | 3: e e ...
//
// A line is a cache line of 16 slots, filled from the first on; a full one goes on in
// the next:
//
//	BITS    FIELD
//	31      1; an empty slot is zero altogether
//	16..30  tag: the low 15 bits of the hash
//	0..15   number of the block, or 0xffff: many, see the index
//
// Many is said of a group that does not lie in one block, and of two with one
// tag that meet. So a slot with the group's tag means that its records are all
// in that block, or that there are none; no slot, that there are none.
//
// Extents are made when a table is written and live in memory only. A table that
// the store found when it was opened has none, and is read by its filters and
// its index, as are those for which there is no room. They are immutable.
type extents struct {
	lines  []extentLine
	blocks []blockHandle
}

type extentLine [lineSlots]uint32

const (
	lineSlots = 16
	lineFill  = 12 // slots of a line that are taken, on average
	slotTaken = 1 << 31
	tagOfSlot = 0x7fff << 16
	inMany    = 1<<16 - 1
)

// group is a group of a table that is being written.
type group struct {
	hash  uint64
	block uint32 // that it begins in
	many  bool   // it goes on in the next
}

// extentsSize returns what extents of so many groups and blocks take, in bytes.
func extentsSize(groups, blocks int) int64 {
	return int64(lineCount(groups)*lineSlots*4 + blocks*16)
}

func lineCount(groups int) int { return groups/lineFill + 1 }

func makeExtents(groups []group, blocks []blockHandle) *extents {
	x := &extents{make([]extentLine, lineCount(len(groups))), append([]blockHandle(nil), blocks...)}
	for _, g := range groups {
		slot := slotTaken | uint32(g.hash)<<16&tagOfSlot | min(g.block, inMany)
		if g.many {
			slot |= inMany
		}
		x.add(g.hash, slot)
	}
	return x
}

// lineOf returns the line of n that the search for a hash begins with.
func lineOf(hash uint64, n int) int { return int((hash >> 32) * uint64(n) >> 32) }

func (x *extents) add(hash uint64, slot uint32) {
	for i := lineOf(hash, len(x.lines)); ; i++ {
		line := &x.lines[i%len(x.lines)]
		for j := range line {
			switch s := line[j]; {
			case s == 0:
				line[j] = slot
				return
			case (s^slot)&tagOfSlot == 0:
				line[j] |= inMany
				return
			}
		}
	}
}

// find says where in the table the group with a hash is: nowhere, in one block,
// or, if the handle is zero, somewhere.
func (x *extents) find(hash uint64) (where blockHandle, may bool) {
	want := slotTaken | uint32(hash)<<16&tagOfSlot
	for i := lineOf(hash, len(x.lines)); ; i++ {
		line := &x.lines[i%len(x.lines)]
		for _, s := range line {
			if s == 0 {
				return blockHandle{}, false
			}
			if s&^inMany == want {
				if s&inMany == inMany {
					return blockHandle{}, true
				}
				return x.blocks[s&inMany], true
			}
		}
	}
}

// size returns what x takes, in bytes.
func (x *extents) size() int64 { return int64(len(x.lines)*lineSlots*4 + len(x.blocks)*16) }

// whereIs asks the table's extents, if it has any, for the group with a hash.
func (t *table) whereIs(hash uint64) (where blockHandle, may bool) {
	if t.extents == nil {
		return blockHandle{}, true
	}
	return t.extents.find(hash)
}

// extentsShare is the part of readers' memory, one in so many, that extents may have.
const extentsShare = 4

// keepExtents gives a table that was just written its extents, if there is room.
func (e *tableEnv) keepExtents(t *table, w *tableWriter) {
	if e.prefix.Len == nil || !e.charge(extentsSize(len(w.groups), len(w.blocks))) {
		return
	}
	t.extents = makeExtents(w.groups, w.blocks)
}

// dropExtents lets go of the extents of a table that nobody reads any more.
func (e *tableEnv) dropExtents(t *table) {
	if t.extents != nil {
		e.charge(-t.extents.size())
		t.extents = nil
	}
}
