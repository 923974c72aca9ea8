package btree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A model is what a store must be: a map of element lists.
type model struct {
	records   map[string][]element
	watermark int64
}

type element struct {
	value    string
	expireAt int64
}

func newModel() *model {
	return &model{records: map[string][]element{}, watermark: statelab.MinWatermark}
}

func (m *model) clone() *model {
	c := &model{records: map[string][]element{}, watermark: m.watermark}
	for k, v := range m.records {
		c.records[k] = slices.Clone(v)
	}
	return c
}

func (m *model) apply(b *statelab.Batch) {
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		k := string(op.Key)
		switch op.Kind {
		case statelab.OpPut:
			m.records[k] = []element{{string(op.Value), op.ExpireAt}}
		case statelab.OpAppend:
			m.records[k] = append(m.records[k], element{string(op.Value), op.ExpireAt})
		case statelab.OpDelete:
			delete(m.records, k)
		}
	}
}

func (m *model) get(key string) (string, bool) {
	value, found := "", false
	for _, e := range m.records[key] {
		if !statelab.Expired(e.expireAt, m.watermark) {
			value += e.value
			found = true
		}
	}
	return value, found
}

// keys returns the keys of live records, in order.
func (m *model) keys() []string {
	var keys []string
	for k := range m.records {
		if _, ok := m.get(k); ok {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// compare checks all of a store against the model, in both directions.
func (m *model) compare(t *testing.T, s *Store) {
	t.Helper()
	it, err := s.Iter(statelab.Range{})
	if err != nil {
		t.Fatal(err)
	}
	defer it.Close()
	m.compareIterator(t, it)
	for k := range m.records {
		want, ok := m.get(k)
		got, err := s.Get([]byte("x"), []byte(k))
		if ok && (err != nil || string(got) != "x"+want) || !ok && !errors.Is(err, statelab.ErrNotFound) {
			t.Fatalf("Get(%q) = %.40q, %v; want %.40q, %t", k, got, err, want, ok)
		}
	}
}

func (m *model) compareIterator(t *testing.T, it statelab.Iterator) {
	t.Helper()
	keys := m.keys()
	i := 0
	for ok := it.First(); ok; ok = it.Next() {
		if i == len(keys) {
			t.Fatalf("forwards: %.40q beyond the end", it.Key())
		}
		m.compareRecord(t, it, keys[i])
		i++
	}
	if err := it.Err(); err != nil || i != len(keys) {
		t.Fatalf("forwards: %d records and %v, want %d", i, err, len(keys))
	}
	for ok := it.Last(); ok; ok = it.Prev() {
		if i--; i < 0 {
			t.Fatalf("backwards: %.40q beyond the beginning", it.Key())
		}
		m.compareRecord(t, it, keys[i])
	}
	if err := it.Err(); err != nil || i != 0 {
		t.Fatalf("backwards: %d records missing and %v", i, err)
	}
}

func (m *model) compareRecord(t *testing.T, it statelab.Iterator, key string) {
	t.Helper()
	want, _ := m.get(key)
	if string(it.Key()) != key || string(it.Value()) != want {
		t.Fatalf("record %.40q of %d bytes, want %.40q of %d", it.Key(), len(it.Value()), key, len(want))
	}
}

// A shape is a mix of operations for a random run.
type shape struct {
	name     string
	pageSize int
	memory   int64
	steps    int
	keys     int
	keySize  func(*rand.Rand) int
	valSize  func(*rand.Rand) int
	ttl      int64
	appends  bool
	iterate  bool // keep iterators open meanwhile
}

func upTo(n int) func(*rand.Rand) int { return func(r *rand.Rand) int { return r.IntN(n + 1) } }

// often is mostly small, sometimes large.
func often(small, large int) func(*rand.Rand) int {
	return func(r *rand.Rand) int {
		if r.IntN(20) == 0 {
			return r.IntN(large + 1)
		}
		return r.IntN(small + 1)
	}
}

func shapes() []shape {
	return []shape{
		{name: "small", memory: statelab.MinMemory, steps: 1500, keys: 3000, keySize: upTo(20), valSize: upTo(60), ttl: 300},
		{name: "snapshots", memory: 2 << 20, steps: 1500, keys: 3000, keySize: upTo(20), valSize: often(60, 3000), ttl: 300, appends: true, iterate: true},
		{name: "lists", memory: statelab.MinMemory, steps: 1500, keys: 100, keySize: upTo(10), valSize: often(300, 9000), ttl: 300, appends: true},
		{name: "large", memory: statelab.MinMemory, steps: 600, keys: 60, keySize: often(40, 3000), valSize: often(3000, 60000), ttl: 200, appends: true},
		{name: "longkeys", memory: statelab.MinMemory, steps: 800, keys: 300, keySize: often(1200, statelab.MaxKeySize-20), valSize: upTo(30), ttl: 300},
		{name: "pages64k", pageSize: MaxPageSize, memory: 1 << 20, steps: 500, keys: 1000, keySize: often(40, 30000), valSize: often(900, 60000), ttl: 400, appends: true},
	}
}

// key returns the i-th key of a run: long ones share long prefixes.
func (sh *shape) key(rng *rand.Rand, i int) []byte {
	r := rand.New(rand.NewPCG(uint64(i), 7))
	n := sh.keySize(r)
	k := make([]byte, n)
	for j := range k {
		k[j] = 'k'
	}
	return append(k, fmt.Sprintf("%05d", i)...)
}

// batch fills b. Phases in which the tree grows and shrinks take turns.
func (sh *shape) batch(rng *rand.Rand, m *model, b *statelab.Batch, shrink bool) {
	b.Reset()
	deletes := 2
	if shrink {
		deletes = 8
	}
	for range 1 + rng.IntN(8)*rng.IntN(4) {
		key := sh.key(rng, rng.IntN(sh.keys))
		expireAt := statelab.NoExpiry
		if rng.IntN(10) > 0 {
			expireAt = max(m.watermark, 0) + rng.Int64N(sh.ttl)
		}
		value := make([]byte, sh.valSize(rng))
		for i := range value {
			value[i] = byte('a' + (i+len(value))%26)
		}
		switch op := rng.IntN(10); {
		case op < deletes:
			b.Delete(key)
		case op < deletes+(10-deletes)/2 && sh.appends:
			b.Append(key, value, expireAt)
		default:
			b.Put(key, value, expireAt)
		}
	}
}

// TestStoreAgreesWithAModel runs random operations of every kind on stores
// whose pool holds a small part of the tree, with reopenings that fall back to
// the last Sync, and checks every page all along.
func TestStoreAgreesWithAModel(t *testing.T) {
	for _, sh := range shapes() {
		t.Run(sh.name, func(t *testing.T) {
			for seed := range uint64(3) {
				runModel(t, sh, seed)
			}
		})
	}
}

// A view is an iterator and what it must show.
type view struct {
	statelab.Iterator
	model *model
}

// look takes the views that were opened and compares one of them, or opens one more.
func look(t *testing.T, s *Store, m *model, views []view, rng *rand.Rand) []view {
	t.Helper()
	i := rng.IntN(8)
	if i >= len(views) {
		it, err := s.Iter(statelab.Range{})
		if err != nil {
			t.Fatal(err)
		}
		return append(views, view{it, m.clone()})
	}
	v := views[i]
	if v.First(); errors.Is(v.Err(), statelab.ErrSnapshotTooOld) {
		v.Close()
		return slices.Delete(views, i, i+1)
	}
	v.model.compareIterator(t, v)
	if rng.IntN(2) == 0 {
		v.Close()
		return slices.Delete(views, i, i+1)
	}
	return views
}

func runModel(t *testing.T, sh shape, seed uint64) {
	fs := vfs.NewMem()
	buffer := int64(0)
	if seed%3 == 2 {
		buffer = WriteBufferOff
	}
	compression, update := statelab.CompressionNone, UpdateCOW
	switch (seed + uint64(len(sh.name))) % 3 {
	case 0:
		if compression = statelab.CompressionS2; sh.appends {
			compression = statelab.CompressionZstd
		}
	case 1:
		update = UpdateInPlace
	}
	open := func() *Store {
		s, err := Open("/s", &Options{PageSize: sh.pageSize, WriteBuffer: buffer, Update: update, LogLimit: MinLogLimit,
			Options: statelab.Options{FS: fs, Memory: sh.memory, Compression: compression, Maintenance: statelab.MaintenanceInline}})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		return s.(*Store)
	}
	s := open()
	defer func() { s.Close() }()
	rng := rand.New(rand.NewPCG(seed, 1))
	m, synced := newModel(), newModel()
	var b statelab.Batch
	check := func() {
		t.Helper()
		if err := s.Check(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
	var views []view
	closeViews := func() {
		for _, v := range views {
			v.Close()
		}
		views = nil
	}
	defer func() { closeViews() }()
	for step := range sh.steps {
		if sh.iterate && step%5 == 0 {
			views = look(t, s, m, views, rng)
		}
		switch op := rng.IntN(100); {
		case op < 90:
			sh.batch(rng, m, &b, step/200%2 == 1)
			if err := s.Apply(&b); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			m.apply(&b)
		case op < 97:
			w := max(m.watermark, 0) + rng.Int64N(20)
			if err := s.Advance(w); err != nil {
				t.Fatal(err)
			}
			m.watermark = w
		case op < 99:
			if err := s.Sync(); err != nil {
				t.Fatal(err)
			}
			synced = m.clone()
		case rng.IntN(4) == 0:
			check()
			closeViews()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open()
			m = synced.clone()
			m.compare(t, s)
		}
		if step%100 == 0 {
			check()
			m.compare(t, s)
		}
	}
	check()
	m.compare(t, s)
}
