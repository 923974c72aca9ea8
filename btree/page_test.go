package btree

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/statelab/statelab"
)

// TestFormatIsAsDocumented holds the worked examples of page.go, leaf.go,
// element.go, inner.go and root.go.
func TestFormatIsAsDocumented(t *testing.T) {
	r := root{position: position{ref{5, 6}, 2, 7}, epoch: 6, pageSize: 4096, pages: 9, maps: []ref{{4, 6}}}
	wantBytes(t, "root.go", r.encode()[4:0x50],
		0x74, 0x72, 0x65, 0x65, 1, 0, 0, 0, 0, 0x10, 0, 0,
		6, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0,
		0, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0,
		4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	e := entry{child: ref{3, 2}, sum: summary{dieAt: 9, firstDeath: 5}, key: []byte("m")}
	wantBytes(t, "inner.go", e.appendCell(nil),
		1, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0x6d)

	body := append(appendElementHeader(nil, 2, statelab.NoExpiry), "ab"...)
	body = append(appendElementHeader(body, 1, 5), 'c')
	wantBytes(t, "element.go", body, 0x04, 0x61, 0x62, 0x03, 5, 0, 0, 0, 0, 0, 0, 0, 0x63)

	body = append(appendElementHeader(nil, 2, 5), "vw"...)
	cell := record{key: []byte("k"), body: body}.appendCell(nil)
	example := []byte{1, 0, 0x0b, 0, 0x6b, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0x76, 0x77}
	wantBytes(t, "leaf.go", cell, example...)

	p := make(page, 4096)
	p.start(ref{2, 1}, kindLeaf, 0)
	p.insertRecord(0, cell, nil)
	wantBytes(t, "page.go at 4", p[4:0x32],
		2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 1, 0, 0xf0, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		5, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,
		0xf0, 0x0f)
	wantBytes(t, "page.go at ff0", p[0xff0:], example...)
	p.seal()
	if !p.sealed() || p.validate() != nil {
		t.Fatalf("the example is no page: %v", p.validate())
	}
}

func wantBytes(t *testing.T, where string, got []byte, want ...byte) {
	t.Helper()
	if !bytes.Equal(got, want) {
		t.Errorf("%s:\n got % x\nwant % x", where, got, want)
	}
}

func TestEveryFlippedBitOfAPageIsFound(t *testing.T) {
	p := testLeaf(t, rand.New(rand.NewPCG(1, 1)), 4096)
	p.seal()
	for i := range p {
		p[i] ^= 1 << (i % 8)
		if p.sealed() {
			t.Fatalf("byte %d flipped and the checksum holds", i)
		}
		p[i] ^= 1 << (i % 8)
	}
}

// testLeaf returns a leaf of random records, as full as it gets.
func testLeaf(t testing.TB, rng *rand.Rand, size int) page {
	p := make(page, size)
	p.start(ref{7, 3}, kindLeaf, 0)
	for {
		cell := randomRecord(rng, size)
		if p.room() < len(cell)+slotSize {
			break
		}
		p.insertRecord(rng.IntN(p.count()+1), cell, make(page, size))
	}
	if err := p.validate(); err != nil {
		t.Fatal(err)
	}
	return p
}

// randomRecord returns a cell: sometimes one that says it owns overflow pages.
func randomRecord(rng *rand.Rand, size int) []byte {
	r := record{key: make([]byte, rng.IntN(60))}
	for i := range r.key {
		r.key[i] = byte(rng.IntN(256))
	}
	if r.spilled = rng.IntN(8) == 0; r.spilled {
		length := 1 + rng.Int64N(1<<30)
		r.body = appendSpill(nil, spill{stream{ref{2 + rng.Uint32N(100), 1}, length}, rng.Int64N(length), rng.Int64N(100), 2 * length})
		return r.appendCell(nil)
	}
	for range 1 + rng.IntN(3) {
		n := rng.IntN(90)
		expireAt := rng.Int64N(100)
		if expireAt > 90 {
			expireAt = statelab.NoExpiry
		}
		r.body = append(appendElementHeader(r.body, n, expireAt), make([]byte, n)...)
	}
	return r.appendCell(nil)
}

func randomEntry(rng *rand.Rand) []byte {
	at := rng.Int64N(100)
	e := entry{
		child: ref{2 + rng.Uint32N(100), rng.Uint64N(9)},
		sum:   summary{at + rng.Int64N(50), at, rng.IntN(4) == 0},
		key:   make([]byte, rng.IntN(60)),
	}
	return e.appendCell(nil)
}

// TestSlottedPageAgreesWithASlice changes pages at random, and after each
// change compares their cells with a slice's and their summary with one made anew.
func TestSlottedPageAgreesWithASlice(t *testing.T) {
	for _, kind := range []byte{kindLeaf, kindInner} {
		for _, size := range []int{MinPageSize, MaxPageSize} {
			t.Run(fmt.Sprintf("kind %d of %d bytes", kind, size), func(t *testing.T) {
				runPage(t, kind, size)
			})
		}
	}
}

func runPage(t *testing.T, kind byte, size int) {
	rng := rand.New(rand.NewPCG(uint64(kind), uint64(size)))
	p, scratch := make(page, size), make(page, size)
	p.start(ref{7, 3}, kind, int(kind)-kindLeaf)
	var want [][]byte
	for step := range 4000 {
		i := rng.IntN(len(want) + 1)
		// The page fills and empties in turns.
		if grow := step/1000%2 == 0; i == len(want) || rng.IntN(4) > 0 == grow {
			want = growPage(p, scratch, rng, i, want)
		} else {
			want = shrinkPage(p, rng, i, want)
		}
		if p.count() != len(want) {
			t.Fatalf("step %d: %d cells, want %d", step, p.count(), len(want))
		}
		for i := range want {
			if !bytes.Equal(p.cell(i), want[i]) {
				t.Fatalf("step %d: cell %d is % x, want % x", step, i, p.cell(i), want[i])
			}
		}
		if err := p.validate(); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
	}
}

func growPage(p, scratch page, rng *rand.Rand, i int, want [][]byte) [][]byte {
	cell := randomEntry(rng)
	if p.kind() == kindLeaf {
		cell = randomRecord(rng, len(p))
	}
	if p.room() < len(cell)+slotSize {
		return want
	}
	if p.kind() == kindLeaf {
		p.insertRecord(i, cell, scratch)
	} else {
		p.insert(i, cell, scratch)
		p.summarizeInner()
	}
	return slices.Insert(want, i, cell)
}

// shrinkPage takes a cell out, or a part of one, or changes it in its place.
func shrinkPage(p page, rng *rand.Rand, i int, want [][]byte) [][]byte {
	switch {
	case p.kind() == kindLeaf && rng.IntN(3) == 0:
		cell := bytes.Clone(want[i])
		if r := getRecord(cell); !r.spilled && len(r.body) > 9 && r.body[0]&1 != 0 {
			r.body[8] = 1 // a late expiry
		}
		p.overwriteRecord(i, cell)
		want[i] = cell
	case p.kind() == kindLeaf:
		p.removeRecord(i)
		return slices.Delete(want, i, i+1)
	case rng.IntN(3) == 0:
		p.clearSeparator(i)
		want[i] = bytes.Clone(p.cell(i))
	case rng.IntN(3) == 0:
		e := getEntry(randomEntry(rng))
		p.setChild(i, e.child, e.sum)
		want[i] = bytes.Clone(p.cell(i))
		if got := p.entry(i); got.child != e.child || got.sum != e.sum {
			panic("setChild")
		}
	default:
		p.remove(i)
		p.summarizeInner()
		return slices.Delete(want, i, i+1)
	}
	return want
}

// FuzzPage gives any bytes the checksum of a page and, if they pass for one,
// does everything to it that is done to pages.
func FuzzPage(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 5))
	f.Add([]byte(testLeaf(f, rng, 4096)))
	inner := make(page, 4096)
	inner.start(ref{9, 1}, kindInner, 1)
	for inner.room() > 100 {
		inner.insert(inner.count(), randomEntry(rng), nil)
	}
	inner.summarizeInner()
	f.Add([]byte(inner))
	index := make(page, 4096)
	index.start(ref{9, 1}, kindOverflowIndex, 1)
	index.setCount(339)
	f.Add([]byte(index))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := make(page, 4096)
		copy(p, b)
		if p.validate() != nil {
			return
		}
		switch p.kind() {
		case kindLeaf:
			useLeaf(t, p)
		case kindInner:
			useInner(t, p)
		case kindOverflowIndex:
			for i := range p.count() {
				p.index(i)
			}
		}
	})
}

