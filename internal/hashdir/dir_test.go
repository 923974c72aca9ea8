package hashdir

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab/internal/arena"
	"github.com/statelab/statelab/internal/offheap"
)

// newTest returns a table that is checked and released when the test ends.
func newTest(t testing.TB) *Dir {
	t.Helper()
	before := offheap.InUse()
	d, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		check(t, d)
		d.Release()
		if now := offheap.InUse(); now != before || d.Bytes() != 0 || d.Len() != 0 {
			t.Errorf("after Release: off the heap %d, before %d; in use %d, entries %d", now, before, d.Bytes(), d.Len())
		}
		d.Release()
	})
	return d
}

func check(t testing.TB, d *Dir) {
	t.Helper()
	if err := d.Check(); err != nil {
		t.Fatal(err)
	}
}

func insert(t testing.TB, d *Dir, hash uint64, e Entry) {
	t.Helper()
	if err := d.Insert(hash, e); err != nil {
		t.Fatal(err)
	}
}

// has says whether a look-up visits the entry.
func has(d *Dir, hash uint64, want Entry) bool {
	p := d.Probe(hash)
	for e := p.Next(); e != (Entry{}); e = p.Next() {
		if e == want {
			return true
		}
	}
	return false
}

// hashOf is the hash of the key that piece ref stands for in a test.
func hashOf(ref arena.Ref) uint64 {
	var key [4]byte
	binary.BigEndian.PutUint32(key[:], uint32(ref))
	return Hash(key[:])
}

// grow inserts entries for the pieces from first to last.
func grow(t testing.TB, d *Dir, first, last arena.Ref) {
	t.Helper()
	for ref := first; ref <= last; ref++ {
		insert(t, d, hashOf(ref), Entry{Ref: ref})
	}
}

func shrink(t testing.TB, d *Dir, first, last arena.Ref) {
	t.Helper()
	for ref := first; ref <= last; ref++ {
		if !d.Remove(hashOf(ref), ref) {
			t.Fatalf("the entry for %d is gone", ref)
		}
	}
}

func TestEntriesAreFoundAsAModelSays(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			// With few distinct hashes chains are long, and hold equal tags.
			hashes := []int{1 << 30, 4000, 40, 3}[seed]
			m := &model{d: newTest(t), rnd: rand.New(rand.NewPCG(seed, 1)), entries: map[Entry]uint64{}}
			for step := range 20_000 {
				m.step(t, step%8000 < 4800, hashes)
				if step%1000 == 999 {
					m.compare(t)
				}
			}
			for len(m.order) > 0 {
				m.remove(t)
			}
			m.compare(t)
			if n := numBuckets(m.d.state.Load()); n != minBuckets || m.d.Bytes() != minBuckets*bucketSize {
				t.Errorf("an empty table has %d buckets and %d bytes", n, m.d.Bytes())
			}
		})
	}
}

// A model is what the table should be.
type model struct {
	d       *Dir
	rnd     *rand.Rand
	next    arena.Ref
	order   []Entry
	entries map[Entry]uint64 // to their hash
}

func (m *model) step(t *testing.T, growing bool, hashes int) {
	switch n := m.rnd.IntN(10); {
	case n < 2 && len(m.order) > 0:
		m.update(t)
	case n < 5 == growing && len(m.order) > 0:
		m.remove(t)
	default:
		m.next++
		e := Entry{m.next, uint8(m.rnd.IntN(MaxMark + 1))}
		hash := hashOf(arena.Ref(m.rnd.IntN(hashes)))
		insert(t, m.d, hash, e)
		m.order = append(m.order, e)
		m.entries[e] = hash
	}
}

func (m *model) update(t *testing.T) {
	at := m.rnd.IntN(len(m.order))
	old := m.order[at]
	m.next++
	e := Entry{m.next, uint8(m.rnd.IntN(MaxMark + 1))}
	if !m.d.Update(m.entries[old], old.Ref, e) {
		t.Fatalf("entry %v is not there to be updated", old)
	}
	m.order[at], m.entries[e] = e, m.entries[old]
	delete(m.entries, old)
}

