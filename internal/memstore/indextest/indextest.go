// Package indextest proves an index of package memstore.
package indextest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// A Make makes the index that is to be proved.
type Make func(*arena.Arena, memstore.Retirer) (memstore.Index, error)

// Run compares the index with a sorted slice of keys under random changes, and
// lets readers look on who check what they find.
func Run(t *testing.T, newArena func() *arena.Arena, make Make) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			m := newModel(t, newArena, make, seed)
			defer m.release()
			m.run()
		})
	}
	t.Run("ascending keys", func(t *testing.T) {
		m := newModel(t, newArena, make, 1)
		defer m.release()
		m.runAscending()
	})
	t.Run("built at once", func(t *testing.T) { runBuilt(t, newArena, make) })
	t.Run("readers", func(t *testing.T) { runReaders(t, newArena, make) })
}

// A model is what the index should be.
type model struct {
	*testing.T
	*limbo
	x     memstore.Index
	a     *arena.Arena
	of    memstore.Keys
	rnd   *rand.Rand
	keys  []string
	refs  map[string]arena.Ref
	sizes map[arena.Ref]int64 // what the arena counts for a record
}

func newModel(t *testing.T, newArena func() *arena.Arena, make Make, seed uint64) *model {
	a := newArena()
	l := &limbo{a: a}
	x, err := make(a, l)
	if err != nil {
		t.Fatal(err)
	}
	return &model{T: t, limbo: l, x: x, a: a, of: memstore.Keys{Mem: a}, rnd: rand.New(rand.NewPCG(seed, 7)),
		refs: map[string]arena.Ref{}, sizes: map[arena.Ref]int64{}}
}

func (m *model) release() { m.a.Release() }

func (m *model) run() {
	m.compare()
	for i := range 3000 {
		grow := i%1000 < 600
		switch {
		case len(m.keys) > 0 && m.rnd.IntN(10) < 3 == grow:
			m.remove(m.rnd.IntN(len(m.keys)))
		case len(m.keys) > 0 && m.rnd.IntN(10) == 0:
			m.replace(m.rnd.IntN(len(m.keys)))
		default:
			m.insert(m.key())
		}
		if i%100 == 99 {
			m.compare()
		}
	}
	for len(m.keys) > 0 {
		m.remove(m.rnd.IntN(len(m.keys)))
	}
	m.compare()
}

// runAscending adds keys at the end and removes them at the beginning, as
// timers come and go.
func (m *model) runAscending() {
	for i := range 3000 {
		m.insert(fmt.Sprintf("%06d", i))
		if i > 500 {
			m.remove(0)
		}
		if i%300 == 0 {
			m.compare()
		}
	}
	for len(m.keys) > 0 {
		m.remove(0)
	}
	m.compare()
}

// runBuilt builds indexes of several sizes, if they can be, and changes them.
func runBuilt(t *testing.T, newArena func() *arena.Arena, make Make) {
	for _, n := range []int{0, 1, 2, 30, 3000} {
		m := newModel(t, newArena, make, uint64(n))
		defer m.release()
		b, ok := m.x.(memstore.Builder)
		if !ok {
			return
		}
		for range n {
			if key := m.key(); m.refs[key] == 0 {
				m.keys, m.refs[key] = append(m.keys, key), m.record(key)
			}
		}
		slices.Sort(m.keys)
		refs := []arena.Ref{}
		for _, key := range m.keys {
			refs = append(refs, m.refs[key])
		}
		if err := b.Build(refs); err != nil {
			t.Fatal(err)
		}
		m.run()
	}
}

// key draws a short key, or a long one of which many begin alike.
func (m *model) key() string {
	key := make([]byte, m.rnd.IntN(4), 40)
	for i := range key {
		key[i] = byte(m.rnd.IntN(12)) * 23
	}
	if m.rnd.IntN(3) == 0 {
		key = append(key, "the same for many keys"...)
		key = append(key, byte(m.rnd.IntN(50)))
	}
	return string(key)
}

func (m *model) record(key string) arena.Ref {
	m.Helper()
	before := m.a.InUse()
	ref, err := m.of.NewRecord([]byte(key), m.x.Links([]byte(key)))
	if err != nil {
		m.Fatal(err)
	}
	m.sizes[ref] = m.a.InUse() - before
	return ref
}

