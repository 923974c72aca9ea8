package lsm

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/cache"
	"github.com/statelab/statelab/internal/meter"
	"github.com/statelab/statelab/vfs"
)

// layer is a way to hold sorted records and to walk them: a block, a table, a
// run. One harness proves them all.
type layer struct {
	name string
	open func(t *testing.T, records []entry) walker
}

type entry struct{ key, value string }

type walker interface {
	first() bool
	last() bool
	seekGE(key []byte) bool
	seekLT(key []byte) bool
	next() bool
	prev() bool
	key() []byte
	err() error
	element() string
}

func layers() []layer {
	return []layer{
		{"block", openBlock},
		{"table", func(t *testing.T, e []entry) walker { return openTable(t, e, statelab.CompressionNone) }},
		{"table/s2", func(t *testing.T, e []entry) walker { return openTable(t, e, statelab.CompressionS2) }},
		{"table/zstd", func(t *testing.T, e []entry) walker { return openTable(t, e, statelab.CompressionZstd) }},
		{"run", openRun},
		{"merger", openMerger},
	}
}

// blockWalker gives a block the moves that the cursors of tables have.
type blockWalker struct{ blockCursor }

func (w *blockWalker) next() bool { return w.moveNext() }
func (w *blockWalker) prev() bool { return w.movePrev() }
func (w *blockWalker) err() error {
	if w.damage != "" {
		return fmt.Errorf("%s", w.damage)
	}
	return nil
}
func (w *blockWalker) element() string { return string(w.value()) }
func (w *blockWalker) seekLT(key []byte) bool {
	if !w.seekGE(key) {
		return w.last()
	}
	return w.movePrev()
}

func openBlock(t *testing.T, entries []entry) walker {
	var b blockBuilder
	for _, e := range entries {
		b.add([]byte(e.key), []byte(e.value))
	}
	w := new(blockWalker)
	if len(entries) > 0 {
		w.open(b.finish())
	}
	return w
}

// sourceWalker walks a source.
type sourceWalker struct{ source }

func (w sourceWalker) element() string {
	var f fold
	if err := w.gather(&f); err != nil {
		return err.Error()
	}
	return string(f.appendValue(nil, 0))
}

// mergeWalker walks a merger.
type mergeWalker struct{ merger }

func (w *mergeWalker) err() error      { return w.failure }
func (w *mergeWalker) element() string { return string(w.fold.appendValue(nil, 0)) }

// bench is a table environment without a store.
type bench struct {
	env    *tableEnv
	format *tableFormat
	fs     vfs.FS
	next   uint64
}

func newBench(t *testing.T, compression statelab.Compression) *bench {
	t.Helper()
	c, err := newCodec(compression)
	if err != nil {
		t.Fatal(err)
	}
	mem := vfs.NewMem()
	blocks := cache.New(cache.Options{Budget: 64 << 10, Kinds: blockKinds})
	b := &bench{
		fs:  mem,
		env: &tableEnv{files: newFilePool(mem, "/", new(meter.Meter)), cache: blocks, cacheLimit: 8 << 10, codec: c},
		format: &tableFormat{blockSize: 512, bufferSize: 700, bloomBits: 10, codec: c,
			prefix: statelab.Prefix{Name: "two", Len: func(key []byte) int { return min(2, len(key)) }}},
	}
	b.env.prefix = b.format.prefix
	t.Cleanup(func() {
		blocks.Close()
		b.env.files.closeAll()
		c.Close()
	})
	return b
}

