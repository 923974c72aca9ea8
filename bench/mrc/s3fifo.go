package mrc

// s3fifo has three queues in order of arrival. What is new goes to small, a
// tenth of the cache; what was looked up more than once there goes on to
// main, where each use is worth another round; the rest leaves the cache and is
// remembered in ghost, and goes to main at once if it comes back. As in the paper
// ghost remembers as much as main holds.
type s3fifo struct {
	capacity, smallCapacity int64
	items                   items
	small, main, ghost      queue
}

// The queues' ids, and the numbers of the paper: what small has of ten parts,
// how many uses are counted, and how many it takes to go from small to main.
const (
	inSmall, inMain, inGhost = 0, 1, 2

	smallParts = 10
	maxUses    = 3
	usesToStay = 2
)

func newS3FIFO(capacity int64, blocks int) *s3fifo {
	all := newItems(blocks)
	return &s3fifo{
		capacity: capacity, smallCapacity: capacity / smallParts, items: all,
		small: newQueue(all, inSmall), main: newQueue(all, inMain), ghost: newQueue(all, inGhost),
	}
}

func (c *s3fifo) lookUp(block int32, bytes int64) bool {
	it := &c.items[block]
	if it.queue == inSmall || it.queue == inMain {
		it.uses = min(it.uses+1, maxUses)
		return true
	}
	if bytes > c.capacity {
		return false
	}
	for c.small.bytes+c.main.bytes+bytes > c.capacity {
		c.evict()
	}
	it.uses = 0
	if it.queue == inGhost {
		c.ghost.take(block)
		c.main.push(block, bytes)
	} else {
		c.small.push(block, bytes)
	}
	return false
}

// evict moves the cache one block nearer to having room.
func (c *s3fifo) evict() {
	if c.small.bytes > c.smallCapacity || c.main.oldest == none {
		c.leaveSmall()
		return
	}
	block := c.main.oldest
	it := &c.items[block]
	if it.uses == 0 {
		c.main.take(block)
		return
	}
	it.uses--
	c.main.renew(block)
}

func (c *s3fifo) leaveSmall() {
	block := c.small.oldest
	it := &c.items[block]
	c.small.take(block)
	if it.uses >= usesToStay {
		it.uses = 0
		c.main.push(block, it.bytes)
		return
	}
	c.ghost.push(block, it.bytes)
	for c.ghost.bytes > c.capacity-c.smallCapacity {
		c.ghost.take(c.ghost.oldest)
	}
}

func (c *s3fifo) forget(block int32) {
	switch c.items[block].queue {
	case inSmall:
		c.small.take(block)
	case inMain:
		c.main.take(block)
	case inGhost:
		c.ghost.take(block)
	}
}
