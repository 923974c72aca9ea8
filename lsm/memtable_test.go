package lsm

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	gosync "sync"

	"github.com/statelab/statelab"
)

// slashPrefix ends the join key behind the first slash; keys without one have none.
var slashPrefix = statelab.Prefix{Name: "slash", Len: func(key []byte) int { return bytes.IndexByte(key, '/') + 1 }}

// newTestMemtable returns a memtable that is checked at the end of the test.
func newTestMemtable(t *testing.T, kind Memtable, limit int64, prefix statelab.Prefix) *memtable {
	t.Helper()
	pages := memtablePages(limit)
	m, err := newMemtable(kind, pages, prefix)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.check(); err != nil {
			t.Error(err)
		}
		m.release()
		pages.Release()
	})
	return m
}

func (m *memtable) mustAdd(t *testing.T, seq uint64, b *statelab.Batch) {
	t.Helper()
	if _, err := m.add(seq, b.Ops()); err != nil {
		t.Fatal(err)
	}
}

// valueOf returns what m has of a key as of a sequence, found by its hash.
func (m *memtable) valueOf(key string, seq uint64) string {
	group := groupOf(m.prefix, []byte(key))
	ref := m.find(group, hashKey(group), []byte(key))
	if ref == 0 {
		return ""
	}
	var f fold
	m.gather(&f, ref, seq)
	return string(f.appendValue(nil, statelab.MinWatermark))
}

// Groups of one record, of a few and of many, each found whole by its hash, by
// its keys and in the order of all, whether or not keys have a prefix.
func TestAMemtableFindsGroupsAndKeys(t *testing.T) {
	for i := range 6 {
		kind, prefix := Memtable(i/2), []statelab.Prefix{{}, slashPrefix}[i%2]
		t.Run(fmt.Sprint(kind, "/prefix=", prefix.Name), func(t *testing.T) {
			m := newTestMemtable(t, kind, 1<<20, prefix)
			rng := rand.New(rand.NewPCG(1, 2))
			want := map[string]string{}
			var b statelab.Batch
			for seq := range uint64(6000) {
				b.Reset()
				// Group g has about g records of the first 40, the others one each.
				g := rng.IntN(40)
				key := fmt.Sprintf("%02d/%d", g, rng.IntN(g+1))
				if seq%4 == 0 {
					key = fmt.Sprintf("x%d/", rng.IntN(2000))
				} else if seq%7 == 0 {
					key = fmt.Sprintf("no prefix %d", rng.IntN(100))
				}
				element := fmt.Sprint("<", seq, ">")
				b.Append([]byte(key), []byte(element), statelab.NoExpiry)
				m.mustAdd(t, seq, &b)
				want[key] += element
			}
			keys := slices.Sorted(maps.Keys(want))
			for _, key := range keys {
				if got := m.valueOf(key, maxSeq); got != want[key] {
					t.Fatalf("%q has %q, want %q", key, got, want[key])
				}
				if m.valueOf(key+"no", maxSeq) != "" {
					t.Fatalf("%qno is there", key)
				}
			}
			sameWalk(t, m, nil, keys)
			if prefix.Len == nil {
				return
			}
			for g := range 40 {
				group := fmt.Sprintf("%02d/", g)
				sameWalk(t, m, []byte(group), slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return key[:min(3, len(key))] != group }))
			}
			sameWalk(t, m, []byte("none/"), nil)
		})
	}
}

