package storetest

import (
	"errors"
	"fmt"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/statelab/statelab"
)

// A tornMutant is wrong only while others read beside the writer.
type tornMutant struct {
	name   string
	memory int64 // bytes; 0 is what the seed says
	open   func(string, *statelab.Options) (statelab.Store, error)
}

func tornMutants() []tornMutant {
	return []tornMutant{
		{"operations become visible one by one", 0, calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				err := w.fits(b)
				ops := b.Ops()
				for op, ok := ops.Next(); ok && err == nil; op, ok = ops.Next() {
					var one statelab.Batch
					addOp(&one, op)
					err = w.refStore.Apply(&one)
					runtime.Gosched()
				}
				return err
			}
		})},
		{"a look-up keeps what was replaced meanwhile", 0, calls(keepStale)},
		{"an iterator takes its records at two moments", 0, calls(func(w *wrongStore) { w.iter = w.iterInHalves })},
		{"a refused batch is there for a moment", statelab.MinMemory, calls(func(w *wrongStore) {
			w.apply = func(b *statelab.Batch) error {
				err := w.refStore.Apply(b)
				if errors.Is(err, statelab.ErrBudget) {
					w.showFor(b)
				}
				return err
			}
		})},
		{"many keys are looked up one by one", 0, getsMany(func(s *refStore, keys [][]byte, found func(int, []byte)) error {
			for i, key := range keys {
				if value, err := s.Get(nil, key); err == nil {
					found(i, value)
				}
				runtime.Gosched()
			}
			return nil
		})},
		{"the dead go one by one", 0, calls(func(w *wrongStore) { w.advance = w.sweepSlowly })},
	}
}

