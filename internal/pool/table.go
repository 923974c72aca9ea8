package pool

import "sync/atomic"

// A table maps page ids to frames: open addressing, linear probing, no
// tombstones. It is never more than half full, and holds no pointers.
//
// It is changed under the pool's lock, and read without. Who reads beside a
// change may miss a page that is there, or be led to a frame that no longer has
// it; so what is not found is looked for again under the lock, and the frame
// itself says which page it holds.
type table struct {
	slots []atomic.Uint64 // id in the upper half, frame plus one in the lower; zero is empty
	mask  uint32
	shift uint32 // 32 less the number of bits in mask
}

func newTable(frames int) table {
	n, bits := 4, uint32(2)
	for n < 2*frames {
		n, bits = n*2, bits+1
	}
	return table{slots: make([]atomic.Uint64, n), mask: uint32(n - 1), shift: 32 - bits}
}

// home is where id would stand if nothing were in its way. The multiplier is
// 2^32 over the golden ratio, which spreads ids that follow one another, and
// the high bits of the product are the well mixed ones.
func (t *table) home(id uint32) uint32 { return id * 0x9e3779b1 >> t.shift }

// at returns what stands in slot i: a page and its frame, or -1.
func (t *table) at(i uint32) (id uint32, frame int) {
	s := t.slots[i].Load()
	return uint32(s >> 32), int(uint32(s)) - 1
}

// find returns the frame of id, or -1.
func (t *table) find(id uint32) int {
	for i := t.home(id); ; i = (i + 1) & t.mask {
		got, frame := t.at(i)
		if frame < 0 || got == id {
			return frame
		}
	}
}

// put adds id, which must not be there.
func (t *table) put(id uint32, frame int) {
	i := t.home(id)
	for t.slots[i].Load() != 0 {
		i = (i + 1) & t.mask
	}
	t.slots[i].Store(uint64(id)<<32 | uint64(frame+1))
}

// remove takes id out, if it is there, and moves back what stood behind it
// only because it was in the way (Knuth, volume 3, 6.4, algorithm R).
func (t *table) remove(id uint32) {
	i := t.home(id)
	for {
		got, frame := t.at(i)
		if frame < 0 {
			return
		}
		if got == id {
			break
		}
		i = (i + 1) & t.mask
	}
	hole := i
	for j := (i + 1) & t.mask; t.slots[j].Load() != 0; j = (j + 1) & t.mask {
		if other, _ := t.at(j); (j-t.home(other))&t.mask >= (j-hole)&t.mask {
			t.slots[hole].Store(t.slots[j].Load())
			hole = j
		}
	}
	t.slots[hole].Store(0)
}
