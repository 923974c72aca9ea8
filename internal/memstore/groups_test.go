package memstore

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/vfs"
)

var firstByte = statelab.Prefix{Name: "byte", Len: func(key []byte) int { return min(1, len(key)) }}

var firstTwo = statelab.Prefix{Name: "two", Len: func(key []byte) int { return min(2, len(key)) }}

// TestGroupsFindWhatTheIndexFinds lets groups grow and shrink over the length of a
// chain and back, and compares Gets and probes with those of a store that has no
// hash table.
func TestGroupsFindWhatTheIndexFinds(t *testing.T) {
	for name, prefix := range map[string]statelab.Prefix{"keys": {}, "byte": firstByte, "two bytes": firstTwo} {
		t.Run(name, func(t *testing.T) {
			set := func(hash bool) func(*Options) {
				return func(o *Options) { o.Hash, o.Prefix = hash, prefix }
			}
			hashed, plain := openTest(t, vfs.NewMem(), set(true)), openTest(t, vfs.NewMem(), set(false))
			rnd := rand.New(rand.NewPCG(1, 2))
			for i := range 1600 {
				key := fmt.Appendf(nil, "%c%02d", 'a'+rnd.IntN(3), rnd.IntN(14))[:1+2*min(1, rnd.IntN(20))]
				var b statelab.Batch
				// The tide turns, so that all groups come to be empty and long.
				if wave := i / 100 % 2; rnd.IntN(10) < 2+6*wave {
					b.Put(key, fmt.Append(nil, i), int64(i+1+rnd.IntN(200)))
				} else {
					b.Delete(key)
				}
				for _, s := range []*Store{hashed, plain} {
					must(t, s.Apply(&b))
					if i%10 == 0 {
						must(t, s.Advance(int64(i)))
					}
				}
				got, _ := hashed.Get(nil, key)
				if want, _ := plain.Get(nil, key); string(got) != string(want) {
					t.Fatalf("step %d: Get(%s) returns %q, want %q", i, key, got, want)
				}
				for _, r := range probesAround(key) {
					if got, want := rangeOf(t, hashed, r), rangeOf(t, plain, r); got != want {
						t.Fatalf("step %d: %s shows %q, want %q", i, r, got, want)
					}
				}
				if i%40 == 0 {
					must(t, hashed.Check())
				}
			}
		})
	}
}

// probesAround returns ranges within the group of a key, over it and beyond it.
func probesAround(key []byte) []statelab.Range {
	var (
		first = string(key[:1])
		after = string(key[0] + 1)
		all   []statelab.Range
	)
	for _, r := range [][2]string{{first, after}, {first + "0", after}, {first + "05", first + "10"}, {first + "0", after + "0"}, {first + "9", first + "0"}} {
		all = append(all, statelab.Range{Lower: []byte(r[0]), Upper: []byte(r[1])})
	}
	return all
}

func rangeOf(t *testing.T, s *Store, r statelab.Range) string {
	t.Helper()
	it, err := s.Iter(r)
	must(t, err)
	text := show(it)
	must(t, it.Close())
	return text
}

// TestProbesOfShortGroupsDoNotAskTheIndex counts on an index that finds nothing.
func TestProbesOfShortGroupsDoNotAskTheIndex(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Hash, o.Prefix = true, firstByte })
	for i := range 2 * maxChain { // long, and short again when what came last goes
		put(t, s, fmt.Sprintf("g%02d", i), "v", never)
	}
	for i := range 2*maxChain - 3 {
		del(t, s, fmt.Sprintf("g%02d", 3+i))
	}
	must(t, s.Advance(0))
	put(t, s, "h", "w", never)
	index := s.records.index
	s.records.index = nil
	if got, want := rangeOf(t, s, statelab.Range{Lower: []byte("g01"), Upper: []byte("g05")}), "g01=v g02=v "; got != want {
		t.Errorf("a probe shows %q, want %q", got, want)
	}
	for prefix, want := range map[string]string{"h": "h=w ", "n": "", "\xfe": ""} {
		if got := rangeOf(t, s, statelab.PrefixRange([]byte(prefix))); got != want {
			t.Errorf("a probe of all of %q shows %q, want %q", prefix, got, want)
		}
	}
	if got, err := s.Get(nil, []byte("h")); string(got) != "w" {
		t.Errorf("Get returns %q, %v", got, err)
	}
	if _, err := s.Get(nil, []byte("none")); err != statelab.ErrNotFound {
		t.Errorf("Get of none returns %v", err)
	}
	s.records.index = index
}

// TestOnlyWholePrefixesAreResolved probes prefixes that more bytes would make
// longer, and such whose end is not that of a group.
func TestOnlyWholePrefixesAreResolved(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Hash, o.Prefix = true, firstTwo })
	for lower, cases := range map[string]map[string]bool{
		"a":         {"b": false, "ab": false},
		"ab":        {"ac": true, "abz": true, "ad": false, "b": false},
		"abc":       {"ac": true, "abd": true, "ad": false},
		"a\xff":     {"b": true, "a\xffz": true, "c": false},
		"\xff\xffa": {"\xff\xffb": true},
	} {
		for upper, want := range cases {
			group, _, ok := s.records.groups.resolves(nil, []byte(lower), []byte(upper))
			if ok != want || ok && string(group) != lower[:2] {
				t.Errorf("[%q, %q) is resolved: %v, as %q; want %v", lower, upper, ok, group, want)
			}
		}
	}
}

// TestRecordsOfLongGroupsAreLoose has the hash table put out of reach while such a record
// comes and goes, and looks at what a store that is opened again has noted.
func TestRecordsOfLongGroupsAreLoose(t *testing.T) {
	fs := vfs.NewMem()
	set := func(o *Options) { o.Hash, o.Prefix = true, firstByte }
	s := openTest(t, fs, set)
	key := func(i int) string { return fmt.Sprintf("g%02d", i) }
	for i := range 3 * maxChain {
		put(t, s, key(i), "v", never)
	}
	count := func(s *Store) (loose, leading int) {
		s.records.each(func(ref arena.Ref) {
			loose += int(s.records.rec(ref).state & recordLoose / recordLoose)
			leading += int(s.records.rec(ref).state & recordLeads / recordLeads)
		})
		return loose, leading
	}
	if loose, leading := count(s); loose != 2*maxChain || leading != 1 {
		t.Errorf("%d records are loose and %d lead, of %d behind the first %d", loose, leading, 2*maxChain, maxChain)
	}
	dir := s.records.groups.dir
	ref := s.records.find([]byte(key(2 * maxChain)))
	s.records.groups.dir = nil
	s.records.groups.remove(ref, s.records.index) // it asks nobody
	s.records.groups.dir = dir
	must(t, s.Sync())
	must(t, s.Close())
	again := openTest(t, fs, set)
	if loose, leading := count(again); loose != 3*maxChain || leading != 1 {
		t.Errorf("opened again, %d records are loose and %d lead, of %d", loose, leading, 3*maxChain)
	}
	must(t, again.Check())
	for i := range 3 * maxChain {
		del(t, again, key(i))
		must(t, again.Check())
	}
}
