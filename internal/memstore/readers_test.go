package memstore

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/vfs"
)

// A churner writes a number to two keys in each batch, by a Put, by an Append, or
// by a Delete and an Append, and lets records around and between them come, grow,
// expire and go.
type churner struct {
	s       *Store
	begun   atomic.Uint64 // the last number that is being written
	applied atomic.Uint64 // the last number that has been
}

var (
	oneKey   = []byte("m1")
	otherKey = []byte("m8")
)

func valueOf(n uint64) []byte {
	return bytes.Repeat(binary.BigEndian.AppendUint64(nil, n), 1+int(n%40))
}

// numberOf returns the last number of a value, and says whether the value is
// made of whole ones in the order in which they were written.
func numberOf(value []byte) (n uint64, ok bool) {
	for len(value) >= 8 {
		next := binary.BigEndian.Uint64(value)
		whole := valueOf(next)
		if next <= n || !bytes.HasPrefix(value, whole) {
			return next, false
		}
		n, value = next, value[len(whole):]
	}
	return n, n > 0 && len(value) == 0
}

func (c *churner) write(t *testing.T, n uint64) {
	var b statelab.Batch
	for i := range 3 {
		passing := fmt.Appendf(nil, "m%d", 2+(n*7+uint64(i)*3)%9) // m8 is not hit; m10 is before m2
		if string(passing) == string(otherKey) {
			continue
		}
		switch (n + uint64(i)) % 4 {
		case 0:
			b.Put(passing, valueOf(n), int64(n+3))
		case 1:
			b.Append(passing, valueOf(n), int64(n+5))
		case 2:
			b.Append(passing, valueOf(n), never)
		default:
			b.Delete(passing)
		}
	}
	for _, key := range [][]byte{otherKey, oneKey} {
		switch n % 8 {
		case 0:
			b.Delete(key)
			b.Append(key, valueOf(n), never)
		case 1, 3:
			b.Put(key, valueOf(n), never)
		default:
			b.Append(key, valueOf(n), never)
		}
	}
	c.begun.Store(n)
	must(t, c.s.Apply(&b))
	c.applied.Store(n)
	if n%2 == 0 {
		must(t, c.s.Advance(int64(n)))
	}
}

// get checks that what Get returns is a whole value of a moment between its
// beginning and its end, and not older than the last this reader has seen.
func (c *churner) get(t *testing.T, key, dst []byte, last uint64) ([]byte, uint64) {
	least := max(c.applied.Load(), last)
	dst, err := c.s.Get(dst[:0], key)
	n, ok := numberOf(dst)
	if most := c.begun.Load(); err != nil || !ok || n < least || n > most {
		t.Errorf("Get(%s) finds number %d, whole: %v, error %v, while numbers %d to %d were written", key, n, ok, err, least, most)
	}
	return dst, n
}

// pair checks that an iterator over a range shows both keys with one number, in
// order, and nothing halfway.
func (c *churner) pair(t *testing.T, it statelab.Iterator) uint64 {
	var seen []uint64
	last := []byte(nil)
	for ok := it.First(); ok; ok = it.Next() {
		if bytes.Compare(last, it.Key()) >= 0 {
			t.Errorf("key %s comes after %s", it.Key(), last)
		}
		last = append(last[:0], it.Key()...)
		n, whole := numberOf(it.Value())
		if string(it.Key()) == string(oneKey) || string(it.Key()) == string(otherKey) {
			seen = append(seen, n)
			if !whole {
				t.Errorf("the value of %s is not whole", it.Key())
			}
		}
	}
	if len(seen) != 2 || seen[0] != seen[1] || it.Err() != nil {
		t.Errorf("an iterator shows numbers %v, error %v", seen, it.Err())
		return 0
	}
	return seen[0]
}

// read looks at the store in all ways until it is told to stop.
func (c *churner) read(t *testing.T, stop *atomic.Bool) {
	var (
		last, other uint64
		dst         []byte
	)
	for i := 0; !stop.Load() && !t.Failed(); i++ {
		dst, last = c.get(t, oneKey, dst, last)
		dst, other = c.get(t, otherKey, dst, last) // it was written with the first
		last = other
		r := statelab.Range{Lower: []byte("m0"), Upper: []byte("n")} // a probe
		if i%2 == 0 {
			r = statelab.Range{} // a view
		}
		least := max(c.applied.Load(), last)
		it, err := c.s.Iter(r)
		must(t, err)
		if n := c.pair(t, it); n < least {
			t.Errorf("an iterator shows number %d when %d had been applied", n, least)
		} else if again := c.pair(t, it); again != n {
			t.Errorf("an iterator shows number %d, and then %d", n, again)
		}
		must(t, it.Close())
		runtime.Gosched()
	}
}