func (m *model) remove(t *testing.T) {
	at, last := m.rnd.IntN(len(m.order)), len(m.order)-1
	e := m.order[at]
	if !m.d.Remove(m.entries[e], e.Ref) {
		t.Fatalf("entry %v is not there to be removed", e)
	}
	if m.d.Remove(m.entries[e], e.Ref) || m.d.Update(m.entries[e], e.Ref, e) {
		t.Fatalf("entry %v is there after it was removed", e)
	}
	m.order[at] = m.order[last]
	m.order = m.order[:last]
	delete(m.entries, e)
}

func (m *model) compare(t *testing.T) {
	t.Helper()
	check(t, m.d)
	if m.d.Len() != len(m.entries) {
		t.Fatalf("%d entries, want %d", m.d.Len(), len(m.entries))
	}
	for e, hash := range m.entries {
		if !has(m.d, hash, e) {
			t.Fatalf("entry %v is not found", e)
		}
	}
	seen := 0
	for e := range m.d.All() {
		if _, ok := m.entries[e]; !ok {
			t.Fatalf("All visits entry %v, which is not there", e)
		}
		seen++
	}
	if seen != len(m.entries) {
		t.Fatalf("All visits %d entries, want %d", seen, len(m.entries))
	}
	for range 100 {
		p := m.d.Probe(m.rnd.Uint64())
		for e := p.Next(); e != (Entry{}); e = p.Next() {
			if _, ok := m.entries[e]; !ok {
				t.Fatalf("a look-up visits entry %v, which is not there", e)
			}
		}
	}
}

func TestFewLookUpsOfAbsentKeysVisitAnything(t *testing.T) {
	d := newTest(t)
	const n = 100_000
	grow(t, d, 1, n)
	visits, overflows := 0, 0
	for ref := arena.Ref(n + 1); ref <= 2*n; ref++ {
		p := d.Probe(hashOf(ref))
		first := p.at
		for e := p.Next(); e != (Entry{}); e = p.Next() {
			visits++
		}
		if p.at != first {
			overflows++
		}
	}
	// 2^28 tags, less the 10 bits that the bucket tells, against 4.5 entries.
	if visits > n/1000 {
		t.Errorf("%d entries are visited by %d look-ups of absent keys", visits, n)
	}
	if overflows > n/5 {
		t.Errorf("%d of %d look-ups go on in an overflow bucket", overflows, n)
	}
	perEntry := float64(d.Bytes()) / n
	if perEntry > 16.5 {
		t.Errorf("an entry takes %.1f bytes", perEntry)
	}
	t.Logf("%.1f bytes an entry; of %d look-ups of absent keys %d visit an entry and %d an overflow bucket", perEntry, n, visits, overflows)
}

func TestGrowthAndShrinkGoByOneBucketAtATime(t *testing.T) {
	d := newTest(t)
	const n = 20_000
	buckets := numBuckets(d.state.Load())
	step := func(what string) {
		now := numBuckets(d.state.Load())
		if now+1 < buckets || now > buckets+1 {
			t.Fatalf("%s of one entry goes from %d buckets to %d", what, buckets, now)
		}
		buckets = now
	}
	for ref := arena.Ref(1); ref <= n; ref++ {
		grow(t, d, ref, ref)
		step("an insert")
	}
	if want := uint32(n * 2 / splitLoad); buckets < want || buckets > want+1 {
		t.Errorf("%d entries have %d buckets, want %d", n, buckets, want)
	}
	longest := 0
	for i := range buckets {
		length := 1
		for b := d.buckets.at(i); isLink(b[slots-1].Load()); b = d.spill.at(uint32(b[slots-1].Load())) {
			length++
		}
		longest = max(longest, length)
	}
	if longest > 4 {
		t.Errorf("a chain, and so a split, has %d buckets", longest)
	}
	for ref := arena.Ref(1); ref <= n; ref++ {
		shrink(t, d, ref, ref)
		step("a removal")
	}
	if buckets != minBuckets {
		t.Errorf("no entries have %d buckets", buckets)
	}
}

