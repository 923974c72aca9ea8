package skiplist

import (
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/memstore"
	"github.com/statelab/statelab/internal/memstore/indextest"
)

// indexKey makes the i-th key of a sample join's events: a byte, a group by
// hash, a join key of 16 digits, and time and sequence.
func indexKey(dst []byte, i int) []byte {
	var digits [16]byte
	for at, rest := 15, i; at >= 0; at, rest = at-1, rest/10 {
		digits[at] = '0' + byte(rest%10)
	}
	dst = append(dst[:0], 2)
	dst = binary.BigEndian.AppendUint16(dst, uint16(xxhash.Sum64(digits[:])>>48))
	dst = append(dst, digits[:]...)
	dst = append(dst, 0, 1, 0)
	dst = binary.BigEndian.AppendUint64(dst, uint64(i)|1<<63)
	return binary.BigEndian.AppendUint64(dst, uint64(i))
}

// timerKey makes the i-th key of its timers, which come in about that order.
func timerKey(dst []byte, i int) []byte {
	dst = append(dst[:0], 1)
	return binary.BigEndian.AppendUint64(dst, uint64(i*1000)|1<<63)
}

// A fifo frees what is retired when some more has been.
type fifo struct {
	a    *arena.Arena
	ring [64]struct {
		ref  arena.Ref
		size int
	}
	at int
}

func (f *fifo) Retire(ref arena.Ref, size int) {
	f.at = (f.at + 1) % len(f.ring)
	if old := f.ring[f.at]; old.ref != 0 {
		f.a.Free(old.ref, old.size)
	}
	f.ring[f.at].ref, f.ring[f.at].size = ref, size
}

// A benchIndex is an index with its records.
type benchIndex struct {
	testing.TB
	a    *arena.Arena
	keys memstore.Keys
	x    memstore.Index
	refs []arena.Ref
	key  []byte
}

func newBenchIndex(b *testing.B, make indextest.Make, n int, key func([]byte, int) []byte) *benchIndex {
	a := arena.NewSlabs()
	b.Cleanup(a.Release)
	x, err := make(a, &fifo{a: a})
	if err != nil {
		b.Fatal(err)
	}
	bi := &benchIndex{TB: b, a: a, keys: memstore.Keys{Mem: a}, x: x, refs: makeRefs(n)}
	for i := range n {
		bi.insert(key, i)
	}
	return bi
}

func makeRefs(n int) []arena.Ref { return make([]arena.Ref, n) }

func (b *benchIndex) insert(key func([]byte, int) []byte, i int) {
	b.key = key(b.key, i)
	ref, err := b.keys.NewRecord(b.key, b.x.Links(b.key))
	if err == nil {
		err = b.x.Insert(ref)
	}
	if err != nil {
		b.Fatal(err)
	}
	b.refs[i%len(b.refs)] = ref
}

func (b *benchIndex) remove(i int) {
	ref := b.refs[i%len(b.refs)]
	b.x.Remove(ref)
	b.keys.FreeRecord(ref)
}

// benchStride is prime to the numbers of keys: steps of it visit all in an order
// that caches do not foresee.
const benchStride = 618_033

// churn removes the oldest keys and inserts as many new ones.
func (b *benchIndex) churn(key func([]byte, int) []byte, from, times int) {
	for i := from; i < from+times; i++ {
		b.remove(i)
		b.insert(key, i)
	}
}

func (b *benchIndex) check(name string) {
	b.Helper()
	if err := b.x.Check(); err != nil {
		b.Fatal(err)
	}
	b.Logf("%s%.1f bytes a key beside the records", name, float64(b.x.Overhead())/float64(b.x.Len()))
}

func BenchmarkIndex(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		for _, layout := range benchLayouts {
			name := fmt.Sprintf("n=%d/%s/", n, layout.name)
			benchmarkEvents(b, name, newBenchIndex(b, layout.make, n, indexKey), n)
			benchmarkTimers(b, name, newBenchIndex(b, layout.make, n, timerKey), n)
		}
	}
}

// benchmarkEvents finds, probes, and replaces the oldest keys by new ones, all
// over the place.
func benchmarkEvents(b *testing.B, name string, bi *benchIndex, n int) {
	b.Run(name+"find", func(b *testing.B) {
		for i := range b.N {
			bi.key = indexKey(bi.key, i*benchStride%n)
			if bi.x.Find(bi.key) == 0 {
				b.Fatal("a key is not found")
			}
		}
	})
	b.Run(name+"probe", func(b *testing.B) {
		var refs [8]arena.Ref
		for i := range b.N {
			bi.key = indexKey(bi.key, i*benchStride%n)
			if got := bi.x.Ascend(refs[:0], bi.key[:20], false); len(got) == 0 {
				b.Fatal("a key is not found")
			}
		}
	})
	next := n
	b.Run(name+"churn", func(b *testing.B) {
		b.ReportAllocs()
		bi.churn(indexKey, next, b.N)
		next += b.N
	})
	bi.check(name)
}

// benchmarkTimers adds keys at the end and removes them at the beginning.
func benchmarkTimers(b *testing.B, name string, bi *benchIndex, n int) {
	next := n
	b.Run(name+"timers", func(b *testing.B) {
		b.ReportAllocs()
		bi.churn(timerKey, next, b.N)
		next += b.N
	})
	bi.check(name)
}

var benchLayouts = []struct {
	name string
	make indextest.Make
}{
	{"fanout=8", blocksOf(8)},
	{"fanout=16", blocksOf(16)},
	{"fanout=32", blocksOf(32)},
	{"fanout=64", blocksOf(64)},
}

func blocksOf(fanout int) indextest.Make {
	return func(a *arena.Arena, r memstore.Retirer) (memstore.Index, error) { return newBlocks(fanout, a, r) }
}
