package cache

import (
	"math"
	"sync"

	"github.com/statelab/statelab/internal/arena"
)

// minBuckets is the length of an empty shard's table.
const minBuckets = 64

// A shard is the part of the cache that holds the keys with certain hashes: a
// hash table with chains, and the order in which its entries are to go.
type shard struct {
	mu           sync.Mutex // guards all below, and the links in entries
	arena        *arena.Arena
	buckets      []arena.Ref // first entries of the chains; a power of two of them
	entries      int
	files        map[uint64]arena.Ref // an entry of each file that has any
	policy       policy
	hits, misses [MaxKinds]int64
	closed       bool

	_ [64]byte // keeps the locks of neighbours out of each other's cache lines
}

func (s *shard) init(a *arena.Arena, p policy) {
	s.arena, s.policy = a, p
	s.buckets = make([]arena.Ref, minBuckets)
	s.files = map[uint64]arena.Ref{}
}

func (s *shard) bucket(hash uint64) *arena.Ref { return &s.buckets[hash&uint64(len(s.buckets)-1)] }

// find returns the entry listed under key, or zero.
func (s *shard) find(hash uint64, key Key) arena.Ref {
	for ref := *s.bucket(hash); ref != 0; {
		e := entryOf(s.arena, ref)
		if e.key == key {
			return ref
		}
		ref = e.chain
	}
	return 0
}

// lastUse returns when the entry was last used that the policy considers next;
// if there is none it is never old.
func (s *shard) lastUse() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if ref := s.policy.next(); ref != 0 {
		return entryOf(s.arena, ref).used
	}
	return math.MaxUint64
}

// add lists an entry whose key is not listed.
func (s *shard) add(hash uint64, ref arena.Ref) {
	if s.entries == len(s.buckets) {
		s.grow()
	}
	s.push(hash, ref)
	s.pushOfFile(ref)
	s.entries++
	s.policy.added(ref)
}

func (s *shard) pushOfFile(ref arena.Ref) {
	e := entryOf(s.arena, ref)
	e.before, e.after = 0, s.files[e.key.File]
	if e.after != 0 {
		entryOf(s.arena, e.after).before = ref
	}
	s.files[e.key.File] = ref
}

func (s *shard) removeOfFile(e *entry) {
	if e.after != 0 {
		entryOf(s.arena, e.after).before = e.before
	}
	switch {
	case e.before != 0:
		entryOf(s.arena, e.before).after = e.after
	case e.after != 0:
		s.files[e.key.File] = e.after
	default:
		delete(s.files, e.key.File)
	}
}

func (s *shard) push(hash uint64, ref arena.Ref) {
	b := s.bucket(hash)
	entryOf(s.arena, ref).chain = *b
	*b = ref
}

// grow doubles the table.
func (s *shard) grow() {
	old := s.buckets
	s.buckets = make([]arena.Ref, 2*len(old))
	for _, ref := range old {
		for ref != 0 {
			e := entryOf(s.arena, ref)
			next := e.chain
			s.push(e.key.hash(), ref)
			ref = next
		}
	}
}

// remove takes a listed entry off the lists.
func (s *shard) remove(ref arena.Ref) {
	e := entryOf(s.arena, ref)
	link := s.bucket(e.key.hash())
	for *link != ref {
		link = &entryOf(s.arena, *link).chain
	}
	*link = e.chain
	s.removeOfFile(e)
	s.entries--
	s.policy.removed(ref)
}

// all yields the listed entries; the one yielded may be removed.
func (s *shard) all(yield func(arena.Ref) bool) {
	for _, ref := range s.buckets {
		for ref != 0 {
			next := entryOf(s.arena, ref).chain
			if !yield(ref) {
				return
			}
			ref = next
		}
	}
}
