package cache

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/offheap"
)

// newCache returns a cache that is closed, and must then have given back all
// its memory, at the end of the test.
func newCache(t *testing.T, o Options) *Cache {
	t.Helper()
	before := offheap.InUse()
	c := New(o)
	t.Cleanup(func() {
		if err := c.arena.Check(); err != nil {
			t.Error(err)
		}
		c.Close()
		if after := offheap.InUse(); after != before {
			t.Errorf("%d bytes are not given back", after-before)
		}
	})
	return c
}

func eachPolicy(t *testing.T, test func(t *testing.T, p Policy)) {
	for i, name := range PolicyNames() {
		t.Run(name, func(t *testing.T) { test(t, Policy(i)) })
	}
}

// content is what the tests keep under a key: its bytes tell the key.
func content(key Key, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(key.File*31 + key.Offset*7 + uint64(i))
	}
	return b
}

func put(t testing.TB, c *Cache, key Key, n int) {
	t.Helper()
	h, err := c.Add(key, content(key, n))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(h.Bytes(), content(key, n)) {
		t.Fatalf("%v: Add returned other bytes", key)
	}
	h.Release()
}

func has(c *Cache, key Key) bool {
	h, ok := c.Get(key, 0)
	h.Release()
	return ok
}

// listed is has without the use, which policies take note of.
func listed(c *Cache, key Key) bool {
	hash := key.hash()
	return c.shards[hash>>c.shift].find(hash, key) != 0
}

func wantListed(t *testing.T, c *Cache, want ...bool) {
	t.Helper()
	for i, want := range want {
		if got := listed(c, Key{0, uint64(i)}); got != want {
			t.Errorf("block %d: %v, want %v", i, got, want)
		}
	}
}

// budgetFor returns the budget that holds just so many blocks of n bytes.
func budgetFor(blocks, n int) int64 {
	a := arena.NewSlabs()
	defer a.Release()
	return int64(blocks) * int64(a.SizeOf(headerSize+n))
}

func TestGetReturnsWhatWasAdded(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p Policy) {
		c := newCache(t, Options{Budget: 64 << 20, Policy: p, Kinds: []string{"data", "index"}})
		for i := range uint64(3000) {
			put(t, c, Key{i % 7, i}, int(i*37%9000))
		}
		for i := range uint64(3000) {
			key := Key{i % 7, i}
			h, ok := c.Get(key, 1)
			if !ok || !bytes.Equal(h.Bytes(), content(key, int(i*37%9000))) {
				t.Fatalf("%v: %v", key, ok)
			}
			h.Release()
		}
		if has(c, Key{7, 0}) {
			t.Fatal("a block is there that was not added")
		}
		want := []statelab.CacheStats{{Kind: "data", Misses: 1}, {Kind: "index", Hits: 3000}}
		if got := c.Stats(); !slices.Equal(got, want) {
			t.Fatalf("stats %+v, want %+v", got, want)
		}
	})
}

func TestSecondInsertYieldsToTheFirst(t *testing.T) {
	c := newCache(t, Options{Budget: 1 << 20})
	key := Key{1, 2}
	a, err := c.Alloc(key, 10)
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Alloc(key, 10)
	if err != nil {
		t.Fatal(err)
	}
	a, b = c.Insert(a), c.Insert(b)
	if &a.Bytes()[0] != &b.Bytes()[0] {
		t.Fatal("two blocks under one key")
	}
	if want := budgetFor(1, 10); c.Used() != want {
		t.Fatalf("%d bytes in use, want %d", c.Used(), want)
	}
	a.Release()
	b.Release()
	b.Release() // of the zero Handle does nothing
	if !has(c, key) {
		t.Fatal("the block is gone")
	}
}

func TestLRUEvictsWhatWasNotUsedForLongest(t *testing.T) {
	c := newCache(t, Options{Budget: budgetFor(3, 1000), Policy: LRU})
	for i := range uint64(3) {
		put(t, c, Key{0, i}, 1000)
	}
	has(c, Key{0, 0}) // so 1 is the oldest
	put(t, c, Key{0, 3}, 1000)
	wantListed(t, c, true, false, true, true)
}

