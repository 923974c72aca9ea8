package btree

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestReadersBesideAWriter runs readers of every kind beside a writer that
// splits, expires and commits, on a pool too small for the tree. Each record's value
// repeats its generation, so that a torn read shows; a generation never goes back.
func TestReadersBesideAWriter(t *testing.T) {
	for _, d := range []statelab.Durability{statelab.DurabilityCheckpoint, statelab.DurabilityAlways} {
		t.Run(d.String(), func(t *testing.T) {
			fs := vfs.NewMem()
			o := Options{LogLimit: MinLogLimit, Options: statelab.Options{Memory: 256 << 10, Durability: d}}
			if d == statelab.DurabilityAlways {
				o.Compression = statelab.CompressionS2
			}
			s := mustOpen(t, fs, o)
			besideAWriter(t, fs, s)
			mustDo(t, s.Check())
			mustDo(t, s.Close())
		})
	}
}

const concurrentKeys = 1500

func concurrentKey(i int) []byte { return fmt.Appendf(nil, "key %05d", i) }

func concurrentValue(generation, i int) []byte {
	one := strconv.Itoa(generation) + ","
	n := 1 + i%9
	if i%50 == 0 {
		n = 600 // spilled
	}
	var v []byte
	for range n {
		v = append(v, one...)
	}
	return v
}

// generationOf returns the generation that a value repeats, and false if it is no value.
func generationOf(v []byte) (int, bool) {
	end := 0
	for end < len(v) && v[end] != ',' {
		end++
	}
	g, err := strconv.Atoi(string(v[:end]))
	if err != nil {
		return 0, false
	}
	for i := range v {
		if v[i] != v[i%(end+1)] {
			return 0, false
		}
	}
	return g, true
}

func besideAWriter(t *testing.T, fs vfs.FS, s *Store) {
	var b statelab.Batch
	for i := range concurrentKeys {
		b.Put(concurrentKey(i), concurrentValue(0, i), statelab.NoExpiry)
	}
	mustDo(t, s.Apply(&b))
	var done atomic.Bool
	var wg sync.WaitGroup
	for g := range uint64(2) {
		wg.Go(func() { getWhile(t, s, &done, rand.New(rand.NewPCG(g, 1))) })
		wg.Go(func() { iterateWhile(t, s, &done, rand.New(rand.NewPCG(g, 2))) })
	}
	wg.Go(func() { checkpointWhile(t, fs, s, &done) })
	for generation := 1; generation <= 25 && !t.Failed(); generation++ {
		for i := 0; i < concurrentKeys; {
			b.Reset()
			for range 40 {
				b.Put(concurrentKey(i%concurrentKeys), concurrentValue(generation, i%concurrentKeys), statelab.NoExpiry)
				b.Put(fmt.Appendf(nil, "key %05d/%d", i%concurrentKeys, generation), []byte("1,"), int64(generation+2))
				i++
			}
			mustDo(t, s.Apply(&b))
		}
		mustDo(t, s.Advance(int64(generation)))
		mustDo(t, s.Check())
		if generation%4 == 0 {
			mustDo(t, s.Sync())
		}
	}
	done.Store(true)
	wg.Wait()
}

func getWhile(t *testing.T, s *Store, done *atomic.Bool, rng *rand.Rand) {
	seen := make([]int, concurrentKeys)
	var buf []byte
	for !done.Load() {
		i := rng.IntN(concurrentKeys)
		var err error
		if buf, err = s.Get(buf[:0], concurrentKey(i)); err != nil {
			t.Errorf("Get: %v", err)
			return
		}
		g, ok := generationOf(buf)
		if !ok || g < seen[i] {
			t.Errorf("record %d: generation %d after %d: %.60q", i, g, seen[i], buf)
			return
		}
		seen[i] = g
	}
}

func iterateWhile(t *testing.T, s *Store, done *atomic.Bool, rng *rand.Rand) {
	for !done.Load() {
		it, err := s.Iter(statelab.PrefixRange([]byte("key 0")))
		if err != nil {
			t.Errorf("Iter: %v", err)
			return
		}
		first, n := -1, 0
		for ok := it.SeekGE(concurrentKey(rng.IntN(concurrentKeys))); ok && n < 200; ok = it.Next() {
			if g, ok := generationOf(it.Value()); !ok {
				t.Errorf("iterator: %q is %.60q", it.Key(), it.Value())
			} else if first < 0 || g < first {
				first = g
			}
			n++
		}
		if err := it.Close(); err != nil && !errors.Is(err, statelab.ErrSnapshotTooOld) {
			t.Errorf("iterator: %v", err)
		}
	}
}

func checkpointWhile(t *testing.T, fs vfs.FS, s *Store, done *atomic.Bool) {
	for n := 0; n < 3 && !done.Load(); n++ {
		dir := fmt.Sprintf("/copy%d", n)
		if err := s.Checkpoint(dir); err != nil {
			t.Errorf("Checkpoint: %v", err)
			return
		}
		c, err := openIn(dir, fs, Options{})
		if err != nil {
			t.Errorf("open the copy: %v", err)
			return
		}
		if err := c.Check(); err != nil {
			t.Errorf("copy: %v", err)
		}
		for i := range concurrentKeys {
			v, err := c.Get(nil, concurrentKey(i))
			if _, ok := generationOf(v); err != nil || !ok {
				t.Errorf("copy: record %d is %.60q, %v", i, v, err)
				break
			}
		}
		c.Close()
	}
}