// table writes a table of bases with one element each.
func (b *bench) table(t *testing.T, entries []entry) *table {
	t.Helper()
	b.next++
	f, err := b.fs.Create(filepath.Join(b.env.files.dir, tableName(b.next)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := newTableWriter(b.format)
	w.begin(f)
	for _, e := range entries {
		if err := w.add([]byte(e.key), true, []element{{expireAt: statelab.NoExpiry, data: []byte(e.value)}}); err != nil {
			t.Fatal(err)
		}
	}
	meta, size, err := w.finish()
	if err != nil {
		t.Fatal(err)
	}
	tab := &table{tableMeta: meta, blockFile: blockFile{number: b.next, size: size, env: b.env}}
	if err := tab.check(statelab.MinWatermark); err != nil {
		t.Fatal(err)
	}
	return tab
}

func openTable(t *testing.T, entries []entry, c statelab.Compression) walker {
	if len(entries) == 0 {
		return openRun(t, nil)
	}
	return openTables(t, []*table{newBench(t, c).table(t, entries)})
}

func openTables(t *testing.T, tables []*table) walker {
	c := new(runCursor)
	c.open(tables, cached)
	t.Cleanup(c.close)
	return sourceWalker{c}
}

func openRun(t *testing.T, entries []entry) walker {
	b := newBench(t, statelab.CompressionS2)
	var tables []*table
	for part := range slices.Chunk(entries, 7) {
		tables = append(tables, b.table(t, part))
	}
	return openTables(t, tables)
}

// openMerger deals the entries out to several runs, and hides older versions
// of some below newer ones.
func openMerger(t *testing.T, entries []entry) walker {
	b := newBench(t, statelab.CompressionS2)
	var parts [3][]entry
	for i, e := range entries {
		parts[i%3] = append(parts[i%3], e)
		for older := i%3 + 1; older < 3; older++ {
			parts[older] = append(parts[older], entry{e.key, "old"})
		}
	}
	w := new(mergeWalker)
	for _, part := range parts {
		c := new(runCursor)
		if len(part) > 0 {
			c.open([]*table{b.table(t, part)}, cached)
		}
		w.sources = append(w.sources, c)
	}
	w.reset(nil, nil)
	t.Cleanup(w.close)
	return w
}

// drawn returns random entries whose keys share prefixes, and some of whose
// values are larger than a block.
func drawn(rng *rand.Rand, n int) []entry {
	values := map[string]string{}
	for len(values) < n {
		key := make([]byte, rng.IntN(6))
		for i := range key {
			key[i] = "ab\x00\xff"[rng.IntN(4)]
		}
		size := rng.IntN(40)
		if rng.IntN(20) == 0 {
			size = rng.IntN(20_000)
		}
		values[string(key)] = string(bytes.Repeat([]byte{byte('a' + rng.IntN(26))}, size))
	}
	var entries []entry
	for k, v := range values {
		entries = append(entries, entry{k, v})
	}
	slices.SortFunc(entries, func(a, b entry) int { return bytes.Compare([]byte(a.key), []byte(b.key)) })
	return entries
}

func TestLayersAreWalkedLikeSortedSlices(t *testing.T) {
	for _, l := range layers() {
		t.Run(l.name, func(t *testing.T) {
			for _, n := range []int{0, 1, 2, 7, 8, 9, 100, 300} {
				rng := rand.New(rand.NewPCG(uint64(n), 1))
				entries := drawn(rng, n)
				walk(t, rng, entries, l.open(t, entries))
			}
		})
	}
}

// walk makes random moves and compares where they lead.
func walk(t *testing.T, rng *rand.Rand, entries []entry, w walker) {
	t.Helper()
	at := -1 // index of the entry stood on
	for step := range 600 {
		key := []byte("ab\x00\xffab"[rng.IntN(5):])[:1]
		if len(entries) > 0 && rng.IntN(3) > 0 {
			key = []byte(entries[rng.IntN(len(entries))].key)
		}
		first := slices.IndexFunc(entries, func(e entry) bool { return e.key >= string(key) })
		if first < 0 {
			first = len(entries)
		}
		var ok bool
		var want int
		switch move := rng.IntN(8); {
		case move == 0:
			ok, want = w.first(), 0
		case move == 1:
			ok, want = w.last(), len(entries)-1
		case move == 2 || at < 0 && move%2 == 0:
			ok, want = w.seekGE(key), first
		case move == 3 || at < 0:
			ok, want = w.seekLT(key), first-1
		case move < 6:
			ok, want = w.next(), at+1
		default:
			ok, want = w.prev(), at-1
		}
		if err := w.err(); err != nil {
			t.Fatal(err)
		}
		if in := want >= 0 && want < len(entries); ok != in {
			t.Fatalf("step %d of %d entries: move says %v, want %v", step, len(entries), ok, in)
		} else if !in {
			at = -1
			continue
		}
		at = want
		if e := entries[at]; string(w.key()) != e.key || w.element() != e.value {
			t.Fatalf("step %d of %d entries: at %q with %d bytes, want %q with %d",
				step, len(entries), w.key(), len(w.element()), e.key, len(e.value))
		}
	}
}

// Every byte of a table matters: flipped, it is found by Check, and reading
// gives damage or the truth.
func TestEveryFlippedByteOfATableIsFound(t *testing.T) {
	entries := drawn(rand.New(rand.NewPCG(5, 5)), 40)
	b := newBench(t, statelab.CompressionS2)
	tab := b.table(t, entries)
	good, err := vfs.ReadFile(b.fs, tab.path())
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1 << (i % 8)
		b.next++
		f, err := b.fs.Create(filepath.Join(b.env.files.dir, tableName(b.next)))
		if err != nil {
			t.Fatal(err)
		}
		f.WriteAt(bad, 0)
		f.Close()
		damaged := &table{tableMeta: tab.tableMeta, blockFile: blockFile{number: b.next, size: tab.size, env: b.env}}
		if err := damaged.check(statelab.MinWatermark); !corrupt(err) {
			t.Fatalf("byte %d of %d flipped: check says %v", i, len(good), err)
		}
		for _, e := range entries {
			g := new(getter)
			g.begin(b.env, []byte(e.key))
			g.stage = atBounds
			if err := g.inTable(damaged, &candidate{}, statelab.MinWatermark); err == nil {
				if got := string(g.fold.appendValue(nil, 0)); len(g.fold.elements) != 1 || got != e.value {
					t.Fatalf("byte %d of %d flipped: %q is %q, want %q", i, len(good), e.key, got, e.value)
				}
			} else if !corrupt(err) {
				t.Fatalf("byte %d of %d flipped: reading says %v", i, len(good), err)
			}
			g.reset()
		}
		b.env.files.forget(b.next)
		b.env.cache.Drop(b.next)
	}
}