// fits says whether the batch can be applied as a whole.
func (w *wrongStore) fits(b *statelab.Batch) error {
	if err := b.Err(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	staged, _, err := w.stage(b)
	if err != nil {
		return err
	}
	return w.fit(staged)
}

// keepStale puts a cache before Get, which a look-up fills after a change has
// cleared it.
func keepStale(w *wrongStore) {
	type entry struct {
		value     []byte
		watermark int64
	}
	var mu sync.Mutex
	cache := map[string]entry{}
	w.get = func(dst, key []byte) ([]byte, error) {
		now := w.refStore.Stats().Watermark
		mu.Lock()
		e, ok := cache[string(key)]
		mu.Unlock()
		if ok && e.watermark == now {
			return append(dst, e.value...), nil
		}
		value, err := w.refStore.Get(nil, key)
		if err != nil {
			return dst, err
		}
		runtime.Gosched()
		mu.Lock()
		cache[string(key)] = entry{value, now}
		mu.Unlock()
		return append(dst, value...), nil
	}
	w.apply = func(b *statelab.Batch) error {
		err := w.refStore.Apply(b)
		mu.Lock()
		defer mu.Unlock()
		ops := b.Ops()
		for op, ok := ops.Next(); ok; op, ok = ops.Next() {
			delete(cache, string(op.Key))
		}
		return err
	}
}

// iterInHalves takes the second half of the records after the first.
func (w *wrongStore) iterInHalves(r statelab.Range) (statelab.Iterator, error) {
	first, err := w.refStore.Iter(r)
	if err != nil {
		return nil, err
	}
	runtime.Gosched()
	second, err := w.refStore.Iter(r)
	if err != nil {
		return nil, errors.Join(err, first.Close())
	}
	defer second.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	it := first.(*refIter)
	half := len(it.window) / 2
	if half == 0 {
		return first, nil
	}
	from := it.window[half].key
	it.window = slices.Clone(it.window[:half])
	for _, r := range second.(*refIter).window {
		if r.key >= from {
			it.window = append(it.window, r)
		}
	}
	return first, nil
}

// showFor makes the batch visible and takes it back.
func (w *wrongStore) showFor(b *statelab.Batch) {
	w.mu.Lock()
	staged, _, err := w.stage(b)
	if err == nil {
		w.install(staged)
	}
	w.mu.Unlock()
	runtime.Gosched()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range staged {
		w.replace(change{c.new, c.old})
	}
}

// sweepSlowly removes what dies by the watermark before it passes.
func (w *wrongStore) sweepSlowly(watermark int64) error {
	for {
		w.mu.Lock()
		i := slices.IndexFunc(w.records, func(r *refRecord) bool {
			return !w.closed && w.latch.Err() == nil && len(w.at(r, watermark).elements) != len(r.elements)
		})
		if i >= 0 {
			w.install([]change{{w.records[i], w.at(w.records[i], watermark)}})
		}
		w.mu.Unlock()
		if i < 0 {
			return w.refStore.Advance(watermark)
		}
		runtime.Gosched()
	}
}

// TestReadersBesideTheWriterBite plays histories over stores that are wrong
// only while others read beside the writer: with readers some history fails,
// and without them none does.
func TestReadersBesideTheWriterBite(t *testing.T) {
	const seeds = 60
	for _, m := range tornMutants() {
		t.Run(m.name, func(t *testing.T) {
			cfg := Config{Open: m.open, MemoryResident: true, Effort: Effort{Steps: 150}}
			cfg.setDefaults()
			l := &lab{tb: testingT{t}, cfg: &cfg}
			for seed := range uint64(seeds) {
				st := l.settingOf(seed, statelab.DurabilityCheckpoint)
				if m.memory > 0 {
					st.memory = m.memory
				}
				if seed < 6 {
					if f := playRandom(l, st, l.cfg.generate(seed, cfg.Steps, randomMix)); f != nil {
						t.Fatalf("seed %d fails with nobody beside the writer: %s: %s", seed, f.clause, f.text)
					}
				}
				if f := playBeside(l, st, l.cfg.generate(seed, cfg.Steps, besideMix)); f != nil {
					t.Logf("seed %d: %s: %s", seed, f.clause, f.text)
					return
				}
			}
			t.Errorf("no reader finds it in %d histories", seeds)
		})
	}
}

// TestAFailureBesideTheWriterIsPlayedAgain reads from a failure of a long run
// the history and the seed, with which it must fail again.
func TestAFailureBesideTheWriterIsPlayedAgain(t *testing.T) {
	cfg := Config{Open: tornMutants()[0].open, MemoryResident: true, Effort: Effort{Seed: 5, Steps: 60, For: time.Hour}}
	long := &recorder{t: t, name: "TestLong"}
	run(long, &cfg, randomName)
	if len(long.failures) == 0 {
		t.Fatal("nothing fails")
	}
	text := long.failures[0]
	again := regexp.MustCompile(`-run '\^TestLong\$/\^random\$/\^(\w+)\$' -storetest.seed=(\d+) -storetest.seeds=1 -storetest.steps=(\d+)`).FindStringSubmatch(text)
	if again == nil {
		t.Fatalf("the failure does not say how to play it again:\n%s", text)
	}
	d, err := statelab.ParseDurability(again[1])
	if err != nil {
		t.Fatal(err)
	}
	once := Config{Open: cfg.Open, MemoryResident: true, Durabilities: []statelab.Durability{d}, Effort: Effort{Seeds: 1}}
	if _, err := fmt.Sscan(again[2]+" "+again[3], &once.Seed, &once.Steps); err != nil {
		t.Fatal(err)
	}
	const tries = 50 // a reader has to be there at the right moment
	bySeed, replayed := &recorder{t: t, name: "TestSeed"}, &recorder{t: t, name: "Replay"}
	for range tries {
		if !bySeed.Failed() {
			run(bySeed, &once, randomName)
		}
		if !replayed.Failed() {
			replayed.Run("x", func(t tb) { replay(t, &cfg, historyOf(text)) })
		}
	}
	if !bySeed.Failed() || !replayed.Failed() {
		t.Errorf("played by its seed it fails: %v; replayed: %v\n%s", bySeed.Failed(), replayed.Failed(), text)
	}
}

// TestALongRunEndsInTimeOrWithAFailure runs the long runs over the reference
// store and over one that is torn.
func TestALongRunEndsInTimeOrWithAFailure(t *testing.T) {
	const long = 200 * time.Millisecond
	for _, c := range []struct {
		name  string
		open  func(string, *statelab.Options) (statelab.Store, error)
		fails bool
		run   string
	}{
		{"whole", openRef, false, randomName},
		{"whole", openRef, false, crashesName},
		{"torn", tornMutants()[0].open, true, randomName},
		{"forgetful", flawed(flawSet{trustsCache: true}), true, crashesName},
	} {
		t.Run(c.name+" "+c.run, func(t *testing.T) {
			r := &recorder{t: t, name: "TestLong"}
			cfg := Config{Open: c.open, MemoryResident: true, Effort: Effort{Seed: 17, Steps: 60, Points: 10, For: long, Crashes: 100}}
			if c.fails {
				cfg.For, cfg.Crashes = time.Hour, 1<<30
			}
			run(r, &cfg, c.run)
			logs := strings.Join(r.logs, "\n")
			switch {
			case c.fails && !r.Failed():
				t.Errorf("nothing fails:\n%s", logs)
			case c.fails && !strings.Contains(r.failures[0], "-storetest.seed="):
				t.Errorf("the failure does not say how to play it again:\n%s", r.failures[0])
			case !c.fails && r.Failed():
				t.Errorf("it fails: %s", r.failures)
			case !c.fails && (!strings.Contains(logs, "from seed 17 on") || !strings.Contains(logs, "nothing broken")):
				t.Errorf("the run tells\n%s", logs)
			case !c.fails && c.run == crashesName && cfg.tally.total(crashPoints) < 100:
				t.Errorf("%d crash points were tried, want 100", cfg.tally.total(crashPoints))
			}
		})
	}
}
