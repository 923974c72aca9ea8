package mrc

import (
	"sync"
	"testing"

	"github.com/statelab/statelab"
)

// A trace whose rate was lowered on the way is the one that this rate makes from
// the beginning.
func TestAHalvedTraceIsThatOfTheLowerRate(t *testing.T) {
	s := mixedStream(2, 100_000)
	for i := 0; i < len(s.accesses); i += 50 {
		s.accesses[i].Event = statelab.BlockGone
	}
	halved := traceOf(t, s, Limits{Blocks: 5000}, 3)
	shift := uint8(0)
	for r := halved.Rate; r < 1; r *= 2 {
		shift++
	}
	if shift < 2 {
		t.Fatalf("rate %v", halved.Rate)
	}
	fixed := traceOf(t, s, Limits{Blocks: 1 << 20, Shift: shift}, 3)
	if halved.Sampled != fixed.Sampled || halved.len() != fixed.len() || halved.LookUps != fixed.LookUps {
		t.Fatalf("%d blocks and %d events of %d look-ups; at a fixed rate %d, %d, %d",
			halved.Sampled, halved.len(), halved.LookUps, fixed.Sampled, fixed.len(), fixed.LookUps)
	}
	if string(halved.events) != string(fixed.events) {
		t.Error("the events differ")
	}
}

// Kinds with few blocks are sampled whole, whatever others need.
func TestKindsHaveTheirOwnRates(t *testing.T) {
	s := uniformStream(1, 50_000)
	for i := range s.accesses {
		if i%3 == 0 {
			s.accesses[i].Kind, s.accesses[i].Block = "index", uint64(i%30)<<32
		}
	}
	trace := traceOf(t, s, Limits{Blocks: 4000}, 0)
	whole := 0
	for _, b := range trace.blocks {
		if b.weight == 1 {
			whole++
		} else if b.bytes != testBlock*b.weight {
			t.Fatalf("a block of weight %d takes %d bytes", b.weight, b.bytes)
		}
	}
	if whole != 10 || trace.Rate == 1 {
		t.Errorf("%d blocks of 10 sampled whole, rate %v", whole, trace.Rate)
	}
}

// R4: first rates are halved, then the warm-up is shed, then the trace ends.
func TestLimitsHold(t *testing.T) {
	l := Limits{Blocks: 4000, Least: 1000, Events: 50_000}
	for _, c := range []struct {
		n, warm   int
		shed, cut bool
	}{
		{40_000, 10_000, false, false},
		{150_000, 70_000, false, false}, // halving is enough
		{700_000, 600_000, true, false},
		{800_000, 10_000, true, true},
	} {
		s := uniformStream(1, c.n)
		for i := range s.accesses {
			s.accesses[i].Block %= 8000
		}
		s.warm = c.warm
		trace := traceOf(t, s, l, 0)
		if trace.Shed != c.shed || trace.Cut != c.cut {
			t.Errorf("%d accesses: shed %v, cut %v", c.n, trace.Shed, trace.Cut)
		}
		if trace.len() > l.Events || trace.Sampled < l.Least {
			t.Errorf("%d accesses: %d events, %d blocks", c.n, trace.len(), trace.Sampled)
		}
		if all := int64(c.n - c.warm); trace.LookUps != all && !c.cut || trace.LookUps > all {
			t.Errorf("%d look-ups of %d", trace.LookUps, all)
		}
		half := int64(4000 * testBlock)
		if got := trace.LRU([]int64{half})[0]; got < 0.46 || got > 0.54 {
			t.Errorf("%d accesses: half of the blocks miss %v", c.n, got)
		}
	}
}

func TestRecordDoesNotAllocate(t *testing.T) {
	s, err := NewSampler(Limits{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	i := uint64(0)
	kinds := []string{"data", "index", "filter"}
	record := func() {
		event := statelab.BlockHit
		if i%10 == 0 {
			event = statelab.BlockGone
		}
		s.Record(statelab.BlockAccess{Kind: kinds[i%3], File: i % 5, Block: i * i % 10_007, Bytes: 4096, Event: event})
		i++
	}
	for range 300_000 { // entries of gone blocks remain, so the list of them grows now and then
		record()
	}
	if n := testing.AllocsPerRun(20_000, record); n != 0 {
		t.Errorf("%v allocations for each access", n)
	}
}

// Several goroutines may tell at once; nothing of what they tell is lost.
func TestRecordIsSafeForConcurrentUse(t *testing.T) {
	s, err := NewSampler(Limits{Blocks: 100, Least: 10, Events: 5000}, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var all sync.WaitGroup
	for worker := range uint64(4) {
		all.Go(func() {
			for i := range uint64(5000) {
				s.Record(statelab.BlockAccess{Kind: "leaf", Block: i*7%500 + worker, Bytes: 100})
				if i == 100 && worker == 0 {
					s.Begin()
				}
			}
		})
	}
	all.Wait()
	trace := s.Trace()
	before := trace.LookUps
	s.Record(statelab.BlockAccess{Kind: "leaf", Block: 1, Bytes: 100})
	if trace.LookUps != before {
		t.Error("the trace has grown after it was taken")
	}
	if trace.LookUps > 20_000-100 || trace.Cut && trace.LookUps == 0 {
		t.Errorf("%d look-ups", trace.LookUps)
	}
}

func TestAClosedSamplerTakesNothing(t *testing.T) {
	s, err := NewSampler(Limits{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Record(statelab.BlockAccess{Kind: "leaf", Bytes: 1})
	s.Close()
	s.Record(statelab.BlockAccess{Kind: "leaf", Bytes: 1})
	if trace := s.Trace(); trace.LookUps != 0 || trace.len() != 0 {
		t.Errorf("%d look-ups after Close", trace.LookUps)
	}
}

// BenchmarkRecord records accesses of which one in eight is sampled.
func BenchmarkRecord(b *testing.B) {
	stream := zipfStream(1, 1<<16)
	s, err := NewSampler(Limits{Shift: 3, Events: 1 << 26}, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		s.Record(stream.accesses[i&(1<<16-1)])
	}
}
