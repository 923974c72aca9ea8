package trace

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/statelab/statelab"
)

func TestPlayingAllocatesNothing(t *testing.T) {
	p := NewPlayer(NewReference())
	p.Lenient = true
	p.store = nothing{}
	records := []Record{
		{Kind: Put, Key: []byte("k"), Size: 500, Expiry: 5, Last: true},
		{Kind: Get, Key: []byte("k"), Size: 500, Found: true},
		{Kind: Scan, Range: statelab.PrefixRange([]byte("k")), Legs: []Leg{{Move: Next, Ended: true}}},
		{Kind: Advance, Watermark: 1},
	}
	allocs := testing.AllocsPerRun(100, func() {
		for i := range records {
			if err := p.Play(&records[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// nothing is a store that keeps nothing and allocates nothing.
type nothing struct{ statelab.Store }

func (nothing) Get(dst, _ []byte) ([]byte, error)              { return dst, statelab.ErrNotFound }
func (nothing) Apply(*statelab.Batch) error                    { return nil }
func (nothing) Advance(int64) error                            { return nil }
func (nothing) Iter(statelab.Range) (statelab.Iterator, error) { return nowhere, nil }

var nowhere = NewReference().mustIter()

func (s *Reference) mustIter() statelab.Iterator {
	it, _ := s.Iter(statelab.Range{})
	return it
}

func TestReadingAllocatesNothing(t *testing.T) {
	var many []Record
	for range 300 {
		for _, r := range allKinds() {
			r.Key = r.Key[:min(9, len(r.Key))]
			many = append(many, r)
		}
	}
	r, err := NewReader("T", bytes.NewReader(encode(t, Zstd, many)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var rec Record
	next := func() {
		if err := r.Next(&rec); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		next()
	}
	if allocs := testing.AllocsPerRun(1000, next); allocs > 0 {
		t.Errorf("%v allocations a record", allocs)
	}
}

func TestValuesDifferByKeyAndNumberAndCompressTwoToOne(t *testing.T) {
	v := NewValues()
	a := v.Append(nil, []byte("a"), 1, 2<<20)
	if len(a) != 2<<20 || !bytes.Equal(a, v.Append(nil, []byte("a"), 1, 2<<20)) {
		t.Error("a value is not what it was")
	}
	for n := range 20 {
		a := v.Append([]byte("x"), []byte("a"), 1, n)
		if len(a) != 1+n {
			t.Errorf("%d bytes, not %d", len(a)-1, n)
		}
		if n >= 4 && (bytes.Equal(a, v.Append([]byte("x"), []byte("b"), 1, n)) || bytes.Equal(a, v.Append([]byte("x"), []byte("a"), 2, n))) {
			t.Errorf("values of %d bytes are alike", n)
		}
	}
	var block []byte
	for i := range uint64(40) {
		block = v.Append(block, []byte("k"), i, 500)
	}
	for _, codec := range []Codec{S2, Zstd} {
		c, err := newCompressor(codec)
		if err != nil {
			t.Fatal(err)
		}
		stored, _ := c.compress(block)
		if share := float64(len(stored)) / float64(len(block)); share < 0.45 || share > 0.62 {
			t.Errorf("%s stores %.2f of a block of values", codec, share)
		}
		c.close()
	}
}

// What a replay stores must be the same in ten years, or results of one trace
// could not be held against each other.
func TestValuesAreWhatTheyAlwaysWere(t *testing.T) {
	v := NewValues()
	var all []byte
	for i := range uint64(100) {
		all = v.Append(all, fmt.Appendf(nil, "key %d", i), i*i, int(i*i))
	}
	if got := xxhash.Sum64(all); got != 0x5d8d99f2dcbc70cd {
		t.Errorf("the digest of some values is %#x", got)
	}
}
