package indextest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
)

// RunOld compares the index that make returns, in an arena from newArena, with a
// sorted slice of keys under random inserts and removals.
func RunOld(t *testing.T, newArena func() *arena.Arena, make func(*arena.Arena) (memstore.OldIndex, error)) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			a := newArena()
			defer a.Release()
			x, err := make(a)
			if err != nil {
				t.Fatal(err)
			}
			m := &oldModel{T: t, x: x, a: a, rnd: rand.New(rand.NewPCG(seed, 7)), refs: map[string]arena.Ref{}}
			m.run()
		})
	}
}

// A oldModel is what the index should be.
type oldModel struct {
	*testing.T
	x    memstore.OldIndex
	a    *arena.Arena
	rnd  *rand.Rand
	keys []string
	refs map[string]arena.Ref
}

func (m *oldModel) run() {
	m.compare()
	for i := range 3000 {
		grow := i%1000 < 600
		if len(m.keys) > 0 && m.rnd.IntN(10) < 3 == grow {
			m.remove()
		} else {
			m.insert()
		}
		if i%100 == 99 {
			m.compare()
		}
	}
	for len(m.keys) > 0 {
		m.remove()
	}
	m.compare()
}

func (m *oldModel) key() string {
	key := make([]byte, m.rnd.IntN(4))
	for i := range key {
		key[i] = byte(m.rnd.IntN(12)) * 23
	}
	return string(key)
}

func (m *oldModel) insert() {
	key := m.key()
	ref, added, err := m.x.Insert([]byte(key))
	if err != nil {
		m.Fatal(err)
	}
	old, known := m.refs[key]
	if added == known || known && ref != old {
		m.Fatalf("Insert(%x): record %d, added: %v; it was %d", key, ref, added, old)
	}
	area := m.a.Bytes(ref, 0, memstore.RecordSize)
	for i, b := range area {
		if added && b != 0 || known && b != byte(len(key)+i) {
			m.Fatalf("byte %d of the record of %x is %#x, added: %v", i, key, b, added)
		}
		area[i] = byte(len(key) + i)
	}
	if !known {
		at, _ := slices.BinarySearch(m.keys, key)
		m.keys = slices.Insert(m.keys, at, key)
		m.refs[key] = ref
	}
}

func (m *oldModel) remove() {
	at := m.rnd.IntN(len(m.keys))
	key := m.keys[at]
	m.x.Remove(m.refs[key])
	delete(m.refs, key)
	m.keys = slices.Delete(m.keys, at, at+1)
}

// at returns the record of the i-th key, or 0.
func (m *oldModel) at(i int) arena.Ref {
	if i < 0 || i >= len(m.keys) {
		return 0
	}
	return m.refs[m.keys[i]]
}

func (m *oldModel) want(what string, got, want arena.Ref) {
	m.Helper()
	if got != want {
		m.Fatalf("%s is record %d, want %d, of %d keys", what, got, want, len(m.keys))
	}
}

func (m *oldModel) compare() {
	m.Helper()
	if err := m.x.Check(); err != nil {
		m.Fatal(err)
	}
	if m.x.Len() != len(m.keys) {
		m.Fatalf("%d keys, want %d", m.x.Len(), len(m.keys))
	}
	m.want("First", m.x.First(), m.at(0))
	m.want("Last", m.x.Last(), m.at(len(m.keys)-1))
	size := m.x.Fixed()
	for i, key := range m.keys {
		ref := m.at(i)
		if got := m.x.Key(ref); string(got) != key {
			m.Fatalf("the key of record %d is %x, want %x", ref, got, key)
		}
		m.want("Next", m.x.Next(ref), m.at(i+1))
		m.want("Prev", m.x.Prev(ref), m.at(i-1))
		size += m.x.Size(ref)
	}
	if int64(size) != m.a.InUse() {
		m.Fatalf("records take %d bytes, and %d are in use", size, m.a.InUse())
	}
	for range 50 {
		m.seek(m.key())
	}
}

func (m *oldModel) seek(key string) {
	m.Helper()
	at, found := slices.BinarySearch(m.keys, key)
	m.want(fmt.Sprintf("Find(%x)", key), m.x.Find([]byte(key)), m.refs[key])
	m.want(fmt.Sprintf("SeekGE(%x)", key), m.x.SeekGE([]byte(key)), m.at(at))
	m.want(fmt.Sprintf("SeekLT(%x)", key), m.x.SeekLT([]byte(key)), m.at(at-1))
	scanner, ok := m.x.(memstore.OldScanner)
	if !ok {
		return
	}
	for _, after := range []bool{false, true} {
		first := at
		if after && found {
			first++
		}
		got := scanner.Scan(make([]arena.Ref, 0, 5), []byte(key), after)
		if want := min(5, len(m.keys)-first); len(got) != want {
			m.Fatalf("Scan(%x) finds %d records, want %d", key, len(got), want)
		}
		for i, ref := range got {
			m.want(fmt.Sprintf("Scan(%x)", key), ref, m.at(first+i))
		}
	}
}
