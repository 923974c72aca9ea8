package kv

import (
	"bytes"
	"sync"

	"github.com/tidwall/btree"

	"github.com/statelab/statelab"
)

// A buffer is a DB that collects changes in memory before another, for stores
// whose transactions cost the same whether they change one key or ten
// thousand, as those of copy-on-write trees do: their users gather writes and
// commit them together. What dies in the buffer is never written.
//
// Reads look into the table of changes first. A snapshot is a copy of the table,
// which shares its nodes until they change, and a cursor on the store below:
//
//	Commit ──► table ──(full, or Sync)──► one durable transaction ──► store
//
// A flush commits below before it empties the table, and a reader takes the
// table before it goes below, so that no reader misses what is on its way.
type buffer struct {
	below DB
	limit int64 // bytes of keys and values that make the table full
	batch bufferBatch

	// mu is held while the table changes or is replaced.
	mu    sync.RWMutex
	table *btree.BTreeG[change]
	size  int64
}

// A change is the newest value of a key, or that it is gone.
type change struct {
	key, value []byte
	deleted    bool
}

// changeCost is what a change takes beside its bytes: three slices' heads and
// its share of a node.
const changeCost = 96

func (c change) size() int64 { return int64(len(c.key)+len(c.value)) + changeCost }

// Buffered returns a DB that keeps up to limit bytes of changes in memory before
// below. The batches of below need not be able to Merge, nor are those of the
// result.
func Buffered(below DB, limit int64) DB {
	return &buffer{below: below, limit: limit, table: newTable()}
}

func newTable() *btree.BTreeG[change] {
	less := func(a, b change) bool { return bytes.Compare(a.key, b.key) < 0 }
	return btree.NewBTreeGOptions(less, btree.Options{NoLocks: true})
}

func (b *buffer) Get(dst, key []byte) ([]byte, bool, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if c, ok := b.table.Get(change{key: key}); ok {
		return append(dst, c.value...), !c.deleted, nil
	}
	return b.below.Get(dst, key)
}

func (b *buffer) Begin() Batch {
	b.batch = bufferBatch{b: b, changes: b.batch.changes[:0]}
	return &b.batch
}

// A bufferBatch is what a batch changes, in order.
type bufferBatch struct {
	b       *buffer
	changes []change
}

func (t *bufferBatch) Put(key, value []byte) error {
	mem := make([]byte, len(key)+len(value))
	n := copy(mem, key)
	copy(mem[n:], value)
	t.changes = append(t.changes, change{key: mem[:n:n], value: mem[n:]})
	return nil
}

func (t *bufferBatch) Delete(key []byte) error {
	t.changes = append(t.changes, change{key: bytes.Clone(key), deleted: true})
	return nil
}

func (t *bufferBatch) Merge(_, _ []byte) error { return statelab.ErrUnsupported }
func (t *bufferBatch) Discard()                {}

func (t *bufferBatch) Commit(durable bool) error {
	b := t.b
	b.mu.Lock()
	for _, c := range t.changes {
		if old, replaced := b.table.Set(c); replaced {
			b.size -= old.size()
		}
		b.size += c.size()
	}
	full := b.size > b.limit
	b.mu.Unlock()
	clear(t.changes) // or the table's memory would be held from here
	if durable || full {
		return b.Sync()
	}
	return nil
}

// Sync commits the table below, durably, and empties it.
func (b *buffer) Sync() error {
	b.mu.Lock() // against cursors, which copy the table too
	table := b.table.IsoCopy()
	b.mu.Unlock()
	if table.Len() == 0 {
		return nil
	}
	into := b.below.Begin()
	var err error
	table.Scan(func(c change) bool {
		if c.deleted {
			err = into.Delete(c.key)
		} else {
			err = into.Put(c.key, c.value)
		}
		return err == nil
	})
	if err != nil {
		into.Discard()
		return err
	}
	if err := into.Commit(true); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.table, b.size = newTable(), 0
	return nil
}

// Checkpoint first commits the table.
func (b *buffer) Checkpoint(dir string) error {
	if err := b.Sync(); err != nil {
		return err
	}
	return b.below.Checkpoint(dir)
}

func (b *buffer) Fill(s *statelab.Stats) {
	b.below.Fill(s)
	b.mu.RLock()
	defer b.mu.RUnlock()
	s.Memory += b.size
}

// Close gives up what is only in the table.
func (b *buffer) Close() error { return b.below.Close() }

func (b *buffer) Cursor(lower, upper []byte, prefix bool) (Cursor, error) {
	b.mu.Lock() // and not shared: a copy changes the original's marks
	defer b.mu.Unlock()
	below, err := b.below.Cursor(lower, upper, prefix)
	if err != nil || b.table.Len() == 0 {
		return below, err
	}
	above := &tableCursor{IterG: b.table.IsoCopy().Iter(), lower: lower, upper: upper}
	return &mergedCursor{above: above, below: below}, nil
}
