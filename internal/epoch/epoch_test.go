package epoch

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

func TestPeriodsPassWithoutReaders(t *testing.T) {
	var d Domain
	for want := range uint64(5) {
		if d.Period() != want {
			t.Fatalf("period %d, want %d", d.Period(), want)
		}
		if !d.Advance() {
			t.Fatal("the period does not move on without readers")
		}
	}
}

// TestAReaderHoldsUpGrace lets a reader enter in period p and another in p+1:
// what is unlinked meanwhile must wait for both.
func TestAReaderHoldsUpGrace(t *testing.T) {
	var d Domain
	first := d.Enter()
	unlinked := d.Period()
	if !d.Advance() {
		t.Fatal("a reader of this period holds up the next")
	}
	second := d.Enter()
	for range 5 {
		d.Advance()
	}
	if d.Period() >= unlinked+Grace {
		t.Fatalf("G1: period %d beside a reader from period %d", d.Period(), unlinked)
	}
	d.Leave(first)
	if !d.Advance() || d.Advance() {
		t.Fatalf("period %d beside a reader from %d alone", d.Period(), unlinked+1)
	}
	d.Leave(second)
	if !d.Advance() {
		t.Fatal("the period does not move on when all readers have left")
	}
}

// TestAReaderCountedLateHoldsUpGraceToo plays a reader that is slow between
// looking at the period and being counted.
func TestAReaderCountedLateHoldsUpGraceToo(t *testing.T) {
	for late := range uint64(4) {
		var d Domain
		stale := Guard(d.Period()&1) | stripeOfCaller()<<1
		for range late {
			d.Advance()
		}
		d.stripes[stale>>1%stripes].active[stale&1].Add(1)
		unlinked := d.Period()
		for range 5 {
			d.Advance()
		}
		if d.Period() >= unlinked+Grace {
			t.Errorf("G1: %d periods late: period %d beside a reader from %d", late, d.Period(), unlinked)
		}
		d.Leave(stale)
	}
}

func TestWaitOutlastsReaders(t *testing.T) {
	var d Domain
	g := d.Enter()
	var left atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		for range 100 {
			runtime.Gosched()
		}
		left.Store(true)
		d.Leave(g)
	})
	d.Wait()
	if !left.Load() {
		t.Error("Wait returns before the reader has left")
	}
	reader.Wait()
}

// TestNothingIsReusedUnderReaders replaces a block whose memory is scribbled on
// when G1 frees it; the race detector looks on too.
func TestNothingIsReusedUnderReaders(t *testing.T) {
	type block struct{ a, b int }
	var (
		d       Domain
		current atomic.Pointer[block]
		stop    atomic.Bool
		readers sync.WaitGroup
	)
	current.Store(&block{1, 1})
	for range 3 {
		readers.Go(func() {
			for !stop.Load() {
				g := d.Enter()
				p := current.Load()
				if a, b := p.a, p.b; a != b || a == 0 {
					t.Errorf("a reader sees a block with %d and %d", a, b)
					stop.Store(true)
				}
				d.Leave(g)
			}
		})
	}
	type retired struct {
		p      *block
		period uint64
	}
	var limbo []retired
	free := []*block{}
	reused := 0
	for i := 2; reused < 2000 && !stop.Load(); i++ {
		p := new(block)
		if n := len(free); n > 0 {
			p, free = free[n-1], free[:n-1]
			reused++
		}
		*p = block{i, i}
		limbo = append(limbo, retired{current.Swap(p), d.Period()})
		d.Advance()
		for len(limbo) > 0 && d.Period() >= limbo[0].period+Grace {
			*limbo[0].p = block{}
			free, limbo = append(free, limbo[0].p), limbo[1:]
		}
		if i%64 == 0 {
			runtime.Gosched()
		}
	}
	stop.Store(true)
	readers.Wait()
}

func BenchmarkEnterLeave(b *testing.B) {
	var d Domain
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			d.Leave(d.Enter())
		}
	})
}

func BenchmarkAdvance(b *testing.B) {
	var d Domain
	for b.Loop() {
		d.Advance()
	}
}
