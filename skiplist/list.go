package skiplist

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"

	"github.com/statelab/statelab/internal/arena"
)

// A List is an ordered map from keys to versions, in off-heap memory. One
// writer adds; any number of readers look on, without locks.
//
//	level 2   head ----------------------> 17 ------------------------> nil
//	level 1   head ------> 08 -----------> 17 ------> 31 -------------> nil
//	level 0   head ------> 08 <---> 12 <-> 17 <-----> 31 <-----> 45 --> nil
//	                       |        |      |          |          |
//	                     seq 9    seq 4  seq 8      seq 7      seq 5
//	                     seq 2           seq 3                 seq 1
//
// A node is one piece of the arena:
//
//	OFFSET  SIZE  FIELD
//	0       U     owner's area; U is 4 for a List of versions: the newest version
//	U       4     previous node at level 0; zero is the head
//	U+4     2     length of the key
//	U+6     1     height h: on how many levels the node stands
//	U+7     1     unused
//	U+8     4h    next nodes, from level 0 up; zero is the end
//	U+8+4h        key
//
// Thread safety: Add and Release need external order. All else may run beside
// Add; nothing may run beside Release or after it. What readers are given
// aliases the arena and is good until Release.
//
// Invariants:
//
//	S1  Keys ascend strictly along each level.
//	S2  Level n+1 is a subsequence of level n; the head stands on all levels.
//	S3  A node's key, height and first version are written before the first
//	    link to it is stored, and key and height never change.
//	S4  Links and the newest version are stored and loaded atomically, so who
//	    has followed a link sees what S3 says. Nodes are linked from level 0
//	    up: whoever does not find a node on one level may find it on a lower one.
//	S5  Versions of a key go from newest to oldest as they were added; a
//	    version and its link to the older one never change.
//	S6  A previous link may lag behind the next links while Add runs, and
//	    then leads past the node that is being added.
//
// It follows that a reader who knows that a version was added (because Add
// returned before, by some order between the two) finds it.
//
// After W. Pugh, "Skip lists: a probabilistic alternative to balanced trees"
// (1990), in the concurrent form of LevelDB's memtable.
type List struct {
	arena     *arena.Arena
	user      int // size of the owner's area
	head      arena.Ref
	maxHeight int
	threshold uint32 // a node rises a level if a random word is below it

	height atomic.Int32 // levels in use, at least 1
	length atomic.Int64

	random uint64               // state of the generator of heights
	before [maxHeight]arena.Ref // the writer's: last node before the key, by level
}

// nodeHead is what follows the owner's area in a node.
type nodeHead struct {
	prev   atomic.Uint32
	keyLen uint16
	height uint8
	_      uint8
}

const (
	nodeHeadSize = 8
	linkSize     = 4
)

// ListOptions are the settings of a List. The zero value works.
type ListOptions struct {
	// MaxHeight is the greatest number of levels, from 1 to 24; zero is 16.
	MaxHeight int
	// Branching is how many nodes of a level there are for one that also
	// stands on the next, from 2 to 256; zero is 4, Pugh's advice where
	// memory counts: a third of a link more than a plain list, at the
	// price of a few more comparisons.
	Branching int
	// ChunkSize is how much memory is taken from the system at a time, in
	// bytes, at least 4096; it is rounded up to a power of two, and zero is
	// 1 MiB. Larger records get chunks of their own.
	ChunkSize int
	// Seed makes the sequence of heights, which is the same for the same seed.
	Seed uint64
}

const (
	maxHeight        = 24
	defaultHeight    = 16
	defaultBranching = 4
	defaultChunkSize = 1 << 20
	maxBranching     = 256
	minChunkSize     = 4096
	maxChunkSize     = 1 << 30
)

func (o ListOptions) resolve() (ListOptions, error) {
	set := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	set(&o.MaxHeight, defaultHeight)
	set(&o.Branching, defaultBranching)
	set(&o.ChunkSize, defaultChunkSize)
	var faults []error
	if o.MaxHeight < 1 || o.MaxHeight > maxHeight {
		faults = append(faults, fmt.Errorf("MaxHeight is %d, not from 1 to %d", o.MaxHeight, maxHeight))
	}
	if o.Branching < 2 || o.Branching > maxBranching {
		faults = append(faults, fmt.Errorf("Branching is %d, not from 2 to %d", o.Branching, maxBranching))
	}
	if o.ChunkSize < minChunkSize || o.ChunkSize > maxChunkSize {
		faults = append(faults, fmt.Errorf("ChunkSize is %d, not from %d to %d", o.ChunkSize, minChunkSize, maxChunkSize))
	}
	if len(faults) > 0 {
		return o, fmt.Errorf("list options: %w", errors.Join(faults...))
	}
	return o, nil
}

// NewList returns an empty list of versions. Its errors are those of the
// options, and that the system has no memory. It must be released.
func NewList(o ListOptions) (*List, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	return newList(o, arena.NewBump(o.ChunkSize), int(unsafe.Sizeof(atomic.Uint32{})))
}

