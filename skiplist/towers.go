package skiplist

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/bits"
	"strings"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// towers is the classic skip list as the index of a store: each record stands on
// one or more levels, and has a link for each.
//
//	level 2   head ----------------------> 17 ------------------------> nil
//	level 1   head ------> 08 -----------> 17 ------> 31 -------------> nil
//	level 0   head ------> 08 ----> 12 --> 17 ------> 31 -----> 45 ---> nil
//
// How high a key stands is drawn from its hash, so that what
// replaces a record stands as high.
//
// Readers beside the writer: links are stored and loaded atomically. A record is
// linked from level 0 up. One that is removed or replaced keeps its links, so
// that who stands on it goes on from there: what comes after it in the list, and
// was there when he entered his epoch, comes after it still.
//
//	W1  Keys ascend strictly along each level.
//	W2  Level n+1 is a subsequence of level n.
//
// After W. Pugh, "Skip lists: a probabilistic alternative to balanced trees"
// (1990).
type towers struct {
	memstore.Keys
	maxHeight int
	branching int
	head      [maxHeight]atomic.Uint32
	height    atomic.Int32 // levels in use, at least 1
	length    atomic.Int64
	before    [maxHeight]arena.Ref // the writer's: last record before the key, by level; 0 is the head
}

func newTowers(maxHeight, branching int, a *arena.Arena) *towers {
	t := &towers{Keys: memstore.Keys{Mem: a}, maxHeight: maxHeight, branching: branching}
	t.height.Store(1)
	return t
}

// link returns the link of a record, or of the head if ref is 0, on a level.
func (t *towers) link(ref arena.Ref, level int) *atomic.Uint32 {
	if ref == 0 {
		return &t.head[level]
	}
	return t.Link(ref, level)
}

func (t *towers) next(ref arena.Ref, level int) arena.Ref {
	return arena.Ref(t.link(ref, level).Load())
}

// seek returns the first record with a key >= key, or 0, and whether its key is
// key. If before is not nil it is filled with the last record before key on each
// level, or 0.
func (t *towers) seek(key []byte, before *[maxHeight]arena.Ref) (arena.Ref, bool) {
	at, bound := arena.Ref(0), arena.Ref(0) // bound is known to be >= key, or the end
	found := false
	for level := int(t.height.Load()) - 1; level >= 0; level-- {
		for {
			next := t.next(at, level)
			if next == bound || next == 0 {
				break // if bound is not 0 then it has just been removed
			}
			order := bytes.Compare(t.Of(next), key)
			if order >= 0 {
				bound, found = next, order == 0
				break
			}
			at = next
		}
		if before != nil {
			before[level] = at
		} else if found {
			break
		}
	}
	return bound, found
}

// seekBefore returns the last record with a key < key, or the last of all if
// fromEnd is set, or 0.
func (t *towers) seekBefore(key []byte, fromEnd bool) arena.Ref {
	at, bound := arena.Ref(0), arena.Ref(0)
	for level := int(t.height.Load()) - 1; level >= 0; level-- {
		for next := t.next(at, level); next != bound && next != 0; next = t.next(at, level) {
			if !fromEnd && bytes.Compare(t.Of(next), key) >= 0 {
				bound = next
				break
			}
			at = next
		}
	}
	return at
}

// Find implements memstore.Index.
func (t *towers) Find(key []byte) arena.Ref {
	if ref, found := t.seek(key, nil); found {
		return ref
	}
	return 0
}

// Seek implements memstore.Index.
func (t *towers) Seek(key []byte) arena.Ref { return t.Find(key) }

// Ascend implements memstore.Index.
func (t *towers) Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	ref, found := t.seek(key, nil)
	if found && after {
		ref = t.next(ref, 0)
	}
	for ; ref != 0 && len(dst) < cap(dst); ref = t.next(ref, 0) {
		dst = append(dst, ref)
	}
	return dst
}

// Descend implements memstore.Index. There are no links backwards: each step is
// a search.
func (t *towers) Descend(dst []arena.Ref, key []byte, fromEnd bool) []arena.Ref {
	for len(dst) < cap(dst) {
		ref := t.seekBefore(key, fromEnd)
		if ref == 0 {
			break
		}
		dst = append(dst, ref)
		key, fromEnd = t.Of(ref), false
	}
	return dst
}

