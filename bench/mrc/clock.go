package mrc

// clock keeps its queue in order of arrival and marks what was used. That the
// hand passes a block is that it goes to the queue's other end.
type clock struct {
	capacity int64
	queue
}

func newClock(capacity int64, blocks int) *clock {
	return &clock{capacity, newQueue(newItems(blocks), 0)}
}

func (c *clock) lookUp(block int32, bytes int64) bool {
	it := &c.items[block]
	if it.queue != none {
		it.uses = 1
		return true
	}
	if bytes > c.capacity {
		return false
	}
	for c.bytes+bytes > c.capacity {
		c.turn()
	}
	it.uses = 0
	c.push(block, bytes)
	return false
}

// turn moves the hand on by one block, and evicts it if it has no mark.
func (c *clock) turn() {
	it := &c.items[c.oldest]
	if it.uses == 0 {
		c.take(c.oldest)
		return
	}
	it.uses = 0
	c.renew(c.oldest)
}

func (c *clock) forget(block int32) {
	if c.items[block].queue != none {
		c.take(block)
	}
}
