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
	r := root{position: position{ref{id: 5, birth: 6}, 2, 7}, epoch: 6, pageSize: 4096, pages: 9, maps: []ref{{id: 4, birth: 6}}}
	wantBytes(t, "root.go", r.encode()[4:0x50],
		0x74, 0x72, 0x65, 0x65, 2, 0, 0, 0, 0, 0x10, 0, 0,
		6, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0,
		0, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0,
		4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	e := entry{child: ref{id: 3, birth: 2}, sum: summary{dieAt: 9, firstDeath: 5}, keyField: keyField{key: []byte("m")}}
	wantBytes(t, "inner.go", e.appendCell(nil),
		1, 0, 3, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0x6d)

	body := append(appendElementHeader(nil, 2, statelab.NoExpiry), "ab"...)
	body = append(appendElementHeader(body, 1, 5), 'c')
	wantBytes(t, "element.go", body, 0x04, 0x61, 0x62, 0x03, 5, 0, 0, 0, 0, 0, 0, 0, 0x63)

	body = append(appendElementHeader(nil, 2, 5), "vw"...)
	cell := testRecord("k", body).appendCell(nil)
	wantBytes(t, "leaf.go", cell, 1, 0, 0x0b, 0, 0x6b, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0x76, 0x77)
	second := testRecord("kz", append(appendElementHeader(nil, 1, statelab.NoExpiry), 'x')).appendCell(nil)

	p := make(page, 4096)
	p.start(ref{id: 2, birth: 1}, kindLeaf, 0)
	p.setPrefix([]byte("k"))
	p.insertRecord(0, cell, nil)
	p.insertRecord(1, second, nil)
	wantBytes(t, "page.go at 4", p[4:0x3c],
		2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,
		1, 0, 2, 0, 0xe9, 0x0f, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0,
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
		0xf0, 0x0f, 0, 0, 0, 0, 0xe9, 0x0f, 0, 0, 0, 0x7a)
	wantBytes(t, "page.go at fe9", p[0xfe9:],
		1, 0, 2, 0, 0x7a, 2, 0x78,
		0, 0, 0x0b, 0, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0x76, 0x77, 0x6b)
	p.seal()
	if !p.sealed() || p.validate() != nil {
		t.Fatalf("the example is no page: %v", p.validate())
	}
}

func testRecord(key string, body []byte) record {
	return record{keyField: keyField{key: []byte(key)}, body: body}
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
	p.start(ref{id: 7, birth: 3}, kindLeaf, 0)
	for {
		cell := randomRecord(rng, size)
		if !p.fits(cell) {
			break
		}
		p.insertRecord(rng.IntN(p.count()+1), cell, make(page, size))
	}
	if err := p.validate(); err != nil {
		t.Fatal(err)
	}
	return p
}

// randomKey returns a key that begins as some others do.
func randomKey(rng *rand.Rand) []byte {
	key := bytes.Repeat([]byte("k"), rng.IntN(4)*rng.IntN(8))
	for range rng.IntN(12) {
		key = append(key, byte(rng.IntN(256)>>(rng.IntN(3)*3)))
	}
	return key
}

// randomRecord returns a cell: sometimes one that says it owns overflow pages.
func randomRecord(rng *rand.Rand, size int) []byte {
	r := testRecord(string(randomKey(rng)), nil)
	if r.spilled = rng.IntN(8) == 0; r.spilled {
		length := 1 + rng.Int64N(1<<30)
		r.body = appendSpill(nil, spill{stream{ref{id: 2 + rng.Uint32N(100), birth: 1}, length}, rng.Int64N(length), rng.Int64N(100), 2 * length})
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
		child:    ref{id: 2 + rng.Uint32N(100), birth: rng.Uint64N(9)},
		sum:      summary{at + rng.Int64N(50), at, rng.IntN(4) == 0},
		keyField: keyField{key: randomKey(rng)},
	}
	return e.appendCell(nil)
}

// TestSlottedPageAgreesWithASlice changes pages at random, and after each
// change compares their cells, with whole keys, with a slice's, their summary
// with one made anew, and where a key is found.
func TestSlottedPageAgreesWithASlice(t *testing.T) {
	for _, kind := range []byte{kindLeaf, kindInner} {
		for _, size := range []int{MinPageSize, MaxPageSize} {
			t.Run(fmt.Sprintf("kind %d of %d bytes", kind, size), func(t *testing.T) {
				m := pageModel{p: make(page, size), scratch: make(page, size), rng: rand.New(rand.NewPCG(uint64(kind), uint64(size)))}
				m.p.start(ref{id: 7, birth: 3}, kind, int(kind)-kindLeaf)
				m.run(t)
			})
		}
	}
}

// A pageModel is a page, and what should be in it: cells with whole keys.
type pageModel struct {
	p, scratch page
	rng        *rand.Rand
	want       []page
	tightened  int
}

func (m *pageModel) key(i int) []byte { return m.fieldOf(m.want[i]).key }

func (m *pageModel) fieldOf(cell page) keyField { return getField(cell, m.p.cellHeader(), nil) }

// whole returns cell i of the page with its whole key.
func (m *pageModel) whole(i int) []byte {
	if m.p.kind() == kindLeaf {
		return m.p.record(i).appendCell(nil)
	}
	return m.p.entry(i).appendCell(nil)
}

// find returns where a key is in the slice, or should go.
func (m *pageModel) find(key []byte) (at int, exact bool) {
	first := len(m.want) - max(0, len(m.want)-int(m.p.kind()-kindLeaf))
	for at = first; at < len(m.want) && bytes.Compare(m.key(at), key) < 0; at++ {
	}
	return at, at < len(m.want) && bytes.Equal(m.key(at), key)
}

