package mrc

import "fmt"

// A Policy says what a cache gives up first.
type Policy uint8

const (
	// LRU gives up the block that was not used for longest.
	LRU Policy = iota
	// Clock gives up the first block in order of arrival that was not used since
	// it was last considered (Corbató, 1968).
	Clock
	// S3FIFO gives up quickly what was used once (Yang et al., FIFO Queues are All
	// You Need for Cache Eviction, SOSP 2023).
	S3FIFO
)

// Policies returns all policies.
func Policies() []Policy { return []Policy{LRU, Clock, S3FIFO} }

func (p Policy) String() string {
	if names := [...]string{"lru", "clock", "s3fifo"}; int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("policy(%d)", uint8(p))
}

// ParsePolicy is the inverse of String.
func ParsePolicy(name string) (Policy, error) {
	for _, p := range Policies() {
		if p.String() == name {
			return p, nil
		}
	}
	return 0, fmt.Errorf("unknown cache policy %q; one of %v", name, Policies())
}

// A cache says what would be in a cache of so many bytes. Blocks are
// numbers below the count that it was made for, and those that alone are longer
// than the cache are not kept.
type cache interface {
	// lookUp says whether the block is in the cache, and puts it there if not.
	lookUp(block int32, bytes int64) bool
	// forget takes a block that is no more out of the cache, if it is there.
	forget(block int32)
}

func newCache(p Policy, capacity int64, blocks int) cache {
	switch p {
	case Clock:
		return newClock(capacity, blocks)
	case S3FIFO:
		return newS3FIFO(capacity, blocks)
	}
	return newLRU(capacity, blocks)
}

// none is the number of no block, and of no queue.
const none = -1

// An item is a block in one of a cache's queues.
type item struct {
	bytes        int64
	older, newer int32
	queue        int8 // none, or which of the cache's
	uses         uint8
}

// items are those of one cache, by block.
type items []item

func newItems(blocks int) items {
	all := make(items, blocks)
	for i := range all {
		all[i].queue = none
	}
	return all
}

// A queue is some of the items in an order.
type queue struct {
	items          items
	id             int8
	oldest, newest int32
	bytes          int64
}

func newQueue(all items, id int8) queue {
	return queue{items: all, id: id, oldest: none, newest: none}
}

// push makes a block that is in no queue the newest.
func (q *queue) push(block int32, bytes int64) {
	it := &q.items[block]
	it.bytes, it.queue, it.older, it.newer = bytes, q.id, q.newest, none
	if q.newest != none {
		q.items[q.newest].newer = block
	} else {
		q.oldest = block
	}
	q.newest = block
	q.bytes += bytes
}

// take takes a block of the queue out.
func (q *queue) take(block int32) {
	it := &q.items[block]
	if it.older != none {
		q.items[it.older].newer = it.newer
	} else {
		q.oldest = it.newer
	}
	if it.newer != none {
		q.items[it.newer].older = it.older
	} else {
		q.newest = it.older
	}
	it.queue = none
	q.bytes -= it.bytes
}

// renew makes a block of the queue the newest.
func (q *queue) renew(block int32) {
	if block != q.newest {
		bytes := q.items[block].bytes
		q.take(block)
		q.push(block, bytes)
	}
}

// lru keeps its queue in order of use.
type lru struct {
	capacity int64
	queue
}

func newLRU(capacity int64, blocks int) *lru {
	return &lru{capacity, newQueue(newItems(blocks), 0)}
}

func (c *lru) lookUp(block int32, bytes int64) bool {
	if c.items[block].queue != none {
		c.renew(block)
		return true
	}
	if bytes > c.capacity {
		return false
	}
	for c.bytes+bytes > c.capacity {
		c.take(c.oldest)
	}
	c.push(block, bytes)
	return false
}

func (c *lru) forget(block int32) {
	if c.items[block].queue != none {
		c.take(block)
	}
}