func TestMemoryComesBack(t *testing.T) {
	d := newTest(t)
	const n = chunkLen * splitLoad * 9 / 16 // a chunk, and an eighth
	for range 2 {
		grow(t, d, 1, n)
		if d.buckets.used < 2 {
			t.Fatalf("%d chunks are in use", d.buckets.used)
		}
		shrink(t, d, 101, n)
		if d.buckets.used != 1 || d.spill.used > 1 || d.Bytes() > 100*bucketSize {
			t.Errorf("100 entries are left, and %d and %d chunks in use, %d bytes", d.buckets.used, d.spill.used, d.Bytes())
		}
		check(t, d)
		for ref := arena.Ref(1); ref <= 100; ref++ {
			if !has(d, hashOf(ref), Entry{Ref: ref}) {
				t.Errorf("the entry for %d is gone", ref)
			}
		}
		shrink(t, d, 1, 100)
	}
}

func TestWithoutMemoryNothingIsLost(t *testing.T) {
	d := newTest(t)
	none := errors.New("no memory")
	fail := false
	alloc := func(n int) ([]byte, error) {
		if fail {
			return nil, none
		}
		return offheap.Alloc(n)
	}
	d.buckets.alloc, d.spill.alloc = alloc, alloc

	// All overflow buckets that there is memory for are taken: the chain of one
	// hash that has them all.
	fail = true
	last := arena.Ref(0)
	for {
		if err := d.Insert(hashOf(7), Entry{Ref: last + 1}); err != nil {
			if !errors.Is(err, none) {
				t.Fatal(err)
			}
			break
		}
		if last++; last > 100 {
			t.Fatal("overflow buckets come from nowhere")
		}
	}
	check(t, d)
	if d.Len() != int(last) || last != slots {
		t.Fatalf("%d entries were taken, and %d are there", last, d.Len())
	}

	// Elsewhere the table fills up, with no memory for a merge or a split that
	// needs an overflow bucket.
	refs := map[arena.Ref]bool{}
	for ref := last + 1; ref < 2000; ref++ {
		if d.Insert(hashOf(ref), Entry{Ref: ref}) == nil {
			refs[ref] = true
		}
	}
	check(t, d)
	verify := func() {
		for ref := range refs {
			if !has(d, hashOf(ref), Entry{Ref: ref}) {
				t.Fatalf("the entry for %d is lost", ref)
			}
		}
		for ref := arena.Ref(1); ref <= last; ref++ {
			if !has(d, hashOf(7), Entry{Ref: ref}) {
				t.Fatalf("the entry for %d is lost", ref)
			}
		}
	}
	verify()
	for ref := range refs {
		if len(refs) == 20 {
			break
		}
		if !d.Remove(hashOf(ref), ref) {
			t.Fatalf("the entry for %d is not there", ref)
		}
		delete(refs, ref)
	}
	check(t, d)
	verify()
	fail = false
	grow(t, d, 10_000, 12_000)
	verify()
}

func TestCheckNamesWhatIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		want string
		harm func(d *Dir)
	}{
		"entry in another bucket": {"H1", func(d *Dir) {
			b := d.buckets.at(bucketOf(hashOf(1), numBuckets(d.state.Load())))
			for i := range b {
				b[i].Store(b[i].Load() ^ 1<<tagShift)
			}
		}},
		"entry lost": {"H5", func(d *Dir) {
			p, _ := d.find(hashOf(1), 1)
			p.store(0)
		}},
		"overflow bucket leaked": {"H3", func(d *Dir) { _, _ = d.spill.take() }},
		"hole in a full bucket": {"H2", func(d *Dir) {
			for i := range numBuckets(d.state.Load()) {
				if b := d.buckets.at(i); isLink(b[slots-1].Load()) {
					b[0].Store(0)
					return
				}
			}
		}},
		"bucket past the last": {"H3", func(d *Dir) {
			d.buckets.at(numBuckets(d.state.Load()))[3].Store(1)
		}},
		"free overflow bucket": {"H3", func(d *Dir) { d.spill.at(chunkLen - 1)[0].Store(1) }},
	} {
		d, err := New()
		if err != nil {
			t.Fatal(err)
		}
		grow(t, d, 1, 1000)
		check(t, d)
		c.harm(d)
		if err := d.Check(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: Check says %v, want %s", name, err, c.want)
		}
		d.Release()
	}
}

func TestLookUpsAndChangesMakeNoGarbage(t *testing.T) {
	d := newTest(t)
	grow(t, d, 1, 1000)
	allocs := testing.AllocsPerRun(100, func() {
		grow(t, d, 1001, 1100)
		_ = has(d, hashOf(5), Entry{Ref: 5})
		shrink(t, d, 1001, 1100)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}
