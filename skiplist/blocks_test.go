package skiplist

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

func TestBlocksAreAnIndex(t *testing.T) {
	for _, fanout := range []int{4, defaultFanout} {
		if testing.Short() && fanout != defaultFanout {
			continue
		}
		t.Run(fmt.Sprint("fanout=", fanout), func(t *testing.T) { indextest.Run(t, arena.NewSlabs, blocksOf(fanout)) })
	}
}

// A blockTest is an index in blocks and the records in it.
type blockTest struct {
	*testing.T
	a    *arena.Arena
	keys memstore.Keys
	x    *blocks
	refs map[string]arena.Ref
}

func newBlockTest(t *testing.T, fanout int) *blockTest {
	t.Helper()
	a := arena.NewSlabs()
	t.Cleanup(a.Release)
	x, err := newBlocks(fanout, a, &fifo{a: a})
	if err != nil {
		t.Fatal(err)
	}
	return &blockTest{t, a, memstore.Keys{Mem: a}, x.(*blocks), map[string]arena.Ref{}}
}

func (b *blockTest) record(key string) arena.Ref {
	b.Helper()
	ref, err := b.keys.NewRecord([]byte(key), 0)
	if err != nil {
		b.Fatal(err)
	}
	return ref
}

func (b *blockTest) insert(key string) error {
	ref := b.record(key)
	if err := b.x.Insert(ref); err != nil {
		return err
	}
	b.refs[key] = ref
	return nil
}

func (b *blockTest) remove(key string) {
	b.x.Remove(b.refs[key])
	b.keys.FreeRecord(b.refs[key])
	delete(b.refs, key)
}

func (b *blockTest) check() {
	b.Helper()
	if err := b.x.Check(); err != nil {
		b.Fatal(err)
	}
}

// picture draws the keys of each block, a line a level: what is to depend on
// the keys alone.
func (b *blockTest) picture() string {
	lines := make([]strings.Builder, b.x.top()+1)
	var visit func(ref uint32)
	visit = func(ref uint32) {
		at := b.x.at(ref)
		lines[at.level].WriteString("[")
		if at.level == 0 {
			var w leafWalk
			w.startFirst(b.x, at)
			for ref := w.next(b.x); ref != 0; ref = w.next(b.x) {
				fmt.Fprintf(&lines[0], " %s", b.keys.Of(ref))
			}
		}
		n, _ := at.counts()
		for i := 0; i < n && at.level > 0; i++ {
			below := at.ref(i).Load()
			if i > 0 {
				fmt.Fprintf(&lines[at.level], " %s", b.x.leader(at, i))
			}
			visit(below)
		}
		lines[at.level].WriteString(" ]")
	}
	visit(b.x.root.Load())
	var all []string
	for i := range lines {
		all = append(all, lines[i].String())
	}
	return strings.Join(all, "\n")
}

func TestBlocksDependOnTheirKeysAlone(t *testing.T) {
	const n = 500
	key := func(i int) string { return fmt.Sprintf("%05d", i) }
	ascending, shuffled := newBlockTest(t, 4), newBlockTest(t, 4)
	for i := range n {
		if err := ascending.insert(key(i)); err != nil {
			t.Fatal(err)
		}
	}
	// 617 is prime to 2n: all keys of twice the range come, and half go again.
	for i := range 2 * n {
		if err := shuffled.insert(key(i * 617 % (2 * n))); err != nil {
			t.Fatal(err)
		}
	}
	before := shuffled.picture()
	for i := n; i < 2*n; i++ {
		shuffled.remove(key(i))
	}
	ascending.check()
	shuffled.check()
	if ascending.picture() == before {
		t.Error("the picture does not show what the keys are")
	}
	if got, want := shuffled.picture(), ascending.picture(); got != want {
		t.Errorf("inserted in another order, with others that went again:\n%s\nwant\n%s", got, want)
	}
}

func TestReadersOfBlocksAllocateNothing(t *testing.T) {
	b := newBlockTest(t, 4)
	for i := range 500 { // out of order, so that blocks have entries that are
		if err := b.insert(fmt.Sprintf("%05d", i*617%500)); err != nil {
			t.Fatal(err)
		}
	}
	key, refs := []byte("00200"), make([]arena.Ref, 0, 60)
	for name, read := range map[string]func(){
		"Find":    func() { b.x.Find(key) },
		"Ascend":  func() { b.x.Ascend(refs, key, true) },
		"Descend": func() { b.x.Descend(refs, key, false) },
	} {
		if allocs := testing.AllocsPerRun(100, read); allocs != 0 {
			t.Errorf("%s: %v allocations", name, allocs)
		}
	}
}