// sameWalk walks a group of m, or all of it, both ways and from seeks, and wants keys.
func sameWalk(t *testing.T, m *memtable, group []byte, keys []string) {
	t.Helper()
	var c memtableCursor
	if c.open(m, maxSeq); group != nil {
		c.openGroup(m, maxSeq, group, hashKey(group))
	}
	defer c.close()
	if c.none() {
		if len(keys) > 0 {
			t.Errorf("group %q has nothing, want %d keys", group, len(keys))
		}
		return
	}
	// A long group is walked within all keys, so it begins and ends by seeks.
	inside := func(ok bool) bool { return ok && bytes.HasPrefix(c.key(), group) }
	var up, down []string
	for ok := inside(c.seekGE(group)); ok; ok = inside(c.next()) {
		up = append(up, string(c.key()))
	}
	for ok := inside(c.seekLT(append(group[:len(group):len(group)], 0xff))); ok; ok = inside(c.prev()) {
		down = append(down, string(c.key()))
	}
	slices.Reverse(down)
	if !slices.Equal(up, keys) || !slices.Equal(down, keys) {
		t.Errorf("group %q is %q upwards and %q downwards, want %q", group, up, down, keys)
	}
	for i, key := range keys {
		if !c.seekGE([]byte(key)) || string(c.key()) != key {
			t.Fatalf("seekGE does not find %q", key)
		}
		if ok := inside(c.seekLT([]byte(key))); ok != (i > 0) || ok && string(c.key()) != keys[i-1] {
			t.Fatalf("seekLT(%q) finds %t", key, ok)
		}
	}
}

// Readers see, of each key, what was there as of their sequence, while groups
// grow long, slots are made anew and blocks are replaced beside them.
func TestAMemtableIsReadBesideItsWriter(t *testing.T) {
	rounds := 20000
	if testing.Short() {
		rounds = 4000
	}
	t.Run("blocks", func(t *testing.T) { readBesideWriter(t, MemtableBlocks, rounds) })
	t.Run("btree", func(t *testing.T) { readBesideWriter(t, MemtableBTree, 2000) })
	t.Run("huandu", func(t *testing.T) { readBesideWriter(t, MemtableHuandu, 2000) })
}

func readBesideWriter(t *testing.T, kind Memtable, rounds int) {
	m := newTestMemtable(t, kind, 4<<20, slashPrefix)
	var mu gosync.Mutex
	published := uint64(0)
	seq := func() uint64 {
		mu.Lock()
		defer mu.Unlock()
		return published
	}
	// Sequence n puts record n%16 of group n/16, and appends to "all/".
	keyOf := func(n uint64) string { return fmt.Sprintf("%d/%02d", n/16*7919%5003, n%16) }
	var wg gosync.WaitGroup
	for r := range uint64(2) {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(r, 3))
			for now := seq(); now < uint64(rounds) && !t.Failed(); now = seq() {
				if now == 0 {
					continue
				}
				n := 1 + rng.Uint64N(now)
				if got := m.valueOf(keyOf(n), now); got != fmt.Sprint(n) {
					t.Errorf("as of %d key %s has %q, want %d", now, keyOf(n), got, n)
				}
				if got := m.valueOf("all/", n); len(got) != int(n) {
					t.Errorf("as of %d there are %d elements", n, len(got))
				}
				group := groupOf(m.prefix, []byte(keyOf(n)))
				var c memtableCursor
				c.openGroup(m, now, group, hashKey(group))
				first, found := max(1, n/16*16), uint64(0)
				for ok := c.seekGE(group); ok && bytes.HasPrefix(c.key(), group); ok = c.next() {
					var f fold
					if c.gather(&f); len(f.elements) > 0 {
						found++
					}
				}
				if want := min(now, n/16*16+15) - first + 1; found != want {
					t.Errorf("as of %d group %s has %d records, want %d", now, group, found, want)
				}
			}
		})
	}
	var b statelab.Batch
	for n := uint64(1); n <= uint64(rounds); n++ {
		b.Reset()
		b.Put([]byte(keyOf(n)), fmt.Append(nil, n), statelab.NoExpiry)
		b.Append([]byte("all/"), []byte("."), statelab.NoExpiry)
		m.mustAdd(t, n, &b)
		mu.Lock()
		published = n
		mu.Unlock()
	}
	wg.Wait()
	if used := m.way.InUse(); used > int64(m.len())*60 {
		t.Errorf("%d bytes lead to %d records: what is replaced is not used again", used, m.len())
	}
}
