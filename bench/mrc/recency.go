package mrc

import (
	"container/heap"
	"slices"
)

// recency keeps blocks in order of their last access and says how many bytes
// lie between there and now. It is the stack of Mattson et al. (1970) over a
// Fenwick tree.
//
//	slot   0    1    2    3    4    5        an access takes the next slot
//	      [a ] [  ] [b ] [..] [c ] [d ]  ◄── now
//	                      hole
//
// A block that goes leaves a hole in its slot: a cache that held it has so many
// bytes free. The next block that comes into such a cache, whether it is new
// or lay deeper than the hole, fills it and pushes nothing out; and where it lay, the
// hole is then. Bytes in blocks and holes together never shrink. With blocks of one
// size that is what an LRU cache does; with blocks of several it is nearly so, since a
// hole may be filled in part.
type recency struct {
	sums  []int64 // Fenwick tree over the bytes in slots; slot i is at i+1
	bytes []int64 // by slot
	owner []int32 // by slot: its block, or none
	slot  []int32 // by block, or none
	next  int32   // slot
	total int64
	holes slotHeap
}

// minSlots is the least number of slots there are, so that they are not made
// denser all the time.
const minSlots = 1 << 10

func newRecency(blocks int) *recency {
	r := &recency{slot: make([]int32, blocks)}
	for i := range r.slot {
		r.slot[i] = none
	}
	r.resize(nil, nil)
	return r
}

// access makes a block the last accessed, and returns its stack distance; it
// has none if it was not there.
func (r *recency) access(block int32, bytes int64) (distance int64, found bool) {
	if r.next == int32(len(r.bytes)) {
		r.condense()
	}
	at := r.slot[block]
	if at != none {
		distance, found = r.total-r.before(at), true
		r.leave(at, r.fill(at, bytes))
	} else {
		r.fill(none, bytes)
	}
	r.slot[block], r.owner[r.next] = r.next, block
	r.add(r.next, bytes)
	r.next++
	return distance, found
}

// forget makes a hole of a block.
func (r *recency) forget(block int32) {
	at := r.slot[block]
	if at == none {
		return
	}
	r.slot[block], r.owner[at] = none, none
	heap.Push(&r.holes, at)
}

// fill takes up to so many bytes of the holes behind slot at, the last first,
// and returns how many there were.
func (r *recency) fill(at int32, bytes int64) (filled int64) {
	for filled < bytes && len(r.holes) > 0 && r.holes[0] > at {
		hole := r.holes[0]
		part := min(r.bytes[hole], bytes-filled)
		r.add(hole, -part)
		filled += part
		if r.bytes[hole] == 0 {
			heap.Pop(&r.holes)
		}
	}
	return filled
}

// leave takes the block out of a slot and leaves a hole of so many bytes.
func (r *recency) leave(at int32, hole int64) {
	r.add(at, hole-r.bytes[at])
	r.owner[at] = none
	if hole > 0 {
		heap.Push(&r.holes, at)
	}
}

func (r *recency) add(slot int32, bytes int64) {
	r.bytes[slot] += bytes
	r.total += bytes
	for i := int(slot) + 1; i < len(r.sums); i += i & -i {
		r.sums[i] += bytes
	}
}

// before returns the bytes in the slots before one.
func (r *recency) before(slot int32) (bytes int64) {
	for i := slot; i > 0; i -= i & -i {
		bytes += r.sums[i]
	}
	return bytes
}

// condense leaves the empty slots out.
func (r *recency) condense() {
	var bytes []int64
	var owner []int32
	for i, n := range r.bytes {
		if n > 0 {
			bytes, owner = append(bytes, n), append(owner, r.owner[i])
		}
	}
	r.resize(bytes, owner)
}

// resize begins anew with these slots and as many empty ones.
func (r *recency) resize(bytes []int64, owner []int32) {
	used := len(bytes)
	slots := max(minSlots, 2*used)
	r.bytes = append(slices.Grow(bytes, slots-used), make([]int64, slots-used)...)
	r.owner = append(slices.Grow(owner, slots-used), make([]int32, slots-used)...)
	r.sums, r.holes, r.next = make([]int64, slots+1), r.holes[:0], int32(used)
	for i := used - 1; i >= 0; i-- { // so the heap is one: its greatest comes first
		if r.owner[i] == none {
			r.holes = append(r.holes, int32(i))
		} else {
			r.slot[r.owner[i]] = int32(i)
		}
	}
	for i, n := range r.bytes {
		r.sums[i+1] += n
		if up := (i + 1) + (i+1)&-(i+1); up <= slots {
			r.sums[up] += r.sums[i+1]
		}
	}
}

// slotHeap is a heap of slots, the greatest first.
type slotHeap []int32

func (h slotHeap) Len() int           { return len(h) }
func (h slotHeap) Less(i, j int) bool { return h[i] > h[j] }
func (h slotHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *slotHeap) Push(x any)        { *h = append(*h, x.(int32)) }

func (h *slotHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