// TestReadersBesideAChurningWriter holds reads to be linearisable, batches to
// take effect at once, and iterators to show one moment, over keys that are
// replaced, deleted and appended to all the time.
func TestReadersBesideAChurningWriter(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"index alone":    func(*Options) {},
		"on the heap":    func(o *Options) { o.NewArena = arena.NewHeap },
		"hash of keys":   func(o *Options) { o.Hash = true },
		"hash of groups": func(o *Options) { o.Hash, o.Prefix = true, firstByte },
	} {
		t.Run(name, func(t *testing.T) {
			s := openTest(t, vfs.NewMem(), func(o *Options) {
				o.Durability = statelab.DurabilityInterval
				change(o)
			})
			c := &churner{s: s}
			c.write(t, 1)
			var (
				stop    atomic.Bool
				readers sync.WaitGroup
			)
			for range 3 {
				readers.Go(func() { c.read(t, &stop) })
			}
			for n := uint64(2); n < 2500 && !t.Failed(); n++ {
				c.write(t, n)
				if n%8 == 0 {
					runtime.Gosched()
				}
			}
			stop.Store(true)
			readers.Wait()
			must(t, s.Check())
		})
	}
}

// TestAnOpenIteratorShowsOneMomentForGood writes over, deletes and lets expire
// all that an iterator sees, many times, between its moves.
func TestAnOpenIteratorShowsOneMomentForGood(t *testing.T) {
	s := openTest(t, vfs.NewMem(), nil)
	var want strings.Builder
	for i := range 3 * manyRows {
		put(t, s, fmt.Sprintf("k%03d", i), "v", never)
		add(t, s, fmt.Sprintf("k%03d", i), fmt.Sprint(i), int64(1000+i))
		fmt.Fprintf(&want, "k%03d=v%d ", i, i)
	}
	it, err := s.Iter(statelab.Range{})
	must(t, err)
	for round := range 5 {
		var got strings.Builder
		for ok := it.First(); ok; ok = it.Next() {
			fmt.Fprintf(&got, "%s=%s ", it.Key(), it.Value())
			key := string(it.Key())
			put(t, s, fmt.Sprintf("k%03d", 3*manyRows-1-len(got.String())%100), "new", never)
			if round%2 == 0 {
				del(t, s, key)
			}
			add(t, s, key, "more", never)
			must(t, s.Advance(s.records.watermark.Load()+2))
		}
		if got.String() != want.String() {
			t.Fatalf("round %d: the iterator shows\n%s\nwant\n%s", round, got.String(), want.String())
		}
	}
	must(t, s.Check())
	must(t, it.Close())
}

// TestAReaderThatStallsDelaysReuse keeps a reader in its epoch, on a record that
// is deleted and on one that is replaced, while others take and give back memory
// of the same size.
func TestAReaderThatStallsDelaysReuse(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Durability = statelab.DurabilityInterval })
	r := &s.records
	put(t, s, "gone", "value one", never)
	put(t, s, "over", "value two", never)
	g, err := s.enter()
	must(t, err)
	v := r.present()
	gone, over := r.find([]byte("gone")), r.find([]byte("over"))
	for i := range 500 {
		del(t, s, "gone")
		put(t, s, "over", fmt.Sprintf("value%4d", i), never)
		put(t, s, "gone", "v-a-l-u-e", never)
	}
	for ref, want := range map[arena.Ref]string{gone: "value one", over: "value two"} {
		if got, ok := r.appendValue(nil, ref, v); !ok || string(got) != want {
			t.Errorf("the reader sees %q, %v; want %q", got, ok, want)
		}
	}
	if n := int64(r.mem.SizeOf(headSize + 4 + 9)); r.inUse() < 1000*n {
		t.Errorf("%d bytes are in use though a reader may look at 1000 records of %d", r.inUse(), n)
	}
	s.leave(g)
	must(t, s.Advance(1))
	if n := int64(r.mem.SizeOf(headSize + 4 + 9)); r.inUse() != 2*n || r.limbo.n != 0 {
		t.Errorf("after the reader has left, %d bytes are in use and %d pieces wait; want %d and none", r.inUse(), r.limbo.n, 2*n)
	}
}