func TestClockSparesWhatWasUsedSinceItLastPassed(t *testing.T) {
	c := newCache(t, Options{Budget: budgetFor(3, 1000), Policy: Clock})
	for i := range uint64(3) {
		put(t, c, Key{0, i}, 1000)
	}
	has(c, Key{0, 0})
	put(t, c, Key{0, 3}, 1000) // passes 0, takes 1
	wantListed(t, c, true, false, true, true)
	put(t, c, Key{0, 4}, 1000) // takes 2
	put(t, c, Key{0, 5}, 1000) // takes 0, which has lost its mark
	wantListed(t, c, false, false, false, true, true, true)
}

func TestPoliciesPassOverPinnedBlocks(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p Policy) {
		c := newCache(t, Options{Budget: budgetFor(3, 1000), Policy: p})
		pinned, err := c.Add(Key{0, 0}, make([]byte, 1000))
		if err != nil {
			t.Fatal(err)
		}
		for i := range uint64(3) {
			put(t, c, Key{0, i + 1}, 1000)
		}
		wantListed(t, c, true, false, true, true)
		pinned.Release()
	})
}

func TestOversizeBlockLeavesTheOthers(t *testing.T) {
	c := newCache(t, Options{Budget: budgetFor(3, 1000)})
	for i := range uint64(3) {
		put(t, c, Key{0, i}, 1000)
	}
	put(t, c, Key{0, 3}, 4000)
	wantListed(t, c, true, true, true, false)
}

func TestPinnedBlocksStay(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p Policy) {
		c := newCache(t, Options{Budget: budgetFor(4, 1000), Policy: p})
		var pins []Handle
		for i := range uint64(6) { // two more than fit
			h, err := c.Add(Key{9, i}, content(Key{9, i}, 1000))
			if err != nil {
				t.Fatal(err)
			}
			pins = append(pins, h)
		}
		for i := range uint64(100) {
			put(t, c, Key{1, i}, 1000)
		}
		c.Resize(0)
		for i, h := range pins {
			if !bytes.Equal(h.Bytes(), content(Key{9, uint64(i)}, 1000)) {
				t.Fatalf("pinned block %d was overwritten", i)
			}
		}
		if want := budgetFor(6, 1000); c.Used() != want {
			t.Fatalf("%d bytes in use, want %d", c.Used(), want)
		}
		for i := range pins {
			pins[i].Release()
		}
		if c.Used() != 0 {
			t.Fatalf("C3: %d bytes in use with a budget of 0", c.Used())
		}
	})
}

func TestBudgetHolds(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p Policy) {
		for _, budget := range []int64{0, 1000, 100_000, 5 << 20} {
			c := newCache(t, Options{Budget: budget, Policy: p})
			for i := range uint64(1000) {
				put(t, c, Key{i, i * i}, int(i*i%20000))
				if used := c.Used(); used > budget {
					t.Fatalf("%d bytes in use, budget %d", used, budget)
				}
			}
			if budget > 100_000 && c.Used() < budget*9/10 {
				t.Fatalf("only %d bytes in use of %d", c.Used(), budget)
			}
			c.Resize(budget / 3)
			if used := c.Used(); used > budget/3 {
				t.Fatalf("%d bytes in use after shrinking to %d", used, budget/3)
			}
		}
	})
}

func TestDropEvictsAFile(t *testing.T) {
	c := newCache(t, Options{Budget: 8 << 20})
	for i := range uint64(1000) {
		put(t, c, Key{i % 2, i}, 100)
	}
	pinned, _ := c.Get(Key{1, 1}, 0)
	defer pinned.Release()
	c.Drop(1)
	for i := range uint64(1000) {
		if has(c, Key{i % 2, i}) != (i%2 == 0) {
			t.Fatalf("block %d of file %d is there: %v", i, i%2, i%2 == 1)
		}
	}
}

