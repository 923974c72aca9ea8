package storetest

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/vfs"
)

// A counter is a writer's progress: batches it has begun and batches that were
// acknowledged.
type counter struct{ begun, done atomic.Int64 }

// A countedCut is a crash amid several writers, with their progress just
// before it and just after.
type countedCut struct {
	mem         *vfs.Mem
	done, begun []int64
}

// crashAmidWriters has several goroutines write under DurabilityAlways, in
// batches of two records each, and crashes now and then. What was acknowledged
// before a crash is there after it, whole and without a gap.
func crashAmidWriters(l *lab) {
	l.only(statelab.DurabilityAlways)
	const writers, rounds, every = 4, 40, 9
	counters := make([]counter, writers)
	var cuts []countedCut
	n := 0
	o := l.options()
	o.Durability, o.Maintenance = statelab.DurabilityAlways, statelab.MaintenanceBackground
	o.FS = vfs.NewTrace(l.mem, func(op vfs.TraceOp) {
		if n++; !changes(op.Op) || n%every != 0 {
			return
		}
		c := countedCut{done: make([]int64, writers), begun: make([]int64, writers)}
		for w := range counters {
			c.done[w] = counters[w].done.Load()
		}
		c.mem = l.mem.PowerCut(int64(n))
		for w := range counters {
			c.begun[w] = counters[w].begun.Load()
		}
		cuts = append(cuts, c)
	})
	s := l.openWith(o)
	var wg sync.WaitGroup
	errs := make(chan error, writers)
	for w := range writers {
		wg.Go(func() {
			for i := range int64(rounds) {
				counters[w].begun.Store(i + 1)
				key := fmt.Sprintf("w%d/%04d", w, i)
				var b statelab.Batch
				b.Put([]byte(key+"a"), []byte(churnValue[:i*20]), never)
				b.Put([]byte(key+"b"), []byte(churnValue[:i*20]), never)
				if err := s.Apply(&b); err != nil {
					errs <- fmt.Errorf("Apply: %w", err)
					return
				}
				counters[w].done.Store(i + 1)
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		l.fail("%v", err)
	}
	s.close()
	for i, c := range cuts {
		r := s.afterCrash(c.mem)
		for w := range writers {
			l.wantPrefix(r, i, w, c.done[w], c.begun[w])
		}
		r.close()
	}
}

// wantPrefix requires that of the batches of writer w a beginning is there, at
// least done and at most begun of them.
func (l *lab) wantPrefix(s *store, crash, w int, done, begun int64) {
	l.Helper()
	there := func(i int64, half string) bool {
		_, err := s.Get(nil, fmt.Appendf(nil, "w%d/%04d%s", w, i, half))
		if err != nil && !errors.Is(err, statelab.ErrNotFound) {
			l.fail("Get after crash %d: %v", crash, err)
		}
		return err == nil
	}
	whole := int64(0)
	for there(whole, "a") && there(whole, "b") {
		whole++
	}
	if whole < done {
		l.fail("crash %d: %d batches of writer %d were acknowledged, and only the first %d are there", crash, done, w, whole)
	}
	for i := whole; i <= begun; i++ {
		if there(i, "a") || there(i, "b") {
			l.failClause("D4", "crash %d: of writer %d the first %d batches are there whole, and a part of batch %d", crash, w, whole, i)
		}
	}
	if whole > begun {
		l.failClause("D4", "crash %d: %d batches of writer %d are there, and it had begun %d", crash, whole, w, begun)
	}
}
