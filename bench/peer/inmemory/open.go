package inmemory

import (
	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
	"github.com/statelab/statelab/bench/peer/internal/single"
	"github.com/statelab/statelab/internal/spec"
)

// Names of the stores.
const (
	Tidwall = "tidwall"
	Google  = "googlebtree"
	Huandu  = "huandu"
)

// Options configure the openers.
type Options struct {
	kv.Options
}

// Params returns the parameters of a spec.
func Params() []spec.Param[Options] {
	return []spec.Param[Options]{
		kv.ExpiryParam(kv.ExpiryDriver, func(o *Options) *kv.Expiry { return &o.Expiry }),
	}
}

// OpenTidwall opens an empty store over tidwall/btree. dir is made, and holds
// only the store's identity. o may be nil.
func OpenTidwall(dir string, o *Options) (*kv.Store, error) {
	return open(dir, Tidwall, o, func() index { return newTidwall() })
}

// OpenGoogle opens an empty store over google/btree, as OpenTidwall does.
func OpenGoogle(dir string, o *Options) (*kv.Store, error) {
	return open(dir, Google, o, func() index { return newGoogle() })
}

// OpenHuandu opens an empty store over huandu/skiplist, as OpenTidwall does.
func OpenHuandu(dir string, o *Options) (*kv.Store, error) {
	return open(dir, Huandu, o, func() index { return newHuandu() })
}

func open(dir, engine string, o *Options, index func() index) (*kv.Store, error) {
	if o == nil {
		o = new(Options)
	}
	return kv.Open(dir, kv.Config{
		Engine:  engine,
		Options: o.Options,
		Inline:  true,
		Notes:   []string{"in memory only: durability is none, whatever was asked for"},
		Open:    func(kv.Place) (kv.DB, error) { return single.Over(&tree{index: index()}), nil },
	})
}

// An item is a key and its value, one after the other in one object.
type item struct {
	bytes []byte
	size  int // of the key
}

func newItem(key, value []byte) item {
	b := make([]byte, 0, len(key)+len(value))
	return item{append(append(b, key...), value...), len(key)}
}

func (i item) key() []byte   { return i.bytes[:i.size:i.size] }
func (i item) value() []byte { return i.bytes[i.size:] }

// less orders items by key; both trees take it.
func less(a, b item) bool { return string(a.key()) < string(b.key()) }

// pivot is an item to look for.
func pivot(key []byte) item { return item{key, len(key)} }

// An index is one of the three.
type index interface {
	get(key []byte) (item, bool)
	set(i item) (replaced item)
	remove(key []byte) (removed item)
	pointer() pointer
}

// A pointer moves over the items of an index; the index does not change meanwhile.
type pointer interface {
	seekGE(key []byte) bool
	seekLT(key []byte) bool
	next() bool
	prev() bool
	item() item
	release()
}

// tree makes a single.Tree of an index.
type tree struct {
	index
	bytes int64 // of keys and values
	idle  *moves
}

// Get implements single.Tree.
func (t *tree) Get(key []byte) ([]byte, bool, error) {
	i, found := t.get(key)
	return i.value(), found, nil
}

// Apply implements single.Tree. Nothing survives a crash, durable or not.
func (t *tree) Apply(changes []single.Change, _ bool) error {
	for i := range changes {
		c := &changes[i]
		if c.Delete {
			t.bytes -= int64(len(t.remove(c.Key).bytes))
			continue
		}
		added := newItem(c.Key, c.Value)
		t.bytes += int64(len(added.bytes)) - int64(len(t.set(added).bytes))
	}
	return nil
}

// Sync implements single.Tree: there is nothing that could be made durable.
func (t *tree) Sync() error { return nil }

// Fill implements single.Tree. What the nodes and the allocator add to the
// bytes of keys and values is not counted; resident memory shows it.
func (t *tree) Fill(s *statelab.Stats) { s.Memory = t.bytes }

// Close implements single.Tree.
func (t *tree) Close() error { return nil }

// Pointer implements single.Tree.
func (t *tree) Pointer() single.Pointer {
	m := t.idle
	if m == nil {
		m = &moves{of: t, pointer: t.pointer()}
	}
	t.idle = nil
	return m
}

// moves makes a single.Pointer of a pointer, which it keeps for the next use.
type moves struct {
	pointer
	of *tree
}

func (m *moves) SeekGE(key []byte) bool { return m.seekGE(key) }
func (m *moves) SeekLT(key []byte) bool { return m.seekLT(key) }
func (m *moves) Next() bool             { return m.next() }
func (m *moves) Prev() bool             { return m.prev() }
func (m *moves) Key() []byte            { return m.item().key() }
func (m *moves) Value() []byte          { return m.item().value() }
func (m *moves) Err() error             { return nil }

// Release implements single.Pointer.
func (m *moves) Release() {
	m.release()
	m.of.idle = m
}