// TestMemoryReturnsToWhatIsLive churns over records of many sizes, beside a
// reader, and expects memory to be what a store has that was only given the end
// of the story.
func TestMemoryReturnsToWhatIsLive(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Durability = statelab.DurabilityInterval })
	var (
		stop   atomic.Bool
		reader sync.WaitGroup
	)
	reader.Go(func() {
		for !stop.Load() {
			_ = contents(t, s)
			runtime.Gosched()
		}
	})
	for i := range 4000 {
		key, value := fmt.Sprint("k", i*13%97), strings.Repeat("v", i%300)
		switch i % 5 {
		case 0, 1:
			put(t, s, key, value, int64(i+50))
		case 2:
			add(t, s, key, value, int64(i+80))
		case 3:
			put(t, s, key, value, never)
		default:
			del(t, s, key)
		}
		must(t, s.Advance(int64(i)))
	}
	stop.Store(true)
	reader.Wait()
	for i := range 97 {
		put(t, s, fmt.Sprint("k", i), "end", never)
	}
	must(t, s.Advance(1<<20))
	must(t, s.Advance(1<<20+1))
	fresh := openTest(t, vfs.NewMem(), nil)
	for i := range 97 {
		put(t, fresh, fmt.Sprint("k", i), "end", never)
	}
	if got, want := s.Stats().Memory, fresh.Stats().Memory; got != want {
		t.Errorf("%d bytes are in use, want %d", got, want)
	}
}

// A busyIndex lets others act between a reader's look-up and his reading of what
// it has found.
type busyIndex struct {
	Index
	act func()
}

func (x *busyIndex) Find(key []byte) arena.Ref {
	ref := x.Index.Find(key)
	x.interrupt()
	return ref
}

func (x *busyIndex) Ascend(dst []arena.Ref, key []byte, after bool) []arena.Ref {
	dst = x.Index.Ascend(dst, key, after)
	x.interrupt()
	return dst
}

func (x *busyIndex) interrupt() {
	if act := x.act; act != nil {
		x.act = nil
		act()
	}
}

// TestWhatIsFoundIsReadAsOfBefore changes a record between the moment at which a
// reader finds it and that at which he reads it.
func TestWhatIsFoundIsReadAsOfBefore(t *testing.T) {
	for name, change := range map[string]func(t *testing.T, s *Store){
		"Put":     func(t *testing.T, s *Store) { put(t, s, "k", "new", never) },
		"Append":  func(t *testing.T, s *Store) { add(t, s, "k", "new", never) },
		"Delete":  func(t *testing.T, s *Store) { del(t, s, "k") },
		"Advance": func(t *testing.T, s *Store) { must(t, s.Advance(10)) },
		"all": func(t *testing.T, s *Store) {
			for i := range 100 {
				del(t, s, "k")
				add(t, s, "k", "new", never)
				put(t, s, "k", "newer", int64(5+i))
				must(t, s.Advance(int64(5+i)))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			var x *busyIndex
			s := openTest(t, vfs.NewMem(), func(o *Options) {
				o.Durability = statelab.DurabilityInterval
				o.NewIndex = func(a *arena.Arena, r Retirer) (Index, error) {
					inner, err := NewSliceIndex(a, r)
					x = &busyIndex{Index: inner}
					return x, err
				}
			})
			refill := func() {
				put(t, s, "k", "old", never)
				add(t, s, "k", "+old", s.records.watermark.Load()+5)
				x.act = func() { change(t, s) }
			}
			must(t, s.Advance(0))
			refill()
			if got, err := s.Get(nil, []byte("k")); string(got) != "old+old" {
				t.Errorf("Get returns %q, %v", got, err)
			}
			for _, r := range []statelab.Range{{}, {Lower: []byte("a"), Upper: []byte("z")}} {
				refill()
				it, err := s.Iter(r)
				must(t, err)
				if got := show(it); got != "k=old+old " {
					t.Errorf("an iterator over %s shows %q", r, got)
				}
				must(t, it.Close())
			}
		})
	}
}
