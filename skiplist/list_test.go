package skiplist

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/offheap"
)

func newTestList(t testing.TB, o ListOptions) *List {
	t.Helper()
	before := offheap.InUse()
	l, err := NewList(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Check(); err != nil {
			t.Error(err)
		}
		l.Release()
		if now := offheap.InUse(); now != before {
			t.Errorf("%d bytes off the heap after Release, %d before NewList", now, before)
		}
	})
	return l
}

func put(key, value string) statelab.Op {
	return statelab.Op{Kind: statelab.OpPut, Key: []byte(key), Value: []byte(value), ExpireAt: 7}
}

func mustAdd(t testing.TB, l *List, seq uint64, op statelab.Op) {
	t.Helper()
	if err := l.Add(seq, op); err != nil {
		t.Fatal(err)
	}
}

// chain prints a node's versions, newest first.
func chain(n Node) string {
	var b strings.Builder
	for v, ok := n.Newest(), true; ok; v, ok = v.Older() {
		fmt.Fprintf(&b, "%d %s %d %s;", v.Seq, v.Kind, v.ExpireAt, v.Value)
	}
	return b.String()
}

func TestListKeepsVersionsNewestFirst(t *testing.T) {
	l := newTestList(t, ListOptions{})
	mustAdd(t, l, 1, put("k", "a"))
	mustAdd(t, l, 1, statelab.Op{Kind: statelab.OpAppend, Key: []byte("k"), Value: []byte("b"), ExpireAt: statelab.NoExpiry})
	mustAdd(t, l, 2, put("j", "x"))
	mustAdd(t, l, 3, statelab.Op{Kind: statelab.OpDelete, Key: []byte("k"), ExpireAt: statelab.NoExpiry})
	n, ok := l.Find([]byte("k"))
	if !ok {
		t.Fatal("k not found")
	}
	want := fmt.Sprintf("3 delete %d ;1 append %[1]d b;1 put 7 a;", statelab.NoExpiry)
	if got := chain(n); got != want {
		t.Errorf("versions %q, want %q", got, want)
	}
	if l.Len() != 2 {
		t.Errorf("Len is %d, want 2", l.Len())
	}
	if _, ok := l.Find([]byte("jj")); ok {
		t.Error("found a key that was not added")
	}
}

func TestListAgreesWithSortedSlice(t *testing.T) {
	for _, o := range []ListOptions{{}, {MaxHeight: 1}, {MaxHeight: 3, Branching: 2}, {ChunkSize: 4096, Seed: 9}} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			l := newTestList(t, o)
			rnd := rand.New(rand.NewPCG(1, 2))
			var keys []string
			for i := range 800 {
				key := randomKey(rnd)
				mustAdd(t, l, uint64(i), put(key, strings.Repeat("v", rnd.IntN(40))))
				if at, found := slices.BinarySearch(keys, key); !found {
					keys = slices.Insert(keys, at, key)
				}
			}
			compareWithKeys(t, l, keys, rnd)
		})
	}
}

func randomKey(rnd *rand.Rand) string {
	key := make([]byte, rnd.IntN(3))
	for i := range key {
		key[i] = byte(rnd.IntN(24)) * 11
	}
	return string(key)
}

func compareWithKeys(t *testing.T, l *List, keys []string, rnd *rand.Rand) {
	t.Helper()
	if l.Len() != len(keys) {
		t.Fatalf("Len is %d, want %d", l.Len(), len(keys))
	}
	var forward, backward []string
	for n, ok := l.First(); ok; n, ok = n.Next() {
		forward = append(forward, string(n.Key()))
	}
	for n, ok := l.Last(); ok; n, ok = n.Prev() {
		backward = append(backward, string(n.Key()))
	}
	slices.Reverse(backward)
	if !slices.Equal(forward, keys) || !slices.Equal(backward, keys) {
		t.Fatalf("forwards %x\nbackwards %x\nwant %x", forward, backward, keys)
	}
	for range 300 {
		key := randomKey(rnd)
		at, found := slices.BinarySearch(keys, key)
		if n, ok := l.Find([]byte(key)); ok != found || ok && string(n.Key()) != key {
			t.Fatalf("Find(%x) = %v, want %v", key, ok, found)
		}
		if n, ok := l.SeekGE([]byte(key)); ok != (at < len(keys)) || ok && string(n.Key()) != keys[at] {
			t.Fatalf("SeekGE(%x) is wrong", key)
		}
		if n, ok := l.SeekLT([]byte(key)); ok != (at > 0) || ok && string(n.Key()) != keys[at-1] {
			t.Fatalf("SeekLT(%x) is wrong", key)
		}
	}
}

func TestEmptyListHasNoEnds(t *testing.T) {
	l := newTestList(t, ListOptions{})
	for name, move := range map[string]func() (Node, bool){
		"First": l.First, "Last": l.Last,
		"Find":   func() (Node, bool) { return l.Find(nil) },
		"SeekGE": func() (Node, bool) { return l.SeekGE(nil) },
		"SeekLT": func() (Node, bool) { return l.SeekLT([]byte("z")) },
	} {
		if _, ok := move(); ok {
			t.Errorf("%s stands on a node", name)
		}
	}
}

