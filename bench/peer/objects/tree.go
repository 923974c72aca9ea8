package objects

import (
	"unsafe"

	"github.com/tidwall/btree"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/single"
)

// objects are the state: a tree of objects by key and, unless byKey is nil, a
// map. It implements single.Tree.
type objects struct {
	fields int
	byKey  map[string]*object
	order  *btree.BTreeG[*object]
	sought object // what the tree is asked for
	value  []byte // what Get has returned
	bytes  int64  // of keys and encoded values
	idle   *pointer
}

func newObjects(index Index, fields int) *objects {
	less := func(a, b *object) bool { return a.key < b.key }
	t := &objects{fields: fields, order: btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})}
	if index == IndexMap {
		t.byKey = map[string]*object{}
	}
	return t
}

// pivot is an object to look for, until the next call. Its key is that of the
// caller, who does not change it meanwhile: a string of its own would be garbage.
func (t *objects) pivot(key []byte) *object {
	t.sought.key = unsafe.String(unsafe.SliceData(key), len(key))
	return &t.sought
}

func (t *objects) find(key []byte) (*object, bool) {
	if t.byKey != nil {
		o, found := t.byKey[string(key)]
		return o, found
	}
	return t.order.Get(t.pivot(key))
}

// Get implements single.Tree.
func (t *objects) Get(key []byte) ([]byte, bool, error) {
	o, found := t.find(key)
	if !found {
		return nil, false, nil
	}
	t.value = o.appendValue(t.value[:0])
	return t.value, true, nil
}

// Apply implements single.Tree. Nothing survives a crash, durable or not.
func (t *objects) Apply(changes []single.Change, _ bool) error {
	for i := range changes {
		c := &changes[i]
		if c.Delete {
			t.remove(c.Key)
			continue
		}
		o, err := decode(c.Key, c.Value, t.fields)
		if err != nil {
			return err
		}
		t.bytes += int64(len(c.Key) + len(c.Value))
		if replaced, was := t.order.Set(o); was {
			t.forget(replaced)
		}
		if t.byKey != nil {
			delete(t.byKey, o.key) // or the map keeps the key of the object that was replaced
			t.byKey[o.key] = o
		}
	}
	return nil
}

func (t *objects) remove(key []byte) {
	removed, was := t.order.Delete(t.pivot(key))
	if !was {
		return
	}
	t.forget(removed)
	if t.byKey != nil {
		delete(t.byKey, removed.key)
	}
}

// forget takes an object out of the count.
func (t *objects) forget(o *object) {
	t.value = o.appendValue(t.value[:0])
	t.bytes -= int64(len(o.key) + len(t.value))
}

// Sync implements single.Tree: there is nothing that could be made durable.
func (t *objects) Sync() error { return nil }

// Fill implements single.Tree. What objects, nodes and the map add to the bytes
// of keys and values is not counted; resident memory shows it.
func (t *objects) Fill(s *statelab.Stats) { s.Memory = t.bytes }

// Close implements single.Tree.
func (t *objects) Close() error { return nil }

// Pointer implements single.Tree.
func (t *objects) Pointer() single.Pointer {
	p := t.idle
	if p == nil {
		p = &pointer{of: t}
	}
	t.idle = nil
	return p
}

// A pointer is the tree's iterator as a single.Pointer.
type pointer struct {
	of         *objects
	iter       btree.IterG[*object]
	key, value []byte
}

func (p *pointer) SeekGE(key []byte) bool {
	p.iter = p.of.order.Iter()
	return p.iter.Seek(p.of.pivot(key))
}

func (p *pointer) SeekLT(key []byte) bool {
	if p.SeekGE(key) {
		return p.iter.Prev()
	}
	p.iter = p.of.order.Iter()
	return p.iter.Last()
}

func (p *pointer) Next() bool { return p.iter.Next() }
func (p *pointer) Prev() bool { return p.iter.Prev() }
func (p *pointer) Err() error { return nil }

func (p *pointer) Key() []byte {
	p.key = append(p.key[:0], p.iter.Item().key...)
	return p.key
}

func (p *pointer) Value() []byte {
	p.value = p.iter.Item().appendValue(p.value[:0])
	return p.value
}

// Release implements single.Pointer. Nodes may be freed from now on.
func (p *pointer) Release() {
	p.iter = btree.IterG[*object]{}
	p.of.idle = p
}
