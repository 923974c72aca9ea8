package single

import (
	"errors"
	"sync"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/bench/peer/internal/kv"
)

// A Tree is an ordered store without snapshots. It is called by one goroutine
// at a time. Slices passed to it are the caller's; those it returns are valid until
// the next call.
type Tree interface {
	// Get returns the value of key, and whether there is one.
	Get(key []byte) ([]byte, bool, error)

	// Apply makes all changes and, if durable, returns once they survive a
	// crash. After an error the store is not used any more.
	Apply(changes []Change, durable bool) error

	// Pointer returns something that moves over all keys. It is released
	// before the tree changes.
	Pointer() Pointer

	Sync() error
	Fill(s *statelab.Stats)
	Close() error
}

// A Change puts a value under a key, or deletes what is there.
type Change struct {
	Delete     bool
	Key, Value []byte // valid during the call
}

// A Pointer stands on a key of a tree, or on none. Its moves say which.
type Pointer interface {
	SeekGE(key []byte) bool
	SeekLT(key []byte) bool
	Next() bool
	Prev() bool
	Key() []byte
	Value() []byte
	Err() error
	Release()
}

// Over returns the DB that keeps its state in tree.
func Over(tree Tree) kv.DB {
	d := &db{tree: tree, live: map[*cursor]struct{}{}}
	d.batch.db = d
	return d
}

var errClosed = errors.New("the store is closed")

type db struct {
	mu     sync.Mutex // guards tree, its pointers and what follows
	tree   Tree
	live   map[*cursor]struct{} // cursors with a pointer
	broken error                // why tree is not used any more

	batch batch // there is one at a time
}

func (d *db) Get(dst, key []byte) ([]byte, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return dst, false, d.broken
	}
	value, found, err := d.tree.Get(key)
	return append(dst, value...), found, err
}

// detach gives every cursor a copy of its range. The caller holds mu, and is
// about to change the tree.
func (d *db) detach() {
	for c := range d.live {
		c.detach()
	}
}

func (d *db) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	d.detach()
	d.broken = d.tree.Sync()
	return d.broken
}

// Checkpoint leaves the copying to the adapter: a tree's own copy, if it has
// one, would miss what is not committed.
func (d *db) Checkpoint(string) error { return statelab.ErrUnsupported }

func (d *db) Fill(s *statelab.Stats) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tree.Fill(s)
}

func (d *db) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for c := range d.live {
		c.release()
	}
	d.broken = errClosed
	return d.tree.Close()
}

func (d *db) Begin() kv.Batch {
	d.batch.Discard()
	return &d.batch
}

// A batch copies what it is given: a caller may reuse its slices at once.
type batch struct {
	db      *db
	changes []Change
	bytes   []byte
	ends    []int // of key and value of each change, in bytes
}

func (b *batch) add(del bool, key, value []byte) {
	b.bytes = append(b.bytes, key...)
	b.ends = append(b.ends, len(b.bytes))
	b.bytes = append(b.bytes, value...)
	b.ends = append(b.ends, len(b.bytes))
	b.changes = append(b.changes, Change{Delete: del})
}

func (b *batch) Put(key, value []byte) error {
	b.add(false, key, value)
	return nil
}

func (b *batch) Delete(key []byte) error {
	b.add(true, key, nil)
	return nil
}

func (b *batch) Merge(_, _ []byte) error { return statelab.ErrUnsupported }

func (b *batch) Commit(durable bool) error {
	from := 0
	for i := range b.changes {
		middle, end := b.ends[2*i], b.ends[2*i+1]
		b.changes[i].Key, b.changes[i].Value = b.bytes[from:middle], b.bytes[middle:end]
		from = end
	}
	d := b.db
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken != nil {
		return d.broken
	}
	d.detach()
	d.broken = d.tree.Apply(b.changes, durable)
	return d.broken
}

func (b *batch) Discard() { b.changes, b.bytes, b.ends = b.changes[:0], b.bytes[:0], b.ends[:0] }