func TestLargeElementsGetChunksOfTheirOwn(t *testing.T) {
	l := newTestList(t, ListOptions{ChunkSize: 4096})
	for i, size := range []int{0, 1000, 1024, 4096, 100_000, 3} {
		mustAdd(t, l, uint64(i), put(fmt.Sprint(i), strings.Repeat("x", size)))
	}
	mustAdd(t, l, 9, put(strings.Repeat("k", statelab.MaxKeySize), "v"))
	for i, size := range []int{0, 1000, 1024, 4096, 100_000, 3} {
		n, ok := l.Find([]byte(fmt.Sprint(i)))
		if !ok || len(n.Newest().Value) != size || bytes.Trim(n.Newest().Value, "x") != nil && size > 0 {
			t.Errorf("element of %d bytes came back wrong", size)
		}
	}
	n, ok := l.Last()
	if !ok || len(n.Key()) != statelab.MaxKeySize {
		t.Errorf("longest key came back with %d bytes", len(n.Key()))
	}
}

func TestHeightsDependOnTheSeedAlone(t *testing.T) {
	bytesOf := func(seed uint64) int64 {
		l := newTestList(t, ListOptions{Seed: seed})
		for i := range 2000 {
			mustAdd(t, l, 0, put(fmt.Sprint(i), ""))
		}
		return l.Bytes()
	}
	if a, b := bytesOf(1), bytesOf(1); a != b {
		t.Errorf("the same seed made lists of %d and %d bytes", a, b)
	}
	if a, b := bytesOf(1), bytesOf(2); a == b {
		t.Errorf("two seeds made lists of %d bytes both", a)
	}
}

func TestHeightsFollowBranching(t *testing.T) {
	const n = 40000
	for _, branching := range []int{2, 4, 16} {
		l := newTestList(t, ListOptions{Branching: branching})
		above := 0
		for range n {
			if l.randomHeight() > 1 {
				above++
			}
		}
		if want := n / branching; above < want*9/10 || above > want*11/10 {
			t.Errorf("branching %d: %d of %d nodes rise, want about %d", branching, above, n, want)
		}
	}
}

func TestListOptionsNameEveryFault(t *testing.T) {
	_, err := NewList(ListOptions{MaxHeight: 99, Branching: 1, ChunkSize: 3})
	if err == nil {
		t.Fatal("NewList took bad options")
	}
	for _, want := range []string{"MaxHeight is 99", "Branching is 1", "ChunkSize is 3"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %q", err, want)
		}
	}
}

func TestReadsDoNotAllocate(t *testing.T) {
	l := newTestList(t, ListOptions{})
	for i := range 100 {
		mustAdd(t, l, 0, put(fmt.Sprint(i), "v"))
	}
	key, size := []byte("42"), 0
	allocs := testing.AllocsPerRun(100, func() {
		for n, ok := l.SeekGE(key); ok; n, ok = n.Next() {
			for v, ok := n.Newest(), true; ok; v, ok = v.Older() {
				size += len(v.Value)
			}
		}
	})
	if allocs != 0 || size == 0 {
		t.Errorf("%v allocations a scan of %d bytes", allocs, size)
	}
}

// TestReadersBesideTheWriter lets readers check, while a writer adds, that all
// keys below a published number are found, that keys ascend, and that versions
// are whole.
func TestReadersBesideTheWriter(t *testing.T) {
	const n = 4000
	l := newTestList(t, ListOptions{ChunkSize: 4096, Branching: 2})
	keyOf := func(buf []byte, i int) []byte {
		return binary.BigEndian.AppendUint32(buf, uint32(i)*2654435761)
	}
	var published atomic.Int64
	var readers sync.WaitGroup
	for r := range 2 {
		readers.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(r), 3))
			for done := 0; done < n; {
				done = int(published.Load())
				if done == 0 {
					continue
				}
				i := rnd.IntN(done)
				key := keyOf(nil, i)
				node, ok := l.Find(key)
				if !ok || !bytes.Equal(node.Newest().Value, key) {
					t.Errorf("key %d of %d published is missing or wrong", i, done)
					return
				}
				last := key
				for range 20 {
					if node, ok = node.Next(); !ok {
						break
					}
					if bytes.Compare(node.Key(), last) <= 0 || !bytes.Equal(node.Newest().Value, node.Key()) {
						t.Errorf("key %x follows %x with value %x", node.Key(), last, node.Newest().Value)
						return
					}
					last = node.Key()
				}
				if node, ok = l.SeekLT(key); ok && bytes.Compare(node.Key(), key) >= 0 {
					t.Errorf("SeekLT(%x) = %x", key, node.Key())
					return
				}
			}
		})
	}
	for i := range n {
		key := keyOf(nil, i)
		mustAdd(t, l, uint64(i), statelab.Op{Kind: statelab.OpAppend, Key: key, Value: key, ExpireAt: 1})
		if i%3 == 0 {
			mustAdd(t, l, uint64(i), statelab.Op{Kind: statelab.OpPut, Key: key, Value: key, ExpireAt: 2})
		}
		published.Store(int64(i + 1))
	}
	readers.Wait()
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	build := func() *List {
		l, err := NewList(ListOptions{Branching: 2})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 64 {
			mustAdd(t, l, 0, put(fmt.Sprintf("%02d", i), ""))
		}
		return l
	}
	tall := func(l *List) (ref Node) {
		for n, ok := l.First(); ok; n, ok = n.Next() {
			if l.node(n.ref).height > 1 {
				ref = n
			}
		}
		return ref
	}
	for want, harm := range map[string]func(l *List){
		"S1": func(l *List) { n, _ := l.Last(); copy(n.Key(), "00") },
		"S2": func(l *List) { l.link(l.head, 1).Store(uint32(tall(l).ref)) },
		"S6": func(l *List) { n, _ := l.Last(); l.node(n.ref).prev.Store(uint32(l.head)) },
		"list counts": func(l *List) {
			l.length.Add(1)
		},
	} {
		l := build()
		if err := l.Check(); err != nil {
			t.Fatal(err)
		}
		harm(l)
		if err := l.Check(); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: Check says %v", want, err)
		}
		l.Release()
	}
}
