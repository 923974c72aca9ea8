package btree

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestReadersSeeNothingOfABatchThatIsPrepared reads in the middle of a batch, from
// the one goroutine that there is, so that any waiting would be for ever.
func TestReadersSeeNothingOfABatchThatIsPrepared(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), bufferedOptions(2<<20))
	defer s.Close()
	var b statelab.Batch
	for i := range 2000 {
		b.Put(fmt.Appendf(nil, "key %04d", i), bytes.Repeat([]byte("a"), 100), statelab.NoExpiry)
	}
	mustDo(t, s.Apply(&b))
	for _, undo := range []bool{true, false} {
		b.Reset()
		b.Put([]byte("key 0007"), []byte("new"), statelab.NoExpiry)
		b.Delete([]byte("key 0008"))
		for i := range 100 {
			b.Put(fmt.Appendf(nil, "key %04d/%d", i*20, i), bytes.Repeat([]byte("b"), 500), 50)
		}
		s.beside = 1
		prepared, err := s.prepareBeside(&b)
		mustDo(t, err)
		if !prepared {
			t.Fatal("nothing was prepared")
		}
		old := string(bytes.Repeat([]byte("a"), 100))
		mustGet(t, s, "key 0007", old)
		mustGet(t, s, "key 0008", old)
		it, err := s.Iter(statelab.Range{})
		mustDo(t, err)
		if undo {
			s.buffer.giveUp()
		} else {
			s.gate.close()
			s.buffer.commitBeside()
			s.reopenGate()
			mustGet(t, s, "key 0007", "new")
			wantValue(t, s, "key 0008", "")
		}
		n := 0
		for ok := it.First(); ok; ok = it.Next() {
			if n++; string(it.Value()) != old {
				t.Fatalf("the iterator opened before sees %q as %.20q", it.Key(), it.Value())
			}
		}
		if err := it.Close(); err != nil || n != 2000 {
			t.Fatalf("%d records, %v", n, err)
		}
		mustDo(t, s.Check())
	}
}

// TestBatchesArePreparedBesideReaders has readers beside batches that each give all of
// some records one value: no reader may see two values, or an older one than before.
func TestBatchesArePreparedBesideReaders(t *testing.T) {
	s := mustOpen(t, vfs.NewMem(), Options{Options: statelab.Options{Memory: 2 << 20}})
	defer s.Close()
	const keys = 20
	key := func(i int) []byte { return fmt.Appendf(nil, "key %02d", i) }
	var b statelab.Batch
	apply := func(generation int) {
		b.Reset()
		for i := range keys {
			b.Put(key(i), fmt.Appendf(nil, "%08d", generation), statelab.NoExpiry)
			b.Put(fmt.Appendf(nil, "other %d %d", i, generation%200), make([]byte, 200), int64(generation+30))
		}
		mustDo(t, s.Apply(&b))
		mustDo(t, s.Advance(int64(generation)))
	}
	apply(0)
	var done atomic.Bool
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { probeWhile(t, s, &done, key(0), key(keys)) })
	}
	beside := 0
	for generation := 1; generation < 3000 && (generation < 400 || beside == 0); generation++ {
		if s.beside > 0 {
			beside++
		}
		apply(generation)
	}
	done.Store(true)
	wg.Wait()
	if beside == 0 {
		t.Error("no batch was prepared beside readers")
	}
	mustDo(t, s.Check())
}

// probeWhile goes over a range, the values in which must be one, and grow.
func probeWhile(t *testing.T, s *Store, done *atomic.Bool, lower, upper []byte) {
	var seen, get []byte
	for !done.Load() {
		it, err := s.Iter(statelab.Range{Lower: lower, Upper: upper})
		if err != nil {
			t.Error(err)
			return
		}
		var value []byte
		for ok := it.First(); ok; ok = it.Next() {
			if value == nil {
				value = bytes.Clone(it.Value())
			}
			if !bytes.Equal(it.Value(), value) {
				t.Errorf("one snapshot has %q and %q", value, it.Value())
			}
		}
		if err := it.Close(); err != nil && !errors.Is(err, statelab.ErrSnapshotTooOld) {
			t.Error(err)
		}
		if bytes.Compare(value, seen) < 0 {
			t.Errorf("%q is seen after %q", value, seen)
		}
		if get, err = s.Get(get[:0], lower); err != nil || bytes.Compare(get, value) < 0 {
			t.Errorf("Get has %q after %q, %v", get, value, err)
		}
		seen = append(seen[:0], get...)
	}
}

// TestTheGateKeepsReadersApart changes two plain numbers with the gate closed, and
// looks at them within: they must be equal, and the race detector content.
func TestTheGateKeepsReadersApart(t *testing.T) {
	var g gate
	var a, b int
	var rounds [3]atomic.Int64
	var done atomic.Bool
	var wg sync.WaitGroup
	for i := range rounds {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for !done.Load() {
				in := g.enter()
				first := a
				for range rng.IntN(100) {
					runtime.Gosched()
				}
				if first != b {
					t.Errorf("%d and %d", first, b)
				}
				g.leave(in)
				rounds[i].Add(1)
			}
		})
	}
	for i := range rounds {
		for rounds[i].Load() < 300 {
			g.close()
			a++
			runtime.Gosched()
			b++
			g.open()
			runtime.Gosched()
		}
	}
	done.Store(true)
	wg.Wait()
	if a != b {
		t.Errorf("%d and %d", a, b)
	}
}
