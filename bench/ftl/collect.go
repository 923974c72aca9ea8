package ftl

// makeRoom sees to it that a stream has an open block, which then has room for a
// page, and that a block is free beyond it (A6).
func (d *Device) makeRoom(stream int) {
	for d.open[stream] == nowhere {
		if len(d.free) > 1 {
			d.openBlock(stream)
		} else {
			d.collect()
		}
	}
}

// openBlock gives a stream an erased block.
func (d *Device) openBlock(stream int) {
	last := len(d.free) - 1
	d.open[stream] = d.free[last]
	d.free = d.free[:last]
}

// collect moves the valid pages of a victim and erases it. It needs one
// free block, and leaves one: either what it moved fitted into the open block, or it has
// opened the free one. It makes progress because the blocks that are closed when it is called have
// more room than there are logical pages (Config.blocks), so that one of them has a dead page.
func (d *Device) collect() {
	victim := d.victim()
	b := &d.blocks[victim]
	d.queues.remove(d.blocks, victim, d.queueOf(b))
	stream := d.relocationStream()
	first := victim * d.per
	for at := first; b.valid > 0; at++ {
		page := d.owner[at]
		if page == nowhere {
			continue
		}
		if d.open[stream] == nowhere {
			d.openBlock(stream)
		}
		d.owner[at] = nowhere
		b.valid--
		d.valid--
		d.program(page, stream, b.youngest)
		d.count.Relocated++
	}
	*b = block{}
	d.free = append(d.free, victim)
	d.count.Erased++
}

// victim returns the block to collect.
func (d *Device) victim() uint32 {
	if d.config.GC == CostBenefit {
		return d.worthiest()
	}
	return d.queues.first()
}

// worthiest returns the closed block whose collection is worth most. A block
// without a valid page costs nothing, and one without a dead page is worth nothing;
// of equals it takes the first.
func (d *Device) worthiest() uint32 {
	if empty := d.queues.ends[0].head; empty != nowhere {
		return empty
	}
	best, bestScore := uint32(nowhere), -1.0
	for i := range d.blocks {
		b := &d.blocks[i]
		if b.filled < d.per {
			continue
		}
		u := float64(b.valid) / float64(d.per)
		score := float64(d.count.Host-b.youngest+1) * (1 - u) / (2 * u)
		if score > bestScore {
			best, bestScore = uint32(i), score
		}
	}
	return best
}

// queueOf returns the queue a closed block belongs to.
func (d *Device) queueOf(b *block) uint32 {
	if d.config.GC == FIFO {
		return 0
	}
	return b.valid
}

// queues hold the closed blocks by valid count, in the order in which they came
// to have it. Taking a block from the lowest costs O(1) amortised: least only
// rises past queues that are empty, and falls by one when a page dies.
type queues struct {
	ends  []queue
	least uint32 // no queue below it is occupied
}

type queue struct{ head, tail uint32 }

func newQueues(n int) queues {
	q := queues{ends: make([]queue, n), least: uint32(n - 1)}
	for i := range q.ends {
		q.ends[i] = queue{nowhere, nowhere}
	}
	return q
}

func (q *queues) add(blocks []block, n, count uint32) {
	e := &q.ends[count]
	blocks[n].prev, blocks[n].next = e.tail, nowhere
	if e.tail == nowhere {
		e.head = n
	} else {
		blocks[e.tail].next = n
	}
	e.tail = n
	q.least = min(q.least, count)
}

func (q *queues) remove(blocks []block, n, count uint32) {
	e := &q.ends[count]
	prev, next := blocks[n].prev, blocks[n].next
	if prev == nowhere {
		e.head = next
	} else {
		blocks[prev].next = next
	}
	if next == nowhere {
		e.tail = prev
	} else {
		blocks[next].prev = prev
	}
}

// first returns the block at the head of the lowest occupied queue. There is one.
func (q *queues) first() uint32 {
	for q.ends[q.least].head == nowhere {
		q.least++
	}
	return q.ends[q.least].head
}