// Links implements memstore.Index: a key stands on as many levels as the number
// of leading draws, of one in branching, that its hash wins.
func (t *towers) Links(key []byte) int {
	x := xxhash.Sum64(key)
	threshold := uint64(math.MaxUint64) / uint64(t.branching)
	height := 1
	for height < t.maxHeight {
		high, low := bits.Mul64(x^0xbf58476d1ce4e5b9, 0x9e3779b97f4a7c15)
		if x = high ^ low; x >= threshold {
			break
		}
		height++
	}
	return height
}

// Insert implements memstore.Index.
func (t *towers) Insert(ref arena.Ref) error {
	t.seek(t.Of(ref), &t.before)
	height := t.Keys.Links(ref)
	for level := int(t.height.Load()); level < height; level++ {
		t.before[level] = 0
	}
	for level := range height {
		t.link(ref, level).Store(t.link(t.before[level], level).Load())
	}
	for level := range height {
		t.link(t.before[level], level).Store(uint32(ref))
	}
	if height > int(t.height.Load()) {
		t.height.Store(int32(height))
	}
	t.length.Add(1)
	return nil
}

// Replace implements memstore.Index.
func (t *towers) Replace(old, new arena.Ref) {
	t.seek(t.Of(old), &t.before)
	height := t.Keys.Links(old)
	for level := range height {
		t.link(new, level).Store(t.link(old, level).Load())
	}
	for level := range height {
		t.link(t.before[level], level).Store(uint32(new))
	}
}

// Remove implements memstore.Index.
func (t *towers) Remove(ref arena.Ref) {
	t.seek(t.Of(ref), &t.before)
	for level := range t.Keys.Links(ref) {
		t.link(t.before[level], level).Store(t.link(ref, level).Load())
	}
	for top := int(t.height.Load()); top > 1 && t.head[top-1].Load() == 0; top-- {
		t.height.Store(int32(top - 1))
	}
	t.length.Add(-1)
}

// Len implements memstore.Index.
func (t *towers) Len() int { return int(t.length.Load()) }

// Overhead implements memstore.Index: all links are in records.
func (t *towers) Overhead() int64 { return 0 }

// Check implements memstore.Index: it verifies W1 and W2, and that the number of
// keys is right.
func (t *towers) Check() error {
	var (
		last  [maxHeight]arena.Ref // last record seen on each level
		prev  arena.Ref
		count int
	)
	for ref := t.next(0, 0); ref != 0; ref = t.next(ref, 0) {
		height := t.Keys.Links(ref)
		switch {
		case height < 1 || height > int(t.height.Load()):
			return fmt.Errorf("W2: key %x stands on %d levels of %d", t.Of(ref), height, t.height.Load())
		case prev != 0 && bytes.Compare(t.Of(prev), t.Of(ref)) >= 0:
			return fmt.Errorf("W1: key %x follows %x", t.Of(ref), t.Of(prev))
		}
		for level := range height {
			if t.next(last[level], level) != ref {
				return fmt.Errorf("W2: key %x stands on level %d and is not linked there", t.Of(ref), level)
			}
			last[level] = ref
		}
		prev = ref
		count++
	}
	for level := range int(t.height.Load()) {
		if next := t.next(last[level], level); next != 0 {
			return fmt.Errorf("W2: level %d leads to key %x, out of order or not on level 0", level, t.Of(next))
		}
	}
	if count != t.Len() {
		return fmt.Errorf("list counts %d keys and holds %d", t.Len(), count)
	}
	return nil
}

// Dump implements memstore.Index: it prints how many records stand how high.
func (t *towers) Dump(w io.Writer) {
	fmt.Fprintf(w, "skip list: %d keys on %d of %d levels\n", t.Len(), t.height.Load(), t.maxHeight)
	var records [maxHeight + 1]int
	most := 1
	for ref := t.next(0, 0); ref != 0; ref = t.next(ref, 0) {
		records[t.Keys.Links(ref)]++
	}
	for _, n := range records {
		most = max(most, n)
	}
	for height := 1; height <= int(t.height.Load()); height++ {
		fmt.Fprintf(w, "  height %2d %9d %s\n", height, records[height], strings.Repeat("#", records[height]*50/most))
	}
}