// newList returns an empty list whose nodes lie in a and begin with user
// bytes, a multiple of 4, that are the owner's.
func newList(o ListOptions, a *arena.Arena, user int) (*List, error) {
	l := &List{
		arena:     a,
		user:      user,
		maxHeight: o.MaxHeight,
		threshold: uint32((math.MaxUint32 + 1) / uint64(o.Branching)),
		random:    o.Seed,
	}
	l.height.Store(1)
	head, err := l.newNode(nil, o.MaxHeight)
	if err != nil {
		a.Release()
		return nil, fmt.Errorf("new list: %w", err)
	}
	l.head = head
	return l, nil
}

// Len returns the number of keys.
func (l *List) Len() int { return int(l.length.Load()) }

// Bytes returns the memory in use by nodes and versions, in bytes.
func (l *List) Bytes() int64 { return l.arena.InUse() }

// Release gives the memory back.
func (l *List) Release() { l.arena.Release() }

// newNode makes a node that is not linked yet. Memory that was used before is
// not zero, so every field is written.
func (l *List) newNode(key []byte, height int) (arena.Ref, error) {
	ref, err := l.arena.Alloc(l.nodeSize(len(key), height))
	if err != nil {
		return 0, err
	}
	clear(l.arena.Bytes(ref, 0, l.user+nodeHeadSize+height*linkSize))
	n := l.node(ref)
	n.keyLen, n.height = uint16(len(key)), uint8(height)
	copy(l.key(ref), key)
	return ref, nil
}

func (l *List) nodeSize(keyLen, height int) int {
	return l.user + nodeHeadSize + height*linkSize + keyLen
}

func (l *List) node(ref arena.Ref) *nodeHead {
	return (*nodeHead)(unsafe.Add(l.arena.Ptr(ref), l.user))
}

// link returns the node's link on a level that it stands on.
func (l *List) link(ref arena.Ref, level int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Add(l.arena.Ptr(ref), l.user+nodeHeadSize+level*linkSize))
}

func (l *List) next(ref arena.Ref, level int) arena.Ref {
	return arena.Ref(l.link(ref, level).Load())
}

func (l *List) key(ref arena.Ref) []byte {
	p := l.arena.Ptr(ref)
	n := (*nodeHead)(unsafe.Add(p, l.user))
	return arena.Slice(p, l.user+nodeHeadSize+int(n.height)*linkSize, int(n.keyLen))
}

// seek returns the first node with a key >= key, or 0, and whether its key is
// key. If before is not nil it is filled with the last node before key on each
// level, or the head.
func (l *List) seek(key []byte, before *[maxHeight]arena.Ref) (arena.Ref, bool) {
	at, bound := l.head, arena.Ref(0) // bound is known to be >= key, or the end
	found := false
	for level := int(l.height.Load()) - 1; level >= 0; level-- {
		for {
			next := l.next(at, level)
			if next == bound {
				break
			}
			order := bytes.Compare(l.key(next), key)
			if order >= 0 {
				bound, found = next, order == 0
				break
			}
			at = next
		}
		if before != nil {
			before[level] = at
		} else if found {
			break
		}
	}
	return bound, found
}

// seekBefore returns the last node with a key < key, or the head.
func (l *List) seekBefore(key []byte) arena.Ref {
	at, bound := l.head, arena.Ref(0)
	for level := int(l.height.Load()) - 1; level >= 0; level-- {
		for {
			next := l.next(at, level)
			if next == bound {
				break
			}
			if bytes.Compare(l.key(next), key) >= 0 {
				bound = next
				break
			}
			at = next
		}
	}
	return at
}

// last returns the last node, or the head.
func (l *List) last() arena.Ref {
	at := l.head
	for level := int(l.height.Load()) - 1; level >= 0; level-- {
		for next := l.next(at, level); next != 0; next = l.next(at, level) {
			at = next
		}
	}
	return at
}

// insert links a node after l.before, which seek has filled for its key.
func (l *List) insert(ref arena.Ref) {
	height := int(l.node(ref).height)
	for level := int(l.height.Load()); level < height; level++ {
		l.before[level] = l.head
	}
	after := l.next(l.before[0], 0)
	l.node(ref).prev.Store(uint32(l.before[0]))
	for level := range height {
		l.link(ref, level).Store(l.link(l.before[level], level).Load())
	}
	for level := range height {
		l.link(l.before[level], level).Store(uint32(ref))
	}
	if after != 0 {
		l.node(after).prev.Store(uint32(ref))
	}
	if height > int(l.height.Load()) {
		l.height.Store(int32(height))
	}
	l.length.Add(1)
}

// randomHeight draws the next height. The generator is splitmix64 (G. Steele
// and others, "Fast splittable pseudorandom number generators", 2014).
func (l *List) randomHeight() int {
	height := 1
	for height < l.maxHeight {
		l.random += 0x9e3779b97f4a7c15
		x := l.random
		x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
		x = (x ^ x>>27) * 0x94d049bb133111eb
		if uint32((x^x>>31)>>32) >= l.threshold {
			break
		}
		height++
	}
	return height
}
