package bench

import (
	"bytes"
	"errors"
	"time"

	"github.com/google/btree"

	"github.com/statelab/statelab"
)

// memStore is the least Store that workloads run on: an ordered map of single
// elements, for one goroutine. What it writes is made up: every byte applied
// counts as logged, once.
type memStore struct {
	tree      *btree.BTreeG[memRecord]
	watermark int64
	written   int64
	// spoil, if set, changes the values that Get and iterators return.
	spoil func(value []byte)
}

type memRecord struct {
	key, value []byte
	expireAt   int64
}

func newMemStore() *memStore {
	less := func(a, b memRecord) bool { return bytes.Compare(a.key, b.key) < 0 }
	return &memStore{tree: btree.NewG(32, less), watermark: statelab.MinWatermark}
}

// openMem is an Opener of memStores.
func openMem(string, string, *statelab.Options) (statelab.Store, error) { return newMemStore(), nil }

func (s *memStore) live(r memRecord) bool { return !statelab.Expired(r.expireAt, s.watermark) }

func (s *memStore) Get(dst, key []byte) ([]byte, error) {
	r, ok := s.tree.Get(memRecord{key: key})
	if !ok || !s.live(r) {
		return dst, statelab.ErrNotFound
	}
	n := len(dst)
	dst = append(dst, r.value...)
	if s.spoil != nil {
		s.spoil(dst[n:])
	}
	return dst, nil
}

func (s *memStore) Apply(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return err
	}
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		s.written += int64(len(op.Key) + len(op.Value))
		switch op.Kind {
		case statelab.OpPut:
			s.tree.ReplaceOrInsert(memRecord{bytes.Clone(op.Key), bytes.Clone(op.Value), op.ExpireAt})
		case statelab.OpDelete:
			s.tree.Delete(memRecord{key: op.Key})
		default:
			return errors.New("memStore: no workload appends")
		}
	}
	return ops.Err()
}

func (s *memStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	return &memIterator{tree: s.tree.Clone(), spoil: s.spoil, r: statelab.Range{Lower: bytes.Clone(r.Lower), Upper: bytes.Clone(r.Upper)}, live: s.live}, nil
}

func (s *memStore) Advance(w int64) error {
	s.watermark = max(s.watermark, w)
	return nil
}

func (s *memStore) Sync() error             { return nil }
func (s *memStore) Checkpoint(string) error { return statelab.ErrUnsupported }
func (s *memStore) Close() error            { return nil }

func (s *memStore) Stats() statelab.Stats {
	cache := []statelab.CacheStats{{Kind: "node", Hits: 3 * s.written, Misses: s.written}}
	for i, k := range cacheKinds {
		cache = append(cache, statelab.CacheStats{Kind: k.name, Hits: s.written, Misses: int64(i) * s.written})
	}
	return statelab.Stats{
		Engine:  "mem",
		Written: statelab.Written{Log: s.written},
		Disk:    1 << 20,
		Memory:  1 << 21,

		LongestAdvance: 7 * time.Microsecond,
		LongestStall:   5 * time.Microsecond,
		SlowTime:       time.Duration(s.written),

		ReadBytes: 9 * s.written,
		Cache:     cache,
		Filter:    statelab.FilterStats{Probes: 2 * s.written, Negatives: s.written},
	}
}

// memIterator moves as joins do: forwards, and to the last record.
type memIterator struct {
	noopIterator
	tree    *btree.BTreeG[memRecord]
	r       statelab.Range
	live    func(memRecord) bool
	spoil   func(value []byte)
	current memRecord
	begun   bool
}

func (it *memIterator) First() bool { return it.SeekGE(it.r.Lower) }

func (it *memIterator) SeekGE(key []byte) bool {
	it.begun = true
	if bytes.Compare(key, it.r.Lower) < 0 {
		key = it.r.Lower
	}
	found := false
	it.tree.AscendGreaterOrEqual(memRecord{key: key}, func(r memRecord) bool {
		if it.r.Upper != nil && bytes.Compare(r.key, it.r.Upper) >= 0 {
			return false
		}
		if !it.live(r) {
			return true
		}
		it.current, found = r, true
		return false
	})
	if !found {
		it.current = memRecord{}
	}
	return found
}

func (it *memIterator) Last() bool {
	var last memRecord
	for ok := it.First(); ok; ok = it.Next() {
		last = it.current
	}
	it.current = last
	return last.key != nil
}

func (it *memIterator) Next() bool {
	if !it.begun {
		return it.First()
	}
	return it.SeekGE(append(bytes.Clone(it.current.key), 0))
}

func (it *memIterator) Key() []byte { return it.current.key }

func (it *memIterator) Value() []byte {
	if it.spoil == nil {
		return it.current.value
	}
	value := bytes.Clone(it.current.value)
	it.spoil(value)
	return value
}