// Whatever is evicted, by want of room or with its file, of each file exactly the
// entries that are listed can be walked over.
func TestFilesKnowTheirEntries(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p Policy) {
		c := newCache(t, Options{Budget: budgetFor(100, 100), Policy: p})
		for i := range uint64(2000) {
			put(t, c, Key{i * i % 7, i}, 100)
			if i%97 == 0 {
				c.Drop(i % 7)
			}
			if i%50 > 0 {
				continue
			}
			for j := range c.shards {
				s := &c.shards[j]
				n := 0
				for file, ref := range s.files {
					for before := arena.Ref(0); ref != 0; n++ {
						e := entryOf(c.arena, ref)
						if e.key.File != file || e.before != before || s.find(e.key.hash(), e.key) != ref {
							t.Fatalf("%v is among the entries of file %d after %v", e.key, file, before)
						}
						before, ref = ref, e.after
					}
				}
				if n != s.entries {
					t.Fatalf("files have %d entries of %d", n, s.entries)
				}
			}
		}
		for file := range uint64(7) {
			c.Drop(file)
		}
		if c.Used() != 0 {
			t.Errorf("%d bytes are used when all files are dropped", c.Used())
		}
	})
}

// BenchmarkDrop drops a file of ten blocks from a cache of many.
func BenchmarkDrop(b *testing.B) {
	c := New(Options{Budget: 64 << 20})
	defer c.Close()
	for i := range uint64(100000) {
		put(b, c, Key{1, i}, 100)
	}
	for file := uint64(2); b.Loop(); file++ {
		for i := range uint64(10) {
			put(b, c, Key{file, i}, 100)
		}
		c.Drop(file)
	}
}

func TestMemoryOutlivesItsLastReader(t *testing.T) {
	before := offheap.InUse()
	c := New(Options{Budget: 1 << 20})
	key := Key{1, 1}
	h, err := c.Add(key, content(key, 5000))
	if err != nil {
		t.Fatal(err)
	}
	filled, err := c.Alloc(Key{1, 2}, 10)
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if _, ok := c.Get(key, 0); ok {
		t.Error("Get finds a block after Close")
	}
	if _, err := c.Alloc(key, 10); !errors.Is(err, statelab.ErrClosed) {
		t.Errorf("Alloc after Close: %v", err)
	}
	filled = c.Insert(filled)
	filled.Release()
	if !bytes.Equal(h.Bytes(), content(key, 5000)) {
		t.Fatal("the bytes under a handle are gone")
	}
	if offheap.InUse() == before {
		t.Fatal("the memory under a handle was given back")
	}
	h.Release()
	if after := offheap.InUse(); after != before {
		t.Fatalf("%d bytes are not given back", after-before)
	}
	c.Close()
}

func TestGetDoesNotAllocate(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p Policy) {
		c := newCache(t, Options{Budget: 1 << 20, Policy: p, Kinds: []string{"data"}})
		for i := range uint64(10) {
			put(t, c, Key{0, i}, 100)
		}
		var i uint64
		n := testing.AllocsPerRun(1000, func() {
			h, ok := c.Get(Key{0, i % 12}, 0) // some are not there
			if ok {
				h.Release()
			}
			i++
		})
		if n != 0 {
			t.Fatalf("%v allocations per Get", n)
		}
	})
}

func TestBlocksAreNotHeapObjects(t *testing.T) {
	objects := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapObjects
	}
	c := newCache(t, Options{Budget: 1 << 28})
	block := make([]byte, 64)
	before := objects()
	for i := range uint64(50_000) {
		h, err := c.Add(Key{0, i}, block)
		if err != nil {
			t.Fatal(err)
		}
		h.Release()
	}
	if after := objects(); after > before+1000 {
		t.Fatalf("%d heap objects for 50000 blocks", after-before)
	}
	runtime.KeepAlive(c)
}

