package btree

import (
	"fmt"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// brokenStore returns a store of three levels with a spilled record, which was
// committed and then changed.
func brokenStore(t *testing.T, fs vfs.FS) *Store {
	s := mustOpen(t, fs, Options{WriteBuffer: WriteBufferOff, Options: statelab.Options{Memory: 8 << 20}})
	for i := range 8000 {
		mustPut(t, s, fmt.Sprintf("key %d of a certain length", i*7919%8000), string(make([]byte, 100)), int64(i))
	}
	mustPut(t, s, "spilled", string(make([]byte, 50_000)), 77)
	mustDo(t, s.Sync())
	mustPut(t, s, "key 5", "changed", 5)
	mustDo(t, s.Check())
	if s.tree.height < 3 {
		t.Fatal("the tree is too low")
	}
	return s
}

// leafOf returns the leaf of a key, pinned.
func leafOf(t *testing.T, s *Store, key string) (leaf node, at int) {
	leaf, at, _, err := s.tree.find(s.tree.position, []byte(key), &s.tree.path)
	mustDo(t, err)
	return leaf, at
}

func rootOf(t *testing.T, s *Store) node {
	n, err := s.tree.get(s.tree.root, s.tree.height-1)
	mustDo(t, err)
	return n
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	for _, c := range []struct {
		id, name string
		harm     func(t *testing.T, fs vfs.FS, s *Store)
	}{
		{"B1", "two records have changed places", func(t *testing.T, _ vfs.FS, s *Store) {
			leaf, _ := leafOf(t, s, "key 5")
			a, b := leaf.slot(0), leaf.slot(1)
			leaf.setU16(slottedHeader, b)
			leaf.setU16(slottedHeader+slotSize, a)
			leaf.release()
		}},
		{"B1", "a head is that of another key", func(t *testing.T, _ vfs.FS, s *Store) {
			leaf, at := leafOf(t, s, "key 5")
			leaf.setU32(slottedHeader+slotSize*at+2, int(leaf.head(at)+1))
			leaf.release()
		}},
		{"B2", "a page is used by nobody", func(t *testing.T, _ vfs.FS, s *Store) {
			_, err := s.tree.space.alloc()
			mustDo(t, err)
		}},
		{"B2", "a reachable page is free", func(t *testing.T, _ vfs.FS, s *Store) {
			s.tree.space.unuse(s.tree.root.id)
		}},
		{"B2", "two parents have one child", func(t *testing.T, _ vfs.FS, s *Store) {
			n := rootOf(t, s)
			n.setChild(1, n.child(0), n.entry(0).sum)
			n.release()
		}},
		{"B3", "a page on disk has a flipped bit", func(t *testing.T, fs vfs.FS, s *Store) {
			leaf, _ := leafOf(t, s, "spilled")
			at := int64(leaf.ref().id) * DefaultPageSize
			leaf.release()
			rewrite(t, fs, treeFile, at, func(b []byte) { b[4000] ^= 1 })
		}},
		{"B3", "a reference is to an older page", func(t *testing.T, _ vfs.FS, s *Store) {
			n := rootOf(t, s)
			e := n.entry(0)
			e.child.birth--
			n.setChild(0, e.child, e.sum)
			n.release()
		}},
		{"B4", "a leaf is empty", func(t *testing.T, _ vfs.FS, s *Store) {
			leaf, _ := leafOf(t, s, "key 5")
			leaf.start(leaf.ref(), kindLeaf, 0)
			leaf.release()
		}},
		{"B5", "a parent thinks that its child lives longer", func(t *testing.T, _ vfs.FS, s *Store) {
			n := rootOf(t, s)
			e := n.entry(0)
			e.sum.dieAt++
			n.setChild(0, e.child, e.sum)
			n.release()
		}},
		{"B6", "a page of the last commit is free", func(t *testing.T, _ vfs.FS, s *Store) {
			sn := s.tree.snaps.list[0]
			s.tree.releasePage(sn.held[0])
			sn.held = sn.held[1:]
		}},
		{"B7", "a spill has lost a byte", func(t *testing.T, _ vfs.FS, s *Store) {
			leaf, at := leafOf(t, s, "spilled")
			sp := getSpill(leaf.record(at).body)
			sp.payload--
			appendSpill(leaf.record(at).body[:0], sp)
			leaf.release()
		}},
		{"B8", "a root slot is of another commit", func(t *testing.T, fs vfs.FS, s *Store) {
			r := s.tree.durable
			r.epoch--
			rewrite(t, fs, treeFile, DefaultPageSize, func(b []byte) { copy(b, r.encode()) })
		}},
	} {
		t.Run(c.id+" "+c.name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := brokenStore(t, fs)
			defer s.Close()
			c.harm(t, fs, s)
			err := s.Check()
			if err == nil || !strings.Contains(err.Error(), c.id+":") {
				t.Fatalf("Check: %v", err)
			}
		})
	}
}

func TestDumpShowsTheTree(t *testing.T) {
	s := brokenStore(t, vfs.NewMem())
	defer s.Close()
	var b strings.Builder
	mustDo(t, s.Dump(&b))
	for _, want := range []string{"height 3", "inner 2 ", "inner 1 ", "leaf ", "records 8002, of them 1 spilled", "leaves that follow their neighbour"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in\n%s", want, b.String())
		}
	}
}

func TestElementsAreToldApart(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), Options{})
	defer s.Close()
	for _, size := range []int{3, 3000} { // in a leaf, and spilled
		key := fmt.Appendf(nil, "key %d", size)
		var b statelab.Batch
		var want []string
		for i := range 5 {
			element := strings.Repeat(string(rune('a'+i)), size)
			b.Append(key, []byte(element), int64(100+i%3))
			if i%3 > 0 {
				want = append(want, fmt.Sprintf("%s %d", element, 100+i%3))
			}
		}
		mustDo(t, s.Apply(&b))
		mustDo(t, s.Advance(100))
		var got []string
		mustDo(t, s.Elements(key, func(element []byte, expireAt int64) bool {
			got = append(got, fmt.Sprintf("%s %d", element, expireAt))
			return true
		}))
		if strings.Join(got, ",") != strings.Join(want, ",") {
			t.Errorf("elements of %d bytes: %.80q, want %.80q", size, got, want)
		}
		mustPut(t, s, string(key), "dead soon", 101)
	}
	mustDo(t, s.Advance(101))
	for _, key := range []string{"key 3", "none"} {
		if err := s.Elements([]byte(key), nil); err != statelab.ErrNotFound {
			t.Errorf("Elements(%q): %v", key, err)
		}
	}
}
