package join_test

import (
	"bytes"
	"slices"
	"sort"

	"github.com/statelab/statelab"
)

// mapStore is the contract in its plainest form, for the operator's own tests.
// It records its history, so that a test can open a store at each prefix.
type mapStore struct {
	records   map[string][]element
	keys      []string // of records, sorted
	watermark int64
	history   []step
}

type element struct {
	value    []byte
	expireAt int64
}

// step is one Apply, or, with ops nil, one Advance.
type step struct {
	ops       []byte
	watermark int64
}

func newMapStore() *mapStore {
	return &mapStore{records: map[string][]element{}, watermark: statelab.MinWatermark}
}

// openAt returns a store that holds a history.
func openAt(history []step) *mapStore {
	s := newMapStore()
	for _, h := range history {
		if h.ops == nil {
			s.Advance(h.watermark)
		} else {
			s.applyOps(h.ops)
		}
	}
	return s
}

func (s *mapStore) live(key string) ([]byte, bool) {
	var value []byte
	found := false
	for _, e := range s.records[key] {
		if !statelab.Expired(e.expireAt, s.watermark) {
			value, found = append(value, e.value...), true
		}
	}
	return value, found
}

func (s *mapStore) Get(dst, key []byte) ([]byte, error) {
	value, ok := s.live(string(key))
	if !ok {
		return dst, statelab.ErrNotFound
	}
	return append(dst, value...), nil
}

func (s *mapStore) Apply(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return err
	}
	s.applyOps(bytes.Clone(b.Bytes()))
	return nil
}

func (s *mapStore) applyOps(ops []byte) {
	s.history = append(s.history, step{ops: ops})
	r := statelab.ReadOps(ops)
	for op, ok := r.Next(); ok; op, ok = r.Next() {
		key := string(op.Key)
		if i, ok := slices.BinarySearch(s.keys, key); !ok {
			s.keys = slices.Insert(s.keys, i, key)
		}
		switch op.Kind {
		case statelab.OpPut:
			s.records[key] = []element{{op.Value, op.ExpireAt}}
		case statelab.OpAppend:
			s.records[key] = append(s.records[key], element{op.Value, op.ExpireAt})
		case statelab.OpDelete:
			s.records[key] = nil
		}
	}
}

func (s *mapStore) Advance(watermark int64) error {
	s.history = append(s.history, step{watermark: watermark})
	s.watermark = max(s.watermark, watermark)
	return nil
}

func (s *mapStore) Iter(r statelab.Range) (statelab.Iterator, error) {
	it := &mapIterator{at: -1}
	from, _ := slices.BinarySearch(s.keys, string(r.Lower))
	for _, key := range s.keys[from:] {
		if !r.Contains([]byte(key)) {
			break
		}
		if value, ok := s.live(key); ok {
			it.pairs = append(it.pairs, [2][]byte{[]byte(key), value})
		}
	}
	return it, nil
}

func (s *mapStore) Sync() error             { return nil }
func (s *mapStore) Checkpoint(string) error { return statelab.ErrUnsupported }
func (s *mapStore) Stats() statelab.Stats   { return statelab.Stats{Engine: "map"} }
func (s *mapStore) Close() error            { return nil }

type mapIterator struct {
	pairs [][2][]byte
	at    int
}

func (it *mapIterator) to(i int) bool {
	it.at = min(max(i, -1), len(it.pairs))
	return it.at >= 0 && it.at < len(it.pairs)
}

func (it *mapIterator) search(key []byte) int {
	return sort.Search(len(it.pairs), func(i int) bool { return bytes.Compare(it.pairs[i][0], key) >= 0 })
}

func (it *mapIterator) First() bool            { return it.to(0) }
func (it *mapIterator) Last() bool             { return it.to(len(it.pairs) - 1) }
func (it *mapIterator) SeekGE(key []byte) bool { return it.to(it.search(key)) }
func (it *mapIterator) SeekLT(key []byte) bool { return it.to(it.search(key) - 1) }
func (it *mapIterator) Next() bool             { return it.to(it.at + 1) }
func (it *mapIterator) Prev() bool             { return it.to(it.at - 1) }
func (it *mapIterator) Key() []byte            { return it.pairs[it.at][0] }
func (it *mapIterator) Value() []byte          { return it.pairs[it.at][1] }
func (it *mapIterator) Err() error             { return nil }
func (it *mapIterator) Close() error           { return nil }