// TestConcurrentUse lets readers and writers of the same keys meet, under the
// race detector if it is on, with a budget that holds a fraction of them.
func TestConcurrentUse(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p Policy) {
		c := newCache(t, Options{Budget: 4 << 20, Policy: p, Kinds: []string{"data"}})
		var all sync.WaitGroup
		for worker := range uint64(4) {
			all.Go(func() {
				if err := churn(c, rand.New(rand.NewPCG(worker, 1))); err != nil {
					t.Error(err)
				}
			})
		}
		all.Go(func() {
			for i := range int64(50) {
				c.Resize((1 + i%4) << 20)
				c.Drop(uint64(i % 5))
				c.Stats()
				runtime.Gosched()
			}
		})
		all.Wait()
		c.Resize(1 << 20)
		if c.Used() > 1<<20 {
			t.Fatalf("%d bytes in use", c.Used())
		}
	})
}

// churn gets or adds blocks that begin with their key, holding some for a while.
func churn(c *Cache, r *rand.Rand) error {
	var held [8]Handle
	for range 2000 {
		key := Key{uint64(r.IntN(5)), uint64(r.IntN(400))}
		h, ok := c.Get(key, 0)
		if !ok {
			block := make([]byte, 16+key.Offset*50)
			binary.LittleEndian.PutUint64(block, key.File)
			binary.LittleEndian.PutUint64(block[8:], key.Offset)
			var err error
			if h, err = c.Add(key, block); err != nil {
				return err
			}
		}
		i := r.IntN(len(held))
		held[i].Release()
		held[i] = h
		b := held[r.IntN(len(held))].Bytes()
		if b == nil {
			continue
		}
		if uint64(len(b)) != 16+binary.LittleEndian.Uint64(b[8:])*50 || binary.LittleEndian.Uint64(b) >= 5 {
			return errors.New("a held block is not what was added")
		}
	}
	for i := range held {
		held[i].Release()
	}
	return nil
}

// BenchmarkGet looks up blocks that are all there.
func BenchmarkGet(b *testing.B) {
	for i, name := range PolicyNames() {
		b.Run(name, func(b *testing.B) {
			c := New(Options{Budget: 64 << 20, Policy: Policy(i), Kinds: []string{"data"}})
			defer c.Close()
			block := make([]byte, 4000)
			for i := range uint64(8192) {
				h, err := c.Add(Key{1, i * 4096}, block)
				if err != nil {
					b.Fatal(err)
				}
				h.Release()
			}
			b.RunParallel(func(pb *testing.PB) {
				for i := uint64(0); pb.Next(); i++ {
					h, ok := c.Get(Key{1, i * 2654435761 % 8192 * 4096}, 0)
					if !ok {
						b.Error("a block is not there")
						return
					}
					h.Release()
				}
			})
		})
	}
}

// Large blocks that are used all the time, as filters are, stay while small
// ones stream through, also after files give way to others, as compaction makes
// them: then shards are left with unequal parts of the budget.
func TestLargeHotBlocksOutliveAStream(t *testing.T) {
	c := newCache(t, Options{Budget: 16 << 20, Kinds: []string{"hot", "cold"}})
	if len(c.shards) < 2 {
		t.Fatal("one shard shows nothing")
	}
	const files, hot, hotBytes = 5, 50, 240 << 10 // three quarters of the budget
	rng := rand.New(rand.NewPCG(1, 1))
	misses := 0
	for i := range uint64(100_000) {
		file := i / (100_000 / files)
		if i%(100_000/files) == 0 {
			c.Drop(file - 1)
		}
		key := Key{file, rng.Uint64N(hot)}
		h, ok := c.Get(key, 0)
		if !ok {
			misses++
			var err error
			if h, err = c.Alloc(key, hotBytes); err != nil {
				t.Fatal(err)
			}
			h = c.Insert(h)
		}
		h.Release()
		cold, err := c.Add(Key{files, i}, make([]byte, 4<<10))
		if err != nil {
			t.Fatal(err)
		}
		cold.Release()
	}
	if most := files * hot * 3 / 2; misses > most {
		t.Errorf("%d misses of %d files of %d hot blocks, more than %d", misses, files, hot, most)
	}
}