func (m *model) free(ref arena.Ref) {
	m.retireRecord(ref)
	delete(m.sizes, ref)
	m.turn()
}

func (m *model) insert(key string) {
	m.Helper()
	if m.refs[key] != 0 {
		return
	}
	m.look(key)
	ref := m.record(key)
	if err := m.x.Insert(ref); err != nil {
		m.Fatal(err)
	}
	at, _ := m.find(key)
	m.keys = slices.Insert(m.keys, at, key)
	m.refs[key] = ref
	m.turn()
}

func (m *model) replace(at int) {
	m.Helper()
	key := m.keys[at]
	m.look(key)
	old, ref := m.refs[key], m.record(key)
	for i := range m.of.Links(ref) {
		m.of.Link(ref, i).Store(0xdeadbeef)
	}
	m.x.Replace(old, ref)
	m.refs[key] = ref
	m.free(old)
}

func (m *model) remove(at int) {
	key := m.keys[at]
	ref := m.refs[key]
	m.look(key)
	m.x.Remove(ref)
	m.free(ref)
	delete(m.refs, key)
	m.keys = slices.Delete(m.keys, at, at+1)
}

// look may look a key up as a writer does before he changes its record, or another
// one, or both in either order.
func (m *model) look(key string) {
	m.Helper()
	keys := []string{key, m.key(), key}
	for _, key := range keys[:m.rnd.IntN(4)] {
		if got := m.x.Seek([]byte(key)); got != m.refs[key] {
			m.Fatalf("Seek(%x) is record %d, want %d", key, got, m.refs[key])
		}
	}
}

func (m *model) compare() {
	m.Helper()
	m.drain()
	if err := m.x.Check(); err != nil {
		m.Fatal(err)
	}
	if m.x.Len() != len(m.keys) {
		m.Fatalf("%d keys, want %d", m.x.Len(), len(m.keys))
	}
	m.want("Ascend", m.x.Ascend(make([]arena.Ref, 0, len(m.keys)+1), nil, false), m.keys)
	m.want("Descend", m.x.Descend(make([]arena.Ref, 0, len(m.keys)+1), nil, true), reversed(m.keys))
	size := m.x.Overhead()
	for _, n := range m.sizes {
		size += n
	}
	if size != m.a.InUse() {
		m.Fatalf("records and overhead take %d bytes, and %d are in use", size, m.a.InUse())
	}
	for range 50 {
		m.seek(m.key())
	}
}

func reversed(keys []string) []string {
	keys = slices.Clone(keys)
	slices.Reverse(keys)
	return keys
}

// want compares records with those of keys.
func (m *model) want(what string, got []arena.Ref, keys []string) {
	m.Helper()
	if len(got) != len(keys) {
		m.Fatalf("%s finds %d records, want %d, of %d keys", what, len(got), len(keys), len(m.keys))
	}
	for i, key := range keys {
		if got[i] != m.refs[key] || string(m.of.Of(got[i])) != key {
			m.Fatalf("%s: record %d has key %x, want %x", what, i, m.of.Of(got[i]), key)
		}
	}
}

func (m *model) find(key string) (int, bool) { return slices.BinarySearch(m.keys, key) }

func (m *model) seek(key string) {
	m.Helper()
	at, found := m.find(key)
	if got := m.x.Find([]byte(key)); got != m.refs[key] {
		m.Fatalf("Find(%x) is record %d, want %d", key, got, m.refs[key])
	}
	after := at
	if found {
		after++
	}
	const most = 5
	head := m.keys[at:min(at+most, len(m.keys))]
	m.want(fmt.Sprintf("Ascend(%x)", key), m.x.Ascend(make([]arena.Ref, 0, most), []byte(key), false), head)
	head = m.keys[after:min(after+most, len(m.keys))]
	m.want(fmt.Sprintf("Ascend(after %x)", key), m.x.Ascend(make([]arena.Ref, 0, most), []byte(key), true), head)
	tail := reversed(m.keys[max(at-most, 0):at])
	m.want(fmt.Sprintf("Descend(%x)", key), m.x.Descend(make([]arena.Ref, 0, most), []byte(key), false), tail)
}
