package memstore

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/wal"
	"github.com/statelab/statelab/vfs"
)

// history applies random operations of all kinds, most of which die, and some of
// which are long.
func history(t *testing.T, s *Store, rnd *rand.Rand, calls int) {
	t.Helper()
	now := s.Stats().Watermark
	if now == statelab.MinWatermark {
		now = 0
	}
	for i := range calls {
		var b statelab.Batch
		for range 1 + rnd.IntN(3) {
			key := fmt.Appendf(nil, "%c%02d", 'a'+rnd.IntN(4), rnd.IntN(30))[:1+2*min(1, rnd.IntN(20))]
			value := fmt.Append(nil, i, strings.Repeat(".", rnd.IntN(2)*rnd.IntN(200)))
			expireAt := now - 2 + rnd.Int64N(40)
			if rnd.IntN(4) == 0 {
				expireAt = never
			}
			switch rnd.IntN(8) {
			case 0:
				b.Delete(key)
			case 1, 2, 3:
				b.Put(key, value, expireAt)
			default:
				b.Append(key, value, expireAt)
			}
		}
		must(t, s.Apply(&b))
		if rnd.IntN(5) == 0 {
			now += rnd.Int64N(6)
			must(t, s.Advance(now))
		}
	}
}

// elements returns all that lives, by element and with expiries.
func elements(t *testing.T, s *Store) string {
	t.Helper()
	it, err := s.Iter(statelab.Range{})
	must(t, err)
	var all strings.Builder
	for ok := it.First(); ok; ok = it.Next() {
		fmt.Fprintf(&all, "\n%s", it.Key())
		must(t, s.Elements(it.Key(), func(element []byte, expireAt int64) bool {
			fmt.Fprintf(&all, " %s@%d", element, expireAt)
			return true
		}))
		// The other way to a record is the hash table.
		if value, err := s.Get(nil, it.Key()); err != nil || string(value) != string(it.Value()) {
			t.Fatalf("Get of %s: %q, %v; the iterator has %q", it.Key(), value, err, it.Value())
		}
	}
	must(t, it.Close())
	return all.String()
}

// pieces returns the memory of records and elements, dead ones reclaimed.
func pieces(s *Store) int64 {
	s.write.Lock()
	defer s.write.Unlock()
	s.records.reapAll()
	return s.records.mem.InUse() - s.records.index.Overhead()
}

// TestReopenedStoreIsWhatItWas opens a store again and again amid a history, now
// from a log, now from a snapshot and the log after it.
func TestReopenedStoreIsWhatItWas(t *testing.T) {
	for name, prefix := range map[string]statelab.Prefix{"keys": {}, "byte": firstByte, "two bytes": firstTwo, "no hash": {}} {
		for _, durability := range []statelab.Durability{statelab.DurabilityInterval, statelab.DurabilityCheckpoint} {
			for _, maintenance := range []statelab.Maintenance{statelab.MaintenanceInline, statelab.MaintenanceBackground} {
				t.Run(fmt.Sprint(name, "/", durability, "/", maintenance), func(t *testing.T) {
					fs := vfs.NewMem()
					open := func() *Store {
						return openTest(t, fs, func(o *Options) {
							o.Durability, o.Maintenance, o.Prefix, o.Hash = durability, maintenance, prefix, name != "no hash"
							o.LogLimit = 32 << 10
						})
					}
					rnd := rand.New(rand.NewPCG(3, 4))
					s := open()
					for range 6 {
						history(t, s, rnd, 200)
						must(t, s.Sync())
						must(t, s.Check()) // which waits for a snapshot
						want, watermark, inUse := elements(t, s), s.Stats().Watermark, pieces(s)
						must(t, s.Close())
						s = open()
						must(t, s.Check())
						if got := elements(t, s); got != want || s.Stats().Watermark != watermark {
							t.Fatalf("reopened at %d:%s\nwant at %d:%s", s.Stats().Watermark, got, watermark, want)
						}
						if n := pieces(s); n > inUse {
							t.Errorf("reopened, records take %d bytes, and %d before", n, inUse)
						}
					}
					if _, number := s.snapshot.current(); number == 0 {
						t.Error("there was no snapshot to open")
					}
				})
			}
		}
	}
}

