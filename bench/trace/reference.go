package trace

import (
	"container/heap"
	"fmt"
	"slices"
	"strings"

	"github.com/google/btree"

	"github.com/statelab/statelab"
)

// A Reference is the plainest store that answers as the contract says: an
// ordered map in memory, for one goroutine, without files, without a budget and
// without shortcuts. One thing it does not keep is K4's promise that nothing of a
// batch with too large a record is applied. Imports ask it what each call would have found, and a
// replay's truth is what comes out of it.
type Reference struct {
	tree      *btree.BTreeG[entry]
	watermark int64
	deaths    deaths
	stats     statelab.Stats
	most      int // bytes of a record
	closed    bool
}

// An entry is a record as of some moment. It never changes, so that clones of
// the tree are snapshots.
type entry struct {
	key      string
	elements []element
	size     int // bytes of the elements
}

type element struct {
	value  []byte
	expiry int64
}

// NewReference returns an empty store.
func NewReference() *Reference {
	less := func(a, b entry) bool { return a.key < b.key }
	return &Reference{tree: btree.NewG(32, less), watermark: statelab.MinWatermark, most: statelab.MaxRecordSize}
}

// appendLive appends the value of an entry as of a watermark; false if it has none.
func (e *entry) appendLive(dst []byte, watermark int64) ([]byte, bool) {
	live := false
	for i := range e.elements {
		if !statelab.Expired(e.elements[i].expiry, watermark) {
			dst, live = append(dst, e.elements[i].value...), true
		}
	}
	return dst, live
}

func (s *Reference) Get(dst, key []byte) ([]byte, error) {
	if s.closed {
		return dst, statelab.ErrClosed
	}
	e, ok := s.tree.Get(entry{key: string(key)})
	if ok {
		dst, ok = e.appendLive(dst, s.watermark)
	}
	if !ok {
		return dst, statelab.ErrNotFound
	}
	return dst, nil
}

func (s *Reference) Apply(b *statelab.Batch) error {
	if s.closed {
		return statelab.ErrClosed
	}
	if err := b.Err(); err != nil {
		return err
	}
	for ops := b.Ops(); ; {
		op, ok := ops.Next()
		if !ok {
			return ops.Err()
		}
		if err := s.apply(op); err != nil {
			return err
		}
		s.stats.Ops++
		s.stats.LogicalBytes += int64(len(op.Key) + len(op.Value))
	}
}

func (s *Reference) apply(op statelab.Op) error {
	e := entry{key: string(op.Key)}
	if op.Kind == statelab.OpDelete {
		s.tree.Delete(e)
		return nil
	}
	if op.Kind == statelab.OpAppend {
		if older, ok := s.tree.Get(e); ok {
			e = older
		}
	}
	e.size += len(op.Value)
	if e.size > s.most {
		return fmt.Errorf("%s to a record of %d bytes, over the limit of %d: %w", op.Kind, e.size, s.most, statelab.ErrTooLarge)
	}
	// Only the latest entry of a key is ever added to, so that sharing the
	// memory of its elements with older ones is safe.
	e.elements = append(e.elements, element{slices.Clone(op.Value), op.ExpireAt})
	s.tree.ReplaceOrInsert(e)
	if op.ExpireAt != statelab.NoExpiry {
		heap.Push(&s.deaths, death{op.ExpireAt, e.key})
	}
	return nil
}

func (s *Reference) Advance(watermark int64) error {
	if s.closed {
		return statelab.ErrClosed
	}
	s.watermark = max(s.watermark, watermark)
	for len(s.deaths) > 0 && statelab.Expired(s.deaths[0].at, s.watermark) {
		s.bury(heap.Pop(&s.deaths).(death).key)
	}
	return nil
}

// bury forgets the dead elements of a record.
func (s *Reference) bury(key string) {
	e, ok := s.tree.Get(entry{key: key})
	if !ok {
		return
	}
	live := entry{key: key}
	for _, one := range e.elements {
		if !statelab.Expired(one.expiry, s.watermark) {
			live.elements = append(live.elements, one)
			live.size += len(one.value)
		}
	}
	if len(live.elements) == 0 {
		s.tree.Delete(live)
	} else if len(live.elements) < len(e.elements) {
		s.tree.ReplaceOrInsert(live)
	}
}

// Live returns how many records are live, and the bytes of their keys and values.
func (s *Reference) Live() (records, bytes int64) {
	s.tree.Ascend(func(e entry) bool {
		size, live := 0, false
		for _, one := range e.elements {
			if !statelab.Expired(one.expiry, s.watermark) {
				size, live = size+len(one.value), true
			}
		}
		if live {
			records++
			bytes += int64(len(e.key) + size)
		}
		return true
	})
	return records, bytes
}

func (s *Reference) Iter(r statelab.Range) (statelab.Iterator, error) {
	if s.closed {
		return nil, statelab.ErrClosed
	}
	return &referenceIterator{
		tree: s.tree.Clone(), watermark: s.watermark, empty: r.Empty(),
		lower: string(r.Lower), upper: string(r.Upper), bounded: r.Upper != nil,
	}, nil
}

func (s *Reference) Sync() error             { return nil }
func (s *Reference) Checkpoint(string) error { return statelab.ErrUnsupported }

func (s *Reference) Stats() statelab.Stats {
	stats := s.stats
	stats.Engine, stats.Watermark = "reference", s.watermark
	return stats
}

// Close makes every later call fail. Iterators go on.
func (s *Reference) Close() error {
	if s.closed {
		return statelab.ErrClosed
	}
	s.closed = true
	return nil
}

// A death is when an element of a record dies.
type death struct {
	at  int64
	key string
}

// deaths is a heap of them, the earliest first.
type deaths []death

func (d deaths) Len() int { return len(d) }
func (d deaths) Less(i, j int) bool {
	return d[i].at < d[j].at || d[i].at == d[j].at && strings.Compare(d[i].key, d[j].key) < 0
}
func (d deaths) Swap(i, j int) { d[i], d[j] = d[j], d[i] }
func (d *deaths) Push(x any)   { *d = append(*d, x.(death)) }
func (d *deaths) Pop() any {
	last := len(*d) - 1
	x := (*d)[last]
	*d = (*d)[:last]
	return x
}
