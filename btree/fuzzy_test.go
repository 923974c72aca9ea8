package btree

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// appended is a store and, of each key, what was appended to it.
type appended struct {
	t    *testing.T
	s    *Store
	want map[string]string
	n    int
}

// add appends one element of its own to some record, puts one or deletes one.
func (a *appended) add(rng *rand.Rand, keys int) {
	var b statelab.Batch
	a.n++
	key, element := fmt.Sprintf("key %04d", rng.IntN(keys)), fmt.Sprintf("<%d of %0100d>", a.n, rng.IntN(10))
	switch rng.IntN(10) {
	case 0:
		b.Delete([]byte(key))
		delete(a.want, key)
	case 1:
		b.Put([]byte(key), []byte(element), statelab.NoExpiry)
		a.want[key] = element
	default:
		b.Append([]byte(key), []byte(element), statelab.NoExpiry)
		a.want[key] += element
	}
	mustDo(a.t, a.s.Apply(&b))
}

func (a *appended) compare(s *Store, keys int) {
	a.t.Helper()
	for i := range keys {
		key := fmt.Sprintf("key %04d", i)
		got, err := s.Get(nil, []byte(key))
		if want, ok := a.want[key]; string(got) != want || ok == errors.Is(err, statelab.ErrNotFound) {
			a.t.Fatalf("after %d changes %q has %q, %v, not %q", a.n, key, got, err, want)
		}
	}
	mustDo(a.t, s.Check())
}

// TestAFuzzyCommitAppliesNothingTwice kills a process amid rounds of merging, with ranges of
// keys merged differently far, and opens what is left: an element that was merged and is applied again
// would be there twice, one that is taken for merged not at all.
func TestAFuzzyCommitAppliesNothingTwice(t *testing.T) {
	const keys = 400
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityAlways} {
		fs := vfs.NewMem()
		o := inPlace(withDurability(d))
		o.Memory = 512 << 10
		a := &appended{t: t, s: mustOpen(t, fs, o), want: map[string]string{}}
		rng := rand.New(rand.NewPCG(3, uint64(d)))
		ranges := 0
		for round := range 12 {
			for range 100 + rng.IntN(150) {
				a.add(rng, keys)
				if rng.IntN(8) == 0 {
					mustDo(t, a.s.Sync())
				}
			}
			mustDo(t, a.s.Sync())
			if a.s.tree.durable.fuzzy {
				ranges = max(ranges, len(a.s.progress.spans))
			}
			killed := fs.Kill()
			if round%3 > 0 { // else the same process goes on
				mustDo(t, a.s.Close())
				fs = killed
				a.s = mustOpen(t, fs, o)
				a.compare(a.s, keys)
				continue
			}
			other := mustOpen(t, killed, o)
			a.compare(other, keys)
			mustDo(t, other.Close())
		}
		if ranges < 3 {
			t.Errorf("%s: there never were more than %d ranges", d, ranges)
		}
		mustDo(t, a.s.Close())
	}
}

// TestAFuzzyCommitLeavesTheBuffer makes commits near each other in a store whose buffer holds
// much: leaves are written for the round of merging alone, and hardly any image is needed.
func TestAFuzzyCommitLeavesTheBuffer(t *testing.T) {
	const records = 2000
	o := inPlace(withDurability(statelab.DurabilityAlways))
	o.LogLimit, o.Memory = 1<<20, 4<<20
	s := mustOpen(t, vfs.NewMem(), o)
	defer s.Close()
	value := string(make([]byte, 400))
	put := func(n int) {
		for i := range n {
			mustPut(t, s, fmt.Sprintf("key %05d", i*7919%records), value, statelab.NoExpiry)
		}
	}
	put(2 * records)
	before, commits := s.Stats().Written, s.Stats().Flushes
	const more = 3 * records
	put(more)
	after := s.Stats().Written
	logical := float64(more * (400 + 9))
	pages, images := float64(after.Page-before.Page)/logical, float64(after.Images-before.Images)/logical
	t.Logf("%d commits, %.2f bytes of pages and %.2f of images for each logical byte", s.Stats().Flushes-commits, pages, images)
	if n := s.Stats().Flushes - commits; n < 8 || !s.tree.durable.fuzzy || s.buffer.pages < 50 {
		t.Errorf("%d commits, with %d pages left in the buffer", n, s.buffer.pages)
	}
	if pages > 2 || images > 0.7 {
		t.Errorf("%.2f bytes of pages and %.2f of images were written for each logical byte", pages, images)
	}
	if logged := s.logged(); logged > o.LogLimit {
		t.Errorf("the logs have %d bytes", logged)
	}
}

// TestProgressIsThatOfEachKey raises ranges at random, and compares with each key's own.
func TestProgressIsThatOfEachKey(t *testing.T) {
	const keys = 40
	rng := rand.New(rand.NewPCG(1, 1))
	name := func(i int) []byte { return fmt.Appendf(nil, "%02d", i) }
	for range 50 {
		var p progress
		p.restart()
		want := make([]int64, keys)
		for at := int64(1); at < 60; at++ {
			from, to := rng.IntN(keys), keys
			until := []byte(nil)
			if rng.IntN(3) > 0 {
				to = from + 1 + rng.IntN(keys-from)
			}
			if to < keys {
				until = name(to)
			}
			merged := at - rng.Int64N(4)
			start := name(from)
			if from == 0 {
				start = nil
			}
			p.raise(start, until, merged)
			for i := from; i < to; i++ {
				want[i] = max(want[i], merged)
			}
			least, most := want[0], want[0]
			for i, w := range want {
				if got := p.merged(name(i)); got != w {
					t.Fatalf("%d is merged to %d, not %d", i, got, w)
				}
				least, most = min(least, w), max(most, w)
			}
			if p.least != least || p.most != most {
				t.Fatalf("from %d to %d, not %d to %d", p.least, p.most, least, most)
			}
			for i := 1; i < len(p.spans); i++ {
				if p.spans[i].merged == p.spans[i-1].merged || string(p.spans[i].from) <= string(p.spans[i-1].from) {
					t.Fatalf("spans %d and %d of %v", i-1, i, p.spans)
				}
			}
		}
	}
}

func TestARecordOfTheProgressIsAsDocumented(t *testing.T) {
	p := progress{spans: []span{{nil, 105}, {[]byte("m"), 108}}}
	got := p.encode(6, 100, 109)
	want := []byte{0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 5, 0, 8, 1, 'm'}
	if !bytes.Equal(got, want) {
		t.Fatalf("% x", got)
	}
	r, err := decodeProgress(got)
	if err != nil || r.epoch != 6 || r.records != 9 || len(r.spans) != 2 || r.spans[0].merged != 5 || string(r.spans[1].from) != "m" {
		t.Errorf("%+v, %v", r, err)
	}
}

// FuzzProgress reads any bytes as a record of the progress.
func FuzzProgress(f *testing.F) {
	p := progress{spans: []span{{nil, 5}, {[]byte("m"), 8}, {[]byte("mm"), 3}}}
	good := p.encode(6, 0, 9)
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add(good[:progressHeader])
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decodeProgress(b)
		if err != nil {
			return
		}
		p := progress{spans: r.spans}
		p.measure()
		if p.least < 0 || p.most > r.records || p.find(nil) != 0 {
			t.Fatalf("% x are %+v", b, r)
		}
	})
}