// runsOf returns the records of a store's log, some at a time.
func runsOf(t *testing.T, fs vfs.FS) (runs [][][]byte) {
	t.Helper()
	var run [][]byte
	must(t, wal.Frames(fs, "/store/LOG", firstSegment, func(f wal.Frame) error {
		if f.Kind == wal.KindRecord {
			run = append(run, append([]byte(nil), f.Payload...))
		}
		if len(run) == 100 {
			runs, run = append(runs, run), nil
		}
		return nil
	}))
	return append(runs, run)
}

// TestLoadingLetsGoOfWhatDies lets a loader look for what is dead all the time,
// and holds what it makes against the store whose log it is.
func TestLoadingLetsGoOfWhatDies(t *testing.T) {
	for name, prefix := range map[string]statelab.Prefix{"keys": {}, "two bytes": firstTwo} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			open := func(fs vfs.FS) *Store {
				return openTest(t, fs, func(o *Options) {
					o.Durability, o.Prefix, o.Hash, o.LogLimit = statelab.DurabilityInterval, prefix, true, 1<<30
				})
			}
			s := open(fs)
			history(t, s, rand.New(rand.NewPCG(5, 6)), 3000)
			for i := range 2000 {
				put(t, s, fmt.Sprint("dies", i), "", s.Stats().Watermark+1+int64(i%10))
				must(t, s.Advance(s.Stats().Watermark+int64(i%2)))
			}
			must(t, s.Sync())

			loaded := open(vfs.NewMem())
			l, err := loaded.newLoader()
			must(t, err)
			loaded.records.loading = true
			most := 0
			for _, run := range runsOf(t, fs) {
				must(t, l.replay(run))
				most = max(most, l.dir.Len())
				must(t, l.sweepIfWorth())
			}
			must(t, l.finish())
			loaded.records.loading = false
			l.close()
			if most > 500 {
				t.Errorf("%d records were there at once, and fewer than 200 lived", most)
			}
			if got, want := elements(t, loaded), elements(t, s); got != want {
				t.Errorf("loaded:%s\nwant:%s", got, want)
			}
		})
	}
}

func TestLoadingRefusesWhatIsNoRecord(t *testing.T) {
	var b statelab.Batch
	b.Put([]byte("key"), []byte("value"), never)
	for name, payload := range map[string][]byte{
		"empty": {}, "unknown kind": {9}, "short advance": {logAdvance, 1}, "cut operation": append([]byte{logBatch}, b.Bytes()[:6]...),
	} {
		fs := vfs.NewMem()
		s := openTest(t, fs, func(o *Options) { o.Durability = statelab.DurabilityInterval })
		put(t, s, "k", "v", never)
		_, err := s.log.Append(payload)
		must(t, err)
		must(t, s.Close())
		o := s.o
		var corrupt *statelab.CorruptError
		if s, err := Open("/store", o); !errors.As(err, &corrupt) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				must(t, s.Close())
			}
		}
	}
}

// TestKeysAreSortedByAllTheirBytes sorts keys that begin alike for longer than
// heads and ties are long, and keys that are others with zeros behind them.
func TestKeysAreSortedByAllTheirBytes(t *testing.T) {
	s := openTest(t, vfs.NewMem(), func(o *Options) { o.Maintenance = statelab.MaintenanceBackground })
	l, err := s.newLoader()
	must(t, err)
	defer l.close()
	rnd := rand.New(rand.NewPCG(7, 8))
	seen := map[string]bool{}
	var all []keyed
	for len(all) < 2*leastShare {
		key := strings.Repeat("p", rnd.IntN(3)*40) + fmt.Sprint(rnd.IntN(1+rnd.IntN(1<<20))) + strings.Repeat("\x00", rnd.IntN(30)*rnd.IntN(2))
		if seen[key] {
			continue
		}
		seen[key] = true
		ref, err := s.records.keys().NewRecord([]byte(key), 0)
		must(t, err)
		all = append(all, keyed{headOf([]byte(key), 0), ref})
	}
	refs := l.sort(all)
	for i, ref := range refs {
		if i > 0 && string(s.records.keys().Of(refs[i-1])) >= string(s.records.keys().Of(ref)) {
			t.Fatalf("key %q comes before %q", s.records.keys().Of(refs[i-1]), s.records.keys().Of(ref))
		}
	}
	for _, ref := range refs {
		s.records.keys().FreeRecord(ref)
	}
}
