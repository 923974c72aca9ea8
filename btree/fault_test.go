package btree

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// TestAFailedReadUndoesTheWholeBatch fails reads at random, in batches that
// split and merge pages, on a pool that holds few of them: a batch takes effect
// whole or not at all, and the store goes on as if nothing had been.
func TestAFailedReadUndoesTheWholeBatch(t *testing.T) {
	for _, sh := range shapes() {
		if sh.pageSize != 0 || sh.iterate {
			continue
		}
		for _, update := range []Update{UpdateCOW, UpdateInPlace} {
			t.Run(sh.name+" "+update.String(), func(t *testing.T) { runReadFaults(t, sh, update) })
		}
	}
}

func runReadFaults(t *testing.T, sh shape, update Update) {
	faulty := vfs.NewFaulty(vfs.NewMem())
	s := mustOpen(t, faulty, Options{Update: update, LogLimit: MinLogLimit})
	defer s.Close()
	rng := rand.New(rand.NewPCG(9, 9))
	m := newModel()
	var b statelab.Batch
	failed := 0
	for step := range sh.steps / 4 {
		sh.batch(rng, m, &b, step/100%2 == 1)
		faulty.Fail(vfs.Fault{Op: vfs.OpRead, N: 1 + rng.Int64N(12)})
		err := s.Apply(&b)
		faulty.Heal()
		switch {
		case err == nil:
			m.apply(&b)
		case errors.Is(err, syscall.EIO):
			failed++
			mustDo(t, s.Check())
		default:
			t.Fatal(err)
		}
		if step%20 == 0 {
			m.watermark = max(m.watermark, 0) + rng.Int64N(30)
			faulty.Fail(vfs.Fault{Op: vfs.OpRead, N: 1 + rng.Int64N(12)})
			mustDo(t, s.Advance(m.watermark))
			faulty.Heal()
		}
		if step%50 == 0 {
			m.compare(t, s)
			mustDo(t, s.Sync())
		}
	}
	m.compare(t, s)
	mustDo(t, s.Check())
	if failed < 10 {
		t.Fatalf("only %d batches failed", failed)
	}
}

// TestAFailedWriteLeavesReadersWhole fails a write at every place in turn. From
// then on the store answers that error to writers, and readers find what was there
// before the batch that failed, or after it.
func TestAFailedWriteLeavesReadersWhole(t *testing.T) {
	sh := shapes()[0]
	struck := 0
	for n := int64(1); n < 400; n += 7 {
		faulty := vfs.NewFaulty(vfs.NewMem())
		s := mustOpen(t, faulty, Options{Update: Update(n / 7 % 2), LogLimit: MinLogLimit})
		rng := rand.New(rand.NewPCG(uint64(n), 9))
		faulty.Fail(vfs.Fault{Op: vfs.OpWrite, N: n})
		m := newModel()
		var b statelab.Batch
		for step := range 300 {
			sh.batch(rng, m, &b, step/100%2 == 1)
			before := m.clone()
			m.apply(&b)
			err := s.Apply(&b)
			if err == nil && step%30 == 29 {
				err = s.Sync()
				before = m
			}
			if err == nil {
				continue
			}
			struck++
			if !errors.Is(err, syscall.EIO) {
				t.Fatalf("write %d: %v", n, err)
			}
			for _, err := range []error{s.Apply(&b), s.Sync(), s.Advance(1 << 40)} {
				if !errors.Is(err, syscall.EIO) {
					t.Fatalf("write %d: after the failure: %v", n, err)
				}
			}
			before.compare(t, s)
			break
		}
		s.Close()
	}
	if struck < 20 {
		t.Fatalf("only %d runs failed", struck)
	}
}

// TestAFailedWriteAmidAStreamPinsNothing fails writes, most of the first ones, that long records
// need while they are appended to, on a pool that has to write pages of data and of their
// index meanwhile: to undo the batch all of them are dropped, so none may be pinned still.
func TestAFailedWriteAmidAStreamPinsNothing(t *testing.T) {
	struck := 0
	for n := int64(1); ; n += 1 + n/8 {
		faulty := vfs.NewFaulty(vfs.NewMem())
		s := mustOpen(t, faulty, Options{WriteBuffer: WriteBufferOff, Options: statelab.Options{Memory: minMemoryPages * DefaultPageSize}})
		faulty.Fail(vfs.Fault{Op: vfs.OpWrite, N: n})
		var b statelab.Batch
		for i := range 40 {
			b.Append([]byte{'a' + byte(i%4)}, make([]byte, 10_000), statelab.NoExpiry)
		}
		err := s.Apply(&b)
		if err != nil {
			struck++
			if !errors.Is(err, syscall.EIO) {
				t.Fatalf("write %d: %v", n, err)
			}
			if _, err := s.Get(nil, []byte("a")); !errors.Is(err, statelab.ErrNotFound) {
				t.Fatalf("write %d: after the failure the record is there: %v", n, err)
			}
		}
		s.Close()
		if err == nil {
			break
		}
	}
	if struck < 10 {
		t.Fatalf("only %d writes failed", struck)
	}
}