func (m *pageModel) run(t *testing.T) {
	for step := range 4000 {
		// The page fills and empties in turns, mostly with keys that begin alike.
		if grow := step/1000%2 == 0; len(m.want) == 0 || m.rng.IntN(4) > 0 == grow {
			m.grow(step%1000 < 900)
		} else {
			m.change(m.rng.IntN(len(m.want)))
		}
		if m.p.count() != len(m.want) {
			t.Fatalf("step %d: %d cells, want %d", step, m.p.count(), len(m.want))
		}
		if len(m.want) == 0 {
			continue
		}
		if step%(len(m.p)/MinPageSize) == 0 {
			m.compare(t, step)
		}
		key := append([]byte("like"), randomKey(m.rng)...)[m.rng.IntN(2)*4:]
		if m.rng.IntN(2) == 0 {
			key = m.key(m.rng.IntN(len(m.want)))
		}
		first := min(int(m.p.kind()-kindLeaf), len(m.want))
		at, exact, err := (&pager{}).search(&node{page: m.p}, first, key)
		if wantAt, want := m.find(key); at != wantAt || exact != want || err != nil {
			t.Fatalf("step %d: %x is found at %d, %t, want %d, %t", step, key, at, exact, wantAt, want)
		}
	}
	if m.tightened == 0 {
		t.Error("no page got a longer prefix")
	}
}

func (m *pageModel) compare(t *testing.T, step int) {
	for i := range m.want {
		if !bytes.Equal(m.whole(i), m.want[i]) {
			t.Fatalf("step %d: cell %d is % x, want % x", step, i, m.whole(i), m.want[i])
		}
	}
	if err := m.p.validate(); err != nil {
		t.Fatalf("step %d: %v", step, err)
	}
}

// grow adds a cell, of which all keys may begin alike.
func (m *pageModel) grow(alike bool) {
	var cell page
	lead := []byte("like")
	if !alike {
		lead = nil
	}
	if m.p.kind() == kindLeaf {
		r := getRecord(randomRecord(m.rng, len(m.p)), lead)
		cell = r.appendCell(nil)
	} else {
		e := getEntry(randomEntry(m.rng), lead)
		if len(m.want) == 0 {
			e.keyField = keyField{}
		}
		cell = e.appendCell(nil)
	}
	at, exact := m.find(m.fieldOf(cell).key)
	if exact {
		return
	}
	if !m.p.fits(cell) || m.rng.IntN(50) == 0 {
		before := m.p.prefixSize()
		m.p.tighten(cell, m.scratch)
		if m.p.prefixSize() > before {
			m.tightened++
		}
	}
	if !m.p.fits(cell) {
		return
	}
	if m.p.kind() == kindLeaf {
		m.p.insertRecord(at, cell, m.scratch)
	} else {
		m.p.insert(at, cell, m.scratch)
		m.p.summarizeInner()
	}
	m.want = slices.Insert(m.want, at, cell)
}

// change takes cell i out, or changes it in its place.
func (m *pageModel) change(i int) {
	p := m.p
	switch {
	case p.kind() == kindLeaf && m.rng.IntN(3) == 0:
		cell := bytes.Clone(m.want[i])
		if r := getRecord(cell, nil); !r.spilled && len(r.body) > 9 && r.body[0]&1 != 0 {
			r.body[8] = 1 // a late expiry
		}
		p.overwriteRecord(i, cell)
		m.want[i] = cell
	case p.kind() == kindLeaf:
		p.removeRecord(i)
		m.want = slices.Delete(m.want, i, i+1)
	case m.rng.IntN(3) == 0:
		e, old := getEntry(randomEntry(m.rng), nil), getEntry(m.want[i], nil)
		p.setChild(i, e.child, e.sum)
		e.keyField = old.keyField
		m.want[i] = e.appendCell(nil)
	default:
		p.remove(i)
		m.want = slices.Delete(m.want, i, i+1)
		if i == 0 && len(m.want) > 0 {
			p.clearSeparator()
			e := getEntry(m.want[0], nil)
			e.key = nil
			m.want[0] = e.appendCell(nil)
		}
		p.summarizeInner()
	}
}

// FuzzPage gives any bytes the checksum of a page and, if they pass for one,
// does everything to it that is done to pages.
func FuzzPage(f *testing.F) {
	rng := rand.New(rand.NewPCG(5, 5))
	f.Add([]byte(testLeaf(f, rng, 4096)))
	inner := make(page, 4096)
	inner.start(ref{id: 9, birth: 1}, kindInner, 1)
	for cell := randomEntry(rng); inner.fits(cell); cell = randomEntry(rng) {
		inner.insert(inner.count(), cell, make(page, 4096))
	}
	inner.summarizeInner()
	f.Add([]byte(inner))
	index := make(page, 4096)
	index.start(ref{id: 9, birth: 1}, kindOverflowIndex, 1)
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
		compareHead([]byte("key"), r.comparable())
		if r.long {
			r.rest()
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
		if p.fits(cell) && i%3 == 0 {
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
	p.repack(p.prefixSize()/2, scratch)
	for i := 0; p.count() > 0; i++ {
		p.setChild(0, ref{id: 3, birth: 4}, summary{int64(i), int64(i), i%2 == 0})
		at := i * 7 % p.count()
		if p.remove(at); at == 0 && p.count() > 0 {
			p.clearSeparator()
		}
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
