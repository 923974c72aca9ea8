package lsm

import (
	"math"
	"sync/atomic"
)

// extents say of some tables together which of them hold records of a join key,
// and in which block, by the hash of the key's group (its prefix, or the key if it
// has none). So a probe looks at one line of memory for all of them, and reads one
// block of those that hold anything. They take the place of the prefix filters and
// of the indexes.
//
//	numbers  | 1 2 3 4 | 5 6 7 | 8 9 10 11 |         of the blocks of three tables,
//	                                                 and behind them one for "many"
//	lines    | a→1 b→1 c→2 a→8 . |  | d→6 e→4 . . |  | f→9 . . |
//	spill    | g→2 . . |                             of what its line has no room for
//
// A line is a cache line of 16 slots, filled from the first on:
//
//	BITS    FIELD
//	20..31  tag: the low 12 bits of the hash
//	0..19   number of the block, from 1; a slot that is zero is empty
//
// The last slot of a line only says, if it is not zero, that there is more than the
// line has room for: see the spill line that it shares with its neighbours, or, of
// a spill line, that nothing is known. The number behind those of a table's blocks
// stands for many: the group does not lie in one block.
//
// Lines are filled while readers look at them, slot by slot, and nothing in them
// changes afterwards. A reader knows the tables of its version alone, and passes by
// numbers of others: those not installed yet, and those that are gone. All extents
// of a store have as many lines, so that what is left of some is put into others
// line by line, without the hashes being known (directory.go).
type extents struct {
	lines []extentLine // of groups, and after them the spill
	home  int          // lines of groups

	// What follows is the directory's.
	next   uint32   // number of the next block
	slots  int      // that are taken
	tables []*table // listed here
	users  int      // tables listed here, and versions that show any of them
}

type extentLine [lineSlots]uint32

const (
	lineSlots  = 16
	lineFill   = 11 // slots of a line that are taken on average when extents are full
	spillShare = 8  // lines that share one of the spill
	lineBytes  = 4 * lineSlots

	numberBits = 20
	maxNumber  = 1<<numberBits - 1
	moreSlots  = math.MaxUint32 // in the last slot
)

func newExtents(lines int) *extents {
	return &extents{lines: make([]extentLine, lines+(lines+spillShare-1)/spillShare), home: lines, next: 1}
}

func (x *extents) size() int64 { return int64(len(x.lines)) * lineBytes }

// hasRoom says whether groups of a table with so many blocks go in. Should they
// crowd together after all, a spill line says so.
func (x *extents) hasRoom(groups, blocks int) bool {
	return x.slots+groups <= x.home*lineFill && int(x.next)+blocks < maxNumber
}

// lineOf returns the line of n that a hash belongs to.
func lineOf(hash uint64, n int) int { return int((hash >> 32) * uint64(n) >> 32) }

func tagOf(hash uint64) uint32 { return uint32(hash) << numberBits }

func (x *extents) add(hash uint64, number uint32) { x.put(lineOf(hash, x.home), tagOf(hash)|number) }

// put enters a slot into a line of groups or its spill.
func (x *extents) put(line int, slot uint32) {
	x.slots++
	if !x.lines[line].add(slot) {
		x.lines[x.spillOf(line)].add(slot)
	}
}

func (x *extents) spillOf(line int) int { return x.home + line/spillShare }

// add enters a slot, or says that there is more.
func (l *extentLine) add(slot uint32) bool {
	for i := range lineSlots - 1 {
		if l[i] == 0 {
			atomic.StoreUint32(&l[i], slot)
			return true
		}
	}
	atomic.StoreUint32(&l[lineSlots-1], moreSlots)
	return false
}

// touch reads from the line where the search for a hash begins.
func (x *extents) touch(hash uint64) uint32 {
	return atomic.LoadUint32(&x.lines[lineOf(hash, x.home)][0])
}

// find appends to dst the numbers entered for a hash, and says whether any other may
// have been.
func (x *extents) find(dst []uint32, hash uint64) (numbers []uint32, more bool) {
	line := lineOf(hash, x.home)
	dst, more = x.lines[line].find(dst, tagOf(hash))
	if more {
		dst, more = x.lines[x.spillOf(line)].find(dst, tagOf(hash))
	}
	return dst, more
}

func (l *extentLine) find(dst []uint32, tag uint32) (numbers []uint32, more bool) {
	for i := range lineSlots - 1 {
		s := atomic.LoadUint32(&l[i])
		if s == 0 {
			break
		}
		if n := s ^ tag; n <= maxNumber {
			dst = append(dst, n)
		}
	}
	return dst, atomic.LoadUint32(&l[lineSlots-1]) != 0
}

// take enters what from holds of the tables in moved. What was spilled there is
// spilled here, since it is not known from which of the lines that share a spill line.
func (x *extents) take(from *extents, moved movedNumbers) {
	for i := range from.lines {
		l := &from.lines[i]
		for _, s := range l[:lineSlots-1] {
			n, ok := moved.number(s & maxNumber)
			if !ok {
				continue
			}
			if i < from.home {
				x.put(i, s&^maxNumber|n)
			} else {
				x.slots++
				x.lines[i].add(s&^maxNumber | n)
			}
		}
		if l[lineSlots-1] != 0 {
			atomic.StoreUint32(&x.lines[i][lineSlots-1], moreSlots)
		}
	}
}
