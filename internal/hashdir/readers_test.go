package hashdir

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/statelab/statelab/internal/arena"
)

// The table swings between few and many entries, with chains that grow and
// shrink, while readers look for entries that stay or change their mark, and
// for some that are never there.
func TestReadersFindWhatIsThereBesideTheWriter(t *testing.T) {
	d := newTest(t)
	const (
		stay   = 300  // entries for 1 to stay are always there
		absent = 1000 // from stay+1 to absent never
		swing  = 6000 // from absent+1 to swing now and then
	)
	rounds := 20
	if testing.Short() {
		rounds = 4
	}
	grow(t, d, 1, stay)
	var done sync.WaitGroup
	stop := make(chan struct{})
	for reader := range uint64(2) {
		done.Go(func() {
			rnd := rand.New(rand.NewPCG(reader, 9))
			for {
				select {
				case <-stop:
					return
				default:
				}
				ref := arena.Ref(1 + rnd.IntN(absent))
				if found := hasRef(d, ref); found != (ref <= stay) {
					t.Errorf("whether an entry for %d is found: %v", ref, found)
					return
				}
			}
		})
	}
	for range rounds {
		grow(t, d, absent+1, swing)
		for ref := arena.Ref(1); ref <= stay; ref++ {
			d.Update(hashOf(ref), ref, Entry{Ref: ref, Mark: uint8(ref % MaxMark)})
		}
		shrink(t, d, absent+1, swing)
	}
	close(stop)
	done.Wait()
}

// All entries are in three chains, so that each removal moves another entry.
func TestReadersFindEntriesThatMoveWithinAChain(t *testing.T) {
	d := newTest(t)
	const stay, swing = 30, 90
	hash := func(ref arena.Ref) uint64 { return uint64(ref%3) * 0x123456789 }
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	var done sync.WaitGroup
	stop := make(chan struct{})
	ready := make(chan struct{})
	done.Go(func() {
		<-ready
		for ref := arena.Ref(0); ; ref++ {
			select {
			case <-stop:
				return
			default:
			}
			if want := (Entry{Ref: 1 + ref%stay}); !has(d, hash(want.Ref), want) {
				t.Errorf("the entry for %d is not found", want.Ref)
				return
			}
		}
	})
	// The ones that stay come last, so that removals move them.
	for round := range rounds {
		for ref := arena.Ref(stay + 1); ref <= swing; ref++ {
			insert(t, d, hash(ref), Entry{Ref: ref})
		}
		if round == 0 {
			for ref := arena.Ref(1); ref <= stay; ref++ {
				insert(t, d, hash(ref), Entry{Ref: ref})
			}
			close(ready)
		}
		for ref := arena.Ref(stay + 1); ref <= swing; ref++ {
			if !d.Remove(hash(ref), ref) {
				t.Fatalf("the entry for %d is gone", ref)
			}
		}
	}
	close(stop)
	done.Wait()
}

// A reader may have read every slot before the entry came there.
func TestALookUpThatBeganBeforeTheTableChangedFindsTheEntry(t *testing.T) {
	const n = minBuckets * splitLoad / 2 // one more makes a split
	for name, c := range map[string]struct {
		change  func(d *Dir)
		buckets uint32
	}{
		"split": {func(d *Dir) { grow(t, d, n+1, n+1) }, minBuckets + 1},
		"split, and merge": {func(d *Dir) {
			grow(t, d, n+1, 2*n)
			shrink(t, d, n/2, 2*n)
			grow(t, d, n/2, n)
		}, minBuckets},
	} {
		d := newTest(t)
		grow(t, d, 1, n)
		p := d.Probe(hashOf(n))
		p.slot = slots
		c.change(d)
		if got := numBuckets(d.state.Load()); got != c.buckets {
			t.Fatalf("%s: there are %d buckets, want %d", name, got, c.buckets)
		}
		if e := p.Next(); e != (Entry{Ref: n}) {
			t.Errorf("%s: a look-up from before finds %v", name, e)
		}
	}
}

func TestALookUpThatBeganBeforeAnEntryMovedInItsChainFindsIt(t *testing.T) {
	const last = 2 * slots // in the third bucket, with the entry before it
	for name, c := range map[string]struct {
		buckets int // that have been read to their end, but for the link
		removed []arena.Ref
		want    arena.Ref
	}{
		"a move from the next bucket":           {1, []arena.Ref{1}, last},
		"a move over a bucket":                  {1, []arena.Ref{1, 2}, last - 1},
		"a move out of a bucket, which is left": {2, []arena.Ref{1, 2}, last},
	} {
		d := newTest(t)
		for ref := arena.Ref(1); ref <= last; ref++ {
			insert(t, d, 5, Entry{Ref: ref})
		}
		p := d.Probe(5)
		p.slot = slots
		for range c.buckets - 1 {
			p.at = d.spill.at(uint32(p.at[slots-1].Load()))
		}
		for _, ref := range c.removed {
			d.Remove(5, ref)
		}
		for e := p.Next(); ; e = p.Next() {
			if e == (Entry{}) {
				t.Errorf("%s: a look-up from before does not find %d", name, c.want)
				break
			}
			if e.Ref == c.want {
				break
			}
		}
	}
}

func hasRef(d *Dir, ref arena.Ref) bool {
	p := d.Probe(hashOf(ref))
	for e := p.Next(); e != (Entry{}); e = p.Next() {
		if e.Ref == ref {
			return true
		}
	}
	return false
}