func TestBlocksBuiltAtOnceAreThoseInserted(t *testing.T) {
	for _, n := range []int{1, 5, 1000} {
		inserted, built := newBlockTest(t, 4), newBlockTest(t, 4)
		var refs []arena.Ref
		for i := range n {
			key := fmt.Sprintf("%05d", i)
			if err := inserted.insert(key); err != nil {
				t.Fatal(err)
			}
			refs = append(refs, built.record(key))
		}
		if err := built.x.Build(refs); err != nil {
			t.Fatal(err)
		}
		built.check()
		if got, want := built.picture(), inserted.picture(); got != want {
			t.Errorf("built of %d keys:\n%s\nwant\n%s", n, got, want)
		}
	}
}

func TestBuildingWithoutMemoryFails(t *testing.T) {
	b := newBlockTest(t, 4)
	var refs []arena.Ref
	for i := range 40_000 { // so that what is mapped and free is too little for the index
		refs = append(refs, b.record(fmt.Sprintf("%05d", i)))
	}
	b.a.LimitTo(b.a.Mapped())
	if err := b.x.Build(refs); !errors.Is(err, arena.ErrFull) {
		t.Errorf("Build: %v, want ErrFull", err)
	}
	b.check()
}

// TestBlocksKeepWhatTheyHaveWithoutMemory fills an arena that gets no more. An
// insert fails and changes nothing; removing always works.
func TestBlocksKeepWhatTheyHaveWithoutMemory(t *testing.T) {
	b := newBlockTest(t, 4)
	b.a.LimitTo(b.a.Mapped() + 1)
	var err error
	for i := 0; err == nil; i++ {
		key := fmt.Sprintf("%07d", i*7919%1_000_003)
		ref, allocErr := b.keys.NewRecord([]byte(key), 0)
		if allocErr != nil {
			err = allocErr
			break
		}
		if err = b.x.Insert(ref); err == nil {
			b.refs[key] = ref
		} else {
			b.keys.FreeRecord(ref)
		}
	}
	if !errors.Is(err, arena.ErrFull) {
		t.Fatalf("the arena's end is told as %v", err)
	}
	if b.x.Len() != len(b.refs) || len(b.refs) < 1000 {
		t.Fatalf("%d keys are in the index, want %d, and more than a thousand", b.x.Len(), len(b.refs))
	}
	b.check()
	keys := make([]string, 0, len(b.refs))
	for key := range b.refs {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		b.remove(key)
	}
	b.check()
	if b.x.Len() != 0 {
		t.Errorf("%d keys are left", b.x.Len())
	}
}

func TestFanoutOutOfRangeIsRefused(t *testing.T) {
	a := arena.NewSlabs()
	defer a.Release()
	for _, fanout := range []int{minFanout - 1, maxFanout + 1} {
		if _, err := newBlocks(fanout, a, &fifo{a: a}); err == nil {
			t.Errorf("fanout %d is taken", fanout)
		}
	}
}

// TestBlocksFindTheirWayInLongGroups looks for keys, and for others before, between and
// behind them, that have more in common than a head on any level tells apart.
func TestBlocksFindTheirWayInLongGroups(t *testing.T) {
	const groups, each = 8, 200
	b := newBlockTest(t, 4)
	var keys []string
	for i := range groups * each {
		group, member := i%groups, i/groups
		keys = append(keys, fmt.Sprintf("%c in group %d, which has a long name, member %03d of all", 'a'+group/4, group, member))
	}
	slices.Sort(keys)
	for i := range keys {
		if err := b.insert(keys[i*3%len(keys)]); err != nil { // which is all of them: no multiple of 3
			t.Fatal(err)
		}
	}
	b.check()
	for i, key := range keys {
		if got := b.x.Find([]byte(key)); got != b.refs[key] {
			t.Fatalf("Find(%q) returns %d, want %d", key, got, b.refs[key])
		}
		for _, near := range []string{key[:len(key)-8], key[:len(key)/2] + "\x00", key[:len(key)/2] + "~", key + "~"} {
			at, _ := slices.BinarySearch(keys, near)
			want := arena.Ref(0)
			if at < len(keys) {
				want = b.refs[keys[at]]
			}
			var got arena.Ref
			if refs := b.x.Ascend(make([]arena.Ref, 0, 1), []byte(near), false); len(refs) > 0 {
				got = refs[0]
			}
			if got != want {
				t.Fatalf("key %d: ascending from %q, %d comes first, want %d", i, near, got, want)
			}
		}
	}
}
