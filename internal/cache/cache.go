// Package cache keeps blocks of files in memory, off the Go heap, within a
// budget of bytes.
//
//	key ──hash──▶ shard: table ──▶ entry ──▶ entry       (a chain)
//	                     policy: oldest ◀─▶ ... ◀─▶ newest
//	                     files: file ──▶ entry ◀─▶ entry   (those of the file)
//
//	entry, one piece of the arena:   [ header, 56 bytes | the block ]
//
// An entry is a header and a block, together in one piece of an arena, and its
// links are arena references; so a million cached blocks are no more objects to
// the garbage collector than ten. A reader holds a [Handle], which pins the
// entry: its bytes stay where they are until the handle is released, whatever
// the cache does meanwhile.
//
// Invariants:
//
//	C1  An entry's references count its handles, and one for the table if it is listed there; who takes the last one frees the entry.
//	C2  Handles to listed entries are made under the shard's lock, so an entry seen there without one stays without one; only such are evicted to make room.
//	C3  Used counts every entry from Alloc until it is freed, headers and rounding included. It exceeds the budget only by what handles pin.
//	C4  A block never changes once it is listed.
package cache

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// A Key names a block: a file's number, never used twice, and the block's
// offset in it.
type Key struct{ File, Offset uint64 }

// A Kind says what a block is for; it is an index into Options.Kinds.
type Kind uint8

// MaxKinds is how many kinds a cache tells apart at most.
const MaxKinds = 8

// Options of a cache.
type Options struct {
	Budget int64 // bytes; zero caches nothing
	Policy Policy
	Kinds  []string // the names of the kinds of blocks, at most MaxKinds
}

// A shard for each so many bytes of budget, up to the limit: fewer would make
// readers wait for each other, more would make policies choose among too few.
const (
	shardBytes = 4 << 20
	maxShards  = 16
)

// A Cache is safe for concurrent use.
type Cache struct {
	kinds  []string
	shards []shard
	order  []*shard // the same
	shift  uint8    // of a hash, to its shard; 64 gives 0, the only one

	budget atomic.Int64
	used   atomic.Int64
	time   atomic.Uint64 // counts Allocs
	turn   atomic.Uint64 // counts evictions

	// mu guards the arena's Alloc, Free and Release, and what follows. It is
	// taken after a shard's lock.
	mu     sync.Mutex
	arena  *arena.Arena
	live   int64 // entries not freed
	closed bool
}

// New returns an empty cache.
func New(o Options) *Cache {
	if len(o.Kinds) > MaxKinds {
		panic(fmt.Sprintf("cache: %d kinds, more than %d", len(o.Kinds), MaxKinds))
	}
	n := 1
	for n < maxShards && int64(n)*2*shardBytes <= o.Budget {
		n *= 2
	}
	c := &Cache{kinds: o.Kinds, arena: arena.NewSlabs(), shards: make([]shard, n), shift: uint8(64 - bits.TrailingZeros(uint(n)))}
	for i := range c.shards {
		c.shards[i].init(c.arena, newPolicy(o.Policy, c.arena))
		c.order = append(c.order, &c.shards[i])
	}
	c.budget.Store(o.Budget)
	return c
}

