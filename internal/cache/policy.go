package cache

import (
	"fmt"

	"github.com/statelab/statelab/internal/arena"
)

// A Policy says which block is given up for another.
type Policy uint8

const (
	// LRU gives up the block that was not used for longest.
	LRU Policy = iota
	// Clock gives up the first block in order of arrival that was not used
	// since it was last considered (Corbató, 1968). A hit costs it one store.
	Clock
	// S3FIFO lets what is new pass through a short queue first, and only what was
	// used more than once there, or comes back soon after it was given up, into the
	// long one (Yang and others, "FIFO queues are all you need for cache eviction",
	// SOSP 2023). So a scan takes little else along. A hit costs one store.
	S3FIFO
)

// PolicyNames returns the names of the policies, by value.
func PolicyNames() []string { return []string{"lru", "clock", "s3fifo"} }

func (p Policy) String() string {
	if names := PolicyNames(); int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("policy(%d)", uint8(p))
}

// A policy orders the listed entries of one shard. It is called with the
// shard's lock held.
type policy interface {
	added(ref arena.Ref)
	hit(ref arena.Ref)
	removed(ref arena.Ref)
	// next returns the entry that victim considers first, or zero.
	next() arena.Ref
	// victim returns the entry to evict next, which has no handles, or zero if
	// there is none.
	victim() arena.Ref
}

func newPolicy(p Policy, a *arena.Arena) policy {
	l := list{arena: a}
	switch p {
	case LRU:
		return &lru{l}
	case Clock:
		return &clock{l}
	case S3FIFO:
		return &s3fifo{small: l, main: l}
	}
	panic(fmt.Sprintf("cache: unknown %v", p))
}

// A list is a queue of entries, linked through their headers.
type list struct {
	arena          *arena.Arena
	oldest, newest arena.Ref
	n              int
	bytes          int64 // of blocks and headers
}

func (l *list) next() arena.Ref { return l.oldest }

// push makes an entry the newest.
func (l *list) push(ref arena.Ref) {
	e := entryOf(l.arena, ref)
	e.older, e.newer = l.newest, 0
	if l.newest != 0 {
		entryOf(l.arena, l.newest).newer = ref
	} else {
		l.oldest = ref
	}
	l.newest = ref
	l.n++
	l.bytes += int64(headerSize) + int64(e.size)
}

func (l *list) unlink(ref arena.Ref) {
	e := entryOf(l.arena, ref)
	if e.older != 0 {
		entryOf(l.arena, e.older).newer = e.newer
	} else {
		l.oldest = e.newer
	}
	if e.newer != 0 {
		entryOf(l.arena, e.newer).older = e.older
	} else {
		l.newest = e.older
	}
	l.n--
	l.bytes -= int64(headerSize) + int64(e.size)
}

// renew makes an entry of the list the newest.
func (l *list) renew(ref arena.Ref) {
	if ref != l.newest {
		l.unlink(ref)
		l.push(ref)
	}
}

func (l *list) pinned(ref arena.Ref) bool { return entryOf(l.arena, ref).refs.Load() > 1 }

// lru keeps the list in order of use.
type lru struct{ list }

func (p *lru) added(ref arena.Ref)   { p.push(ref) }
func (p *lru) removed(ref arena.Ref) { p.unlink(ref) }

func (p *lru) hit(ref arena.Ref) { p.renew(ref) }

// victim takes entries with handles, which are in use now, for just used.
func (p *lru) victim() arena.Ref {
	for range p.n {
		ref := p.oldest
		if !p.pinned(ref) {
			return ref
		}
		p.renew(ref)
	}
	return 0
}

// clock keeps the list in order of arrival, and marks what was used. That the
// hand passes an entry is that it goes to the list's other end.
type clock struct{ list }

func (p *clock) added(ref arena.Ref)   { p.push(ref) }
func (p *clock) removed(ref arena.Ref) { p.unlink(ref) }
func (p *clock) hit(ref arena.Ref)     { entryOf(p.arena, ref).uses = 1 }

// victim goes round twice at most: the first time may only take marks away.
func (p *clock) victim() arena.Ref {
	for range 2 * p.n {
		ref := p.oldest
		e := entryOf(p.arena, ref)
		if e.uses == 0 && !p.pinned(ref) {
			return ref
		}
		e.uses = 0
		p.renew(ref)
	}
	return 0
}
