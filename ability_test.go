package statelab

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
)

// plainStore is a Store without abilities, enough of one for the fallbacks.
type plainStore struct {
	Store
	keys     []string
	unsorted bool
	batches  int
}

func (s *plainStore) Get(dst, key []byte) ([]byte, error) {
	if !slices.Contains(s.keys, string(key)) {
		return dst, ErrNotFound
	}
	return append(append(dst, "value of "...), key...), nil
}

func (s *plainStore) Apply(b *Batch) error {
	s.batches++
	ops := b.Ops()
	for op, ok := ops.Next(); ok; op, ok = ops.Next() {
		s.keys = slices.DeleteFunc(s.keys, func(k string) bool { return k == string(op.Key) })
	}
	return ops.Err()
}

func (s *plainStore) Iter(r Range) (Iterator, error) {
	it := &plainIterator{at: -1}
	for _, k := range s.keys {
		if r.Contains([]byte(k)) {
			it.keys = append(it.keys, k)
		}
	}
	if !s.unsorted {
		slices.Sort(it.keys)
	}
	return it, nil
}

func (s *plainStore) Stats() Stats { return Stats{Engine: "plain"} }

type plainIterator struct {
	Iterator
	keys []string
	at   int
}

func (it *plainIterator) First() bool  { it.at = 0; return it.on() }
func (it *plainIterator) Last() bool   { it.at = len(it.keys) - 1; return it.on() }
func (it *plainIterator) Next() bool   { it.at++; return it.on() }
func (it *plainIterator) Prev() bool   { it.at--; return it.on() }
func (it *plainIterator) Key() []byte  { return []byte(it.keys[it.at]) }
func (it *plainIterator) Close() error { return nil }
func (it *plainIterator) on() bool     { return it.at >= 0 && it.at < len(it.keys) }

func TestMultiGetFallsBackOnGet(t *testing.T) {
	s := &plainStore{keys: []string{"a", "c"}}
	var got []string
	err := MultiGet(s, [][]byte{[]byte("c"), []byte("b"), []byte("a")}, func(i int, value []byte) {
		got = append(got, string(rune('0'+i))+" "+string(value))
	})
	if want := []string{"0 value of c", "2 value of a"}; err != nil || !slices.Equal(got, want) {
		t.Fatalf("found %q, %v; want %q", got, err, want)
	}
}

func TestDeleteRangeFallsBackOnBatches(t *testing.T) {
	s := &plainStore{keys: []string{"a", "z"}}
	for range deleteRangeChunk + 1 {
		s.keys = append(s.keys, "m"+strings.Repeat("x", len(s.keys)))
	}
	if err := DeleteRange(s, PrefixRange([]byte("m"))); err != nil {
		t.Fatal(err)
	}
	if want := []string{"a", "z"}; !slices.Equal(s.keys, want) || s.batches != 2 {
		t.Fatalf("left %d keys after %d batches, want %q after 2", len(s.keys), s.batches, want)
	}
}

func TestElementsHasNoFallback(t *testing.T) {
	err := Elements(&plainStore{}, nil, func([]byte, int64) bool { return true })
	if !errors.Is(err, ErrUnsupported) {
		t.Fatalf("Elements: %v, want ErrUnsupported", err)
	}
}

func TestCheckFallsBackOnReadingBothWays(t *testing.T) {
	if err := Check(&plainStore{keys: []string{"b", "a"}}); err != nil {
		t.Errorf("of a sound store: %v", err)
	}
	if err := Check(&plainStore{keys: []string{"b", "a"}, unsorted: true}); err == nil {
		t.Error("keys out of order were not found")
	}
}

func TestDumpFallsBackOnStats(t *testing.T) {
	var out bytes.Buffer
	if err := Dump(&out, &plainStore{}); err != nil || !strings.Contains(out.String(), "Engine:plain") {
		t.Fatalf("%q, %v", out.String(), err)
	}
}

// deadKeeper has the ability, and says what it is made to.
type deadKeeper struct {
	plainStore
	keeps bool
}

func (s *deadKeeper) KeepsDead() bool { return s.keeps }

func TestAStoreKeepsDeadOnlyIfItSaysSo(t *testing.T) {
	if KeepsDead(&plainStore{}) || KeepsDead(&deadKeeper{}) || !KeepsDead(&deadKeeper{keeps: true}) {
		t.Error("KeepsDead does not say what the store says")
	}
}
