package skiplist

import (
	"fmt"
	"io"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// listIndex is a List as the index of a store, whose records are the owners'
// areas of its nodes.
type listIndex struct{ l *List }

func newListIndex(o ListOptions, a *arena.Arena) (memstore.OldIndex, error) {
	o, err := o.resolve()
	if err != nil {
		return nil, err
	}
	l, err := newList(o, a, memstore.RecordSize)
	if err != nil {
		return nil, err
	}
	return listIndex{l}, nil
}

func (x listIndex) Find(key []byte) arena.Ref {
	if ref, found := x.l.seek(key, nil); found {
		return ref
	}
	return 0
}

func (x listIndex) Insert(key []byte) (ref arena.Ref, added bool, err error) {
	ref, found := x.l.seek(key, &x.l.before)
	if found {
		return ref, false, nil
	}
	if ref, err = x.l.newNode(key, x.l.randomHeight()); err != nil {
		return 0, false, err
	}
	x.l.insert(ref)
	return ref, true, nil
}

func (x listIndex) Remove(ref arena.Ref) { x.l.remove(ref) }

func (x listIndex) First() arena.Ref { return x.l.next(x.l.head, 0) }

func (x listIndex) Last() arena.Ref { return x.orNone(x.l.last()) }

func (x listIndex) SeekGE(key []byte) arena.Ref {
	ref, _ := x.l.seek(key, nil)
	return ref
}

func (x listIndex) SeekLT(key []byte) arena.Ref { return x.orNone(x.l.seekBefore(key)) }

func (x listIndex) Next(ref arena.Ref) arena.Ref { return x.l.next(ref, 0) }

func (x listIndex) Prev(ref arena.Ref) arena.Ref {
	return x.orNone(arena.Ref(x.l.node(ref).prev.Load()))
}

// orNone maps the head to no record.
func (x listIndex) orNone(ref arena.Ref) arena.Ref {
	if ref == x.l.head {
		return 0
	}
	return ref
}

func (x listIndex) Key(ref arena.Ref) []byte { return x.l.key(ref) }

func (x listIndex) Size(ref arena.Ref) int {
	n := x.l.node(ref)
	return x.l.arena.SizeOf(x.l.nodeSize(int(n.keyLen), int(n.height)))
}

func (x listIndex) Len() int { return x.l.Len() }

func (x listIndex) Fixed() int { return x.Size(x.l.head) }

func (x listIndex) Check() error { return x.l.Check() }

func (x listIndex) Dump(w io.Writer) {
	fmt.Fprintf(w, "skip list: %d keys on %d of %d levels\n", x.l.Len(), x.l.height.Load(), x.l.maxHeight)
	x.l.dumpHeights(w)
}