// hash spreads keys over shards (by its high bits) and chains (by its low
// bits). It is the finalizer of splitmix64; blocks of one file lie at offsets
// that differ in few bits.
func (k Key) hash() uint64 {
	h := k.File*0x9e3779b97f4a7c15 ^ k.Offset
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// Get returns a handle to the block at key, which the caller must release, and
// counts a hit or miss of the kind. It does not allocate.
func (c *Cache) Get(key Key, kind Kind) (Handle, bool) {
	hash := key.hash()
	s := &c.shards[hash>>c.shift]
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.find(hash, key)
	if ref == 0 {
		s.misses[kind]++
		return Handle{}, false
	}
	s.hits[kind]++
	entryOf(c.arena, ref).used = c.time.Load()
	s.policy.hit(ref)
	return c.pin(ref), true
}

// pin makes a handle to an entry that cannot go away.
func (c *Cache) pin(ref arena.Ref) Handle {
	e := entryOf(c.arena, ref)
	e.refs.Add(1)
	return Handle{c: c, ref: ref, block: c.arena.Bytes(ref, headerSize, int(e.size))}
}

// Alloc returns a handle to a new block of n bytes for key. Nobody else knows
// of it: the caller fills it and gives it to Insert, or releases it. Others are
// evicted to make room. The only errors are that the system has no memory and
// that the cache is closed.
func (c *Cache) Alloc(key Key, n int) (Handle, error) {
	at := key.hash() >> c.shift
	charge := int64(c.Charge(n))
	if charge <= c.budget.Load() { // else making room would be in vain
		c.makeRoom(at, charge)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return Handle{}, fmt.Errorf("block cache: %w", statelab.ErrClosed)
	}
	ref, err := c.arena.Alloc(headerSize + n)
	if err != nil {
		return Handle{}, fmt.Errorf("block cache: %w", err)
	}
	c.live++
	c.used.Add(charge)
	e := entryOf(c.arena, ref)
	*e = entry{key: key, size: uint32(n), shard: uint8(at), used: c.time.Add(1)}
	e.refs.Store(1)
	return Handle{c: c, ref: ref, block: c.arena.Bytes(ref, headerSize, n)}, nil
}

// Insert lists the block of h, which came from Alloc and is filled, under its
// key, and returns the handle to use from then on: to another block if one was
// listed there meanwhile, which must hold the same. The bytes must not be
// changed any more. A block that alone exceeds the budget is not listed.
func (c *Cache) Insert(h Handle) Handle {
	e := entryOf(c.arena, h.ref)
	hash := e.key.hash()
	s := &c.shards[e.shard]
	s.mu.Lock()
	if ref := s.find(hash, e.key); ref != 0 {
		listed := c.pin(ref)
		s.mu.Unlock()
		h.Release()
		return listed
	}
	if !s.closed && int64(c.Charge(int(e.size))) <= c.budget.Load() {
		e.refs.Add(1)
		s.add(hash, h.ref)
	}
	s.mu.Unlock()
	return h
}

// Add lists a copy of block under key, as Alloc and Insert do.
func (c *Cache) Add(key Key, block []byte) (Handle, error) {
	h, err := c.Alloc(key, len(block))
	if err != nil {
		return Handle{}, err
	}
	copy(h.block, block)
	return c.Insert(h), nil
}

// Drop takes the blocks of a file that is no more out of the cache, also those with
// handles: they are freed when the last is released. It looks at no others.
func (c *Cache) Drop(file uint64) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for ref := s.files[file]; ref != 0; ref = s.files[file] {
			c.evict(s, ref)
		}
		s.mu.Unlock()
	}
}

// Resize sets the budget, and evicts what is over it.
func (c *Cache) Resize(budget int64) {
	c.budget.Store(budget)
	c.makeRoom(0, 0)
}

// makeRoom evicts until need bytes more fit into the budget, or nothing is left
// to evict. Each time it compares two shards, at and another in turn, and takes
// from the one whose entries are in less recent use. If it always took from at,
// a shard that once gave up a large block for a small one would be left with
// less than the others, and would have to give up what is used most, over and
// over: filters are hundreds of times as long as other blocks.
func (c *Cache) makeRoom(at uint64, need int64) {
	for c.over(need) {
		s := &c.shards[at]
		if other := &c.shards[c.turn.Add(1)%uint64(len(c.shards))]; other.lastUse() < s.lastUse() {
			s = other
		}
		if !c.evictFrom(s) && !slices.ContainsFunc(c.order, c.evictFrom) {
			return
		}
	}
}

// evictFrom evicts one entry of s, if there is one without handles.
func (c *Cache) evictFrom(s *shard) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ref := s.policy.victim()
	if ref == 0 {
		return false
	}
	c.evict(s, ref)
	return true
}

func (c *Cache) over(need int64) bool { return c.used.Load()+need > c.budget.Load() }

// evict takes an entry out of its shard, whose lock is held.
func (c *Cache) evict(s *shard, ref arena.Ref) {
	s.remove(ref)
	c.unref(ref)
}

// unref takes a reference from an entry, and frees it if that was the last. (C1)
func (c *Cache) unref(ref arena.Ref) {
	e := entryOf(c.arena, ref)
	size := headerSize + int(e.size)
	if e.refs.Add(-1) > 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.arena.Free(ref, size)
	c.used.Add(-int64(c.arena.SizeOf(size)))
	c.live--
	c.releaseIfDone()
}

// releaseIfDone gives the memory back if the cache is closed and no handle is
// out. The caller holds c.mu.
func (c *Cache) releaseIfDone() {
	if c.closed && c.live == 0 {
		c.arena.Release()
	}
}

// Charge returns the bytes that an entry with a block of n bytes takes.
func (c *Cache) Charge(n int) int { return c.arena.SizeOf(headerSize + n) }

// Used returns the bytes that entries take, those in use only by handles included.
func (c *Cache) Used() int64 { return c.used.Load() }

// Stats returns hits and misses by kind.
func (c *Cache) Stats() []statelab.CacheStats {
	stats := make([]statelab.CacheStats, len(c.kinds))
	for kind, name := range c.kinds {
		stats[kind].Kind = name
	}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for kind := range stats {
			stats[kind].Hits += s.hits[kind]
			stats[kind].Misses += s.misses[kind]
		}
		s.mu.Unlock()
	}
	return stats
}

// Close evicts everything. Memory under handles that are still out lives until
// the last of them is released; then all of it is given back.
func (c *Cache) Close() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		s.closed = true
		for ref := range s.all {
			c.evict(s, ref)
		}
		s.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.releaseIfDone()
}