func useLeaf(t *testing.T, p page) {
	var scratch page = make([]byte, len(p))
	for i := range p.count() {
		r := p.record(i)
		compareHead([]byte("key"), r.key)
		if r.long {
			getLongField(r.key)
		}
		if r.spilled {
			getSpill(r.body)
			continue
		}
		live, _ := appendLive(nil, r.body, 50)
		if len(live) > 0 && !isBody(live) {
			t.Fatalf("record %d: what lives of %x is no body: %x", i, r.body, live)
		}
	}
	cell := randomRecord(rand.New(rand.NewPCG(1, 1)), len(p))
	for i := 0; p.count() > 0; i++ {
		if p.room() >= len(cell)+slotSize && i%3 == 0 {
			p.insertRecord(i%p.count(), cell, scratch)
		}
		p.removeRecord(i * 7 % p.count())
		if i%3 == 1 && p.count() > 0 {
			p.removeRecord(0)
		}
		if err := p.validate(); err != nil {
			t.Fatalf("after %d removals: %v", i+1, err)
		}
	}
}

func useInner(t *testing.T, p page) {
	scratch := make(page, len(p))
	p.compact(scratch)
	for i := 0; p.count() > 0; i++ {
		p.setChild(0, ref{3, 4}, summary{int64(i), int64(i), i%2 == 0})
		p.clearSeparator(0)
		p.remove(i * 7 % p.count())
		p.summarizeInner()
		if err := p.validate(); err != nil {
			t.Fatalf("after %d removals: %v", i+1, err)
		}
	}
}

func isBody(b []byte) bool {
	_, ok := validBody(b)
	return ok
}

// FuzzElements reads any bytes as a body.
func FuzzElements(f *testing.F) {
	f.Add([]byte{0x04, 0x61, 0x62, 0x03, 5, 0, 0, 0, 0, 0, 0, 0, 0x63})
	f.Fuzz(func(t *testing.T, b []byte) {
		if !isBody(b) {
			return
		}
		var again []byte
		for rest := b; len(rest) > 0; {
			var element []byte
			var expireAt int64
			element, expireAt, rest = nextElement(rest)
			again = append(appendElementHeader(again, len(element), expireAt), element...)
		}
		if len(again) > len(b) || !isBody(again) {
			t.Fatalf("%x is written as %x", b, again)
		}
		if live, _ := appendLive(nil, b, 50); len(live) > len(b) || len(live) > 0 && !isBody(live) || hasDead(live, 50) {
			t.Fatalf("of %x lives %x", b, live)
		}
	})
}
