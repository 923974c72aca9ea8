package pool

// A table maps page ids to frames: open addressing, linear probing, no
// tombstones. It is never more than half full, and holds no pointers.
type table struct {
	slots []slot
	mask  uint32
	shift uint32 // 32 less the number of bits in mask
}

type slot struct {
	id    uint32
	frame int32 // plus one, so that the zero slot is empty
}

func newTable(frames int) table {
	n, bits := 4, uint32(2)
	for n < 2*frames {
		n, bits = n*2, bits+1
	}
	return table{slots: make([]slot, n), mask: uint32(n - 1), shift: 32 - bits}
}

// home is where id would stand if nothing were in its way. The multiplier is
// 2^32 over the golden ratio, which spreads ids that follow one another, and
// the high bits of the product are the well mixed ones.
func (t *table) home(id uint32) uint32 { return id * 0x9e3779b1 >> t.shift }

// find returns the frame of id, or -1.
func (t *table) find(id uint32) int {
	for i := t.home(id); ; i = (i + 1) & t.mask {
		s := t.slots[i]
		if s.frame == 0 {
			return -1
		}
		if s.id == id {
			return int(s.frame - 1)
		}
	}
}

// put adds id, which must not be there.
func (t *table) put(id uint32, frame int) {
	i := t.home(id)
	for t.slots[i].frame != 0 {
		i = (i + 1) & t.mask
	}
	t.slots[i] = slot{id, int32(frame + 1)}
}

// remove takes id out, if it is there, and moves back what stood behind it
// only because it was in the way (Knuth, volume 3, 6.4, algorithm R).
func (t *table) remove(id uint32) {
	i := t.home(id)
	for t.slots[i].id != id || t.slots[i].frame == 0 {
		if t.slots[i].frame == 0 {
			return
		}
		i = (i + 1) & t.mask
	}
	hole := i
	for j := (i + 1) & t.mask; t.slots[j].frame != 0; j = (j + 1) & t.mask {
		if (j-t.home(t.slots[j].id))&t.mask >= (j-hole)&t.mask {
			t.slots[hole] = t.slots[j]
			hole = j
		}
	}
	t.slots[hole] = slot{}
}
