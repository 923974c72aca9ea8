package skiplist

import (
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// A version is one piece of the arena:
//
//	OFFSET  SIZE  FIELD
//	0       8     sequence
//	8       8     expiry
//	16      4     next older version of the key; zero is none
//	20      4     kind (2 high bits) and length of the element
//	24            element
//
// statelab.MaxRecordSize needs 29 bits, so the kind fits beside the length.
type versionHead struct {
	seq      uint64
	expireAt int64
	older    arena.Ref
	meta     uint32
}

const (
	versionHeadSize = 24
	kindShift       = 30
	lengthMask      = 1<<kindShift - 1
)

// Add adds op as the newest version of its key, with a sequence that is not
// less than those already there. Key and value are copied. The only error is
// that there is no memory; nothing is added then.
func (l *List) Add(seq uint64, op statelab.Op) error {
	version, err := l.newVersion(seq, op)
	if err != nil {
		return err
	}
	ref, found := l.seek(op.Key, &l.before)
	if found {
		newest := l.newest(ref)
		l.version(version).older = arena.Ref(newest.Load())
		newest.Store(uint32(version))
		return nil
	}
	ref, err = l.newNode(op.Key, l.randomHeight())
	if err != nil {
		return err
	}
	l.newest(ref).Store(uint32(version))
	l.insert(ref)
	return nil
}

func (l *List) newVersion(seq uint64, op statelab.Op) (arena.Ref, error) {
	ref, err := l.arena.Alloc(versionHeadSize + len(op.Value))
	if err != nil {
		return 0, err
	}
	*l.version(ref) = versionHead{
		seq:      seq,
		expireAt: op.ExpireAt,
		meta:     uint32(op.Kind)<<kindShift | uint32(len(op.Value)),
	}
	copy(l.arena.Bytes(ref, versionHeadSize, len(op.Value)), op.Value)
	return ref, nil
}

// newest is the owner's area of a list of versions.
func (l *List) newest(ref arena.Ref) *atomic.Uint32 {
	return (*atomic.Uint32)(l.arena.Ptr(ref))
}

func (l *List) version(ref arena.Ref) *versionHead {
	return (*versionHead)(l.arena.Ptr(ref))
}

// A Version is what one operation made of a key. Value aliases the list.
type Version struct {
	Seq      uint64
	Kind     statelab.OpKind
	ExpireAt int64
	Value    []byte

	list  *List
	older arena.Ref
}

// Older returns the version that was the newest before this one was added.
func (v *Version) Older() (Version, bool) { return v.list.versionAt(v.older) }

func (l *List) versionAt(ref arena.Ref) (Version, bool) {
	if ref == 0 {
		return Version{}, false
	}
	p := l.arena.Ptr(ref)
	h := (*versionHead)(p)
	return Version{
		Seq:      h.seq,
		Kind:     statelab.OpKind(h.meta >> kindShift),
		ExpireAt: h.expireAt,
		Value:    arena.Slice(p, versionHeadSize, int(h.meta&lengthMask)),
		list:     l,
		older:    h.older,
	}, true
}

// A Node is a key of a list, with its versions.
type Node struct {
	list *List
	ref  arena.Ref
}

// Find returns the node of key.
func (l *List) Find(key []byte) (Node, bool) {
	ref, found := l.seek(key, nil)
	return Node{l, ref}, found
}

// First returns the node with the least key.
func (l *List) First() (Node, bool) { return l.nodeAt(l.next(l.head, 0)) }

// Last returns the node with the greatest key.
func (l *List) Last() (Node, bool) { return l.nodeAt(l.last()) }

// SeekGE returns the first node with a key >= key.
func (l *List) SeekGE(key []byte) (Node, bool) {
	ref, _ := l.seek(key, nil)
	return l.nodeAt(ref)
}

// SeekLT returns the last node with a key < key.
func (l *List) SeekLT(key []byte) (Node, bool) { return l.nodeAt(l.seekBefore(key)) }

// nodeAt returns false for the end and for the head.
func (l *List) nodeAt(ref arena.Ref) (Node, bool) {
	return Node{l, ref}, ref != 0 && ref != l.head
}

// Key returns the key, which aliases the list.
func (n Node) Key() []byte { return n.list.key(n.ref) }

// Next returns the node with the next greater key.
func (n Node) Next() (Node, bool) { return n.list.nodeAt(n.list.next(n.ref, 0)) }

// Prev returns the node with the next smaller key. Beside a writer it may pass
// over keys that were added after the reader came to n (S6).
func (n Node) Prev() (Node, bool) {
	return n.list.nodeAt(arena.Ref(n.list.node(n.ref).prev.Load()))
}

// Newest returns the version that was added last.
func (n Node) Newest() Version {
	v, _ := n.list.versionAt(arena.Ref(n.list.newest(n.ref).Load()))
	return v
}
