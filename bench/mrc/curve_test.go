package mrc

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"github.com/statelab/statelab"
)

// churn is accesses of blocks that come and go, some made and some read, as
// long as bytes says.
func churn(seed uint64, n int, bytes func(block uint64) int) stream {
	s := stream{name: "churn", warm: n / 4}
	r := rand.New(rand.NewPCG(seed, 5))
	z := rand.NewZipf(r, 1.1, 10, 300)
	for range n {
		a := statelab.BlockAccess{Kind: "data", Block: z.Uint64(), Event: statelab.BlockMiss}
		a.File, a.Bytes = a.Block%7, bytes(a.Block)
		switch r.IntN(20) {
		case 0:
			a.Event = statelab.BlockGone
		case 1:
			a.Event = statelab.BlockMade
		case 2:
			if r.IntN(20) == 0 {
				a.Event, a.Block = statelab.BlockGone, statelab.AllBlocks
			}
		}
		s.accesses = append(s.accesses, a)
	}
	return s
}

func sameLength(uint64) int { return 100 }

// R3, and that one pass says what as many replays do.
func TestStackDistancesAgreeWithReplays(t *testing.T) {
	for seed := range uint64(5) {
		trace := traceOf(t, churn(seed, 20_000, sameLength), everything, 0)
		var sizes []int64
		for size := int64(100); size <= 32_000; size += 700 {
			sizes = append(sizes, size)
		}
		curve := trace.LRU(sizes)
		for i, size := range sizes {
			if replayed := trace.MissRatio(LRU, size); curve[i] != replayed {
				t.Errorf("seed %d, %d bytes: %v by stack distance, %v by replay", seed, size, curve[i], replayed)
			}
			if i > 0 && curve[i] > curve[i-1] {
				t.Errorf("R3: seed %d: %v with %d bytes, %v with %d", seed, curve[i-1], sizes[i-1], curve[i], size)
			}
		}
		if curve[0] < 0.5 || curve[len(curve)-1] > curve[0]/2 {
			t.Errorf("seed %d: a curve from %v to %v shows little", seed, curve[0], curve[len(curve)-1])
		}
	}
}

// Blocks of several lengths, none of which goes.
func TestStackDistancesAgreeWithReplaysOfUnequalBlocks(t *testing.T) {
	s := churn(1, 20_000, func(block uint64) int { return 50 + int(block%40)*20 })
	s.accesses = slices.DeleteFunc(s.accesses, func(a statelab.BlockAccess) bool { return a.Event == statelab.BlockGone })
	s.warm = 0
	trace := traceOf(t, s, everything, 0)
	for size := int64(1000); size <= 120_000; size += 1700 {
		if got, want := trace.LRU([]int64{size})[0], trace.MissRatio(LRU, size); got != want {
			t.Errorf("%d bytes: %v by stack distance, %v by replay", size, got, want)
		}
	}
}

// A cache that holds everything misses what was never there, and nothing else.
func TestALargeCacheMissesOnlyWhatIsNew(t *testing.T) {
	s := churn(3, 20_000, sameLength)
	type block struct{ file, block uint64 }
	there := map[block]bool{}
	missed, lookUps := 0, 0
	for i, a := range s.accesses {
		b := block{a.File, a.Block}
		switch {
		case a.Event == statelab.BlockGone && a.Block == statelab.AllBlocks:
			for b := range there {
				if b.file == a.File {
					delete(there, b)
				}
			}
			continue
		case a.Event == statelab.BlockGone:
			delete(there, b)
			continue
		case a.Event.LookUp() && i >= s.warm:
			lookUps++
			if !there[b] {
				missed++
			}
		}
		there[b] = true
	}
	trace := traceOf(t, s, everything, 0)
	want := float64(missed) / float64(lookUps)
	footprint := trace.Footprint()
	if got := trace.LRU([]int64{footprint})[0]; got != want {
		t.Errorf("lru by stack distance: %v, want %v", got, want)
	}
	for _, p := range Policies() {
		if got := trace.MissRatio(p, footprint); got != want {
			t.Errorf("%v: %v, want %v", p, got, want)
		}
	}
	if trace.LookUps != int64(lookUps) {
		t.Errorf("%d look-ups, want %d", trace.LookUps, lookUps)
	}
}

// Caches of three blocks of one byte, worked out by hand.
func TestPoliciesGiveUpWhatTheyShould(t *testing.T) {
	for _, c := range []struct {
		policy  Policy
		lookUps []int32
		left    []int32
	}{
		{LRU, []int32{0, 1, 2, 0, 3}, []int32{0, 2, 3}},
		{Clock, []int32{0, 1, 2, 0, 3}, []int32{0, 2, 3}},       // passes 0, takes 1
		{Clock, []int32{0, 1, 2, 0, 3, 4, 5}, []int32{3, 4, 5}}, // 0 has lost its mark
		{LRU, []int32{0, 1, 2, 0, 3, 0, 4}, []int32{0, 3, 4}},   // 0 is used again
		{S3FIFO, []int32{0, 1, 2, 3}, []int32{1, 2, 3}},
		{S3FIFO, []int32{0, 0, 0, 1, 2, 3, 4}, []int32{0, 3, 4}}, // 0 goes to main
		{S3FIFO, []int32{0, 1, 2, 3, 0, 4, 5}, []int32{0, 4, 5}}, // 0 is a ghost, and goes to main
		{S3FIFO, []int32{0, 0, 1, 2, 3}, []int32{1, 2, 3}},       // one use is not enough
	} {
		cache := newCache(c.policy, 3, 6)
		for _, b := range c.lookUps {
			cache.lookUp(b, 1)
		}
		for b := range int32(6) {
			if got := holds(cache, b); got != slices.Contains(c.left, b) {
				t.Errorf("%v after %v: holds %d is %v", c.policy, c.lookUps, b, got)
			}
		}
	}
}

// In main of s3fifo each use is worth another round: a block that was used
// thrice outlives one that was not by three times what main holds.
func TestS3FIFOKeepsWhatIsUsedForAsManyRounds(t *testing.T) {
	const room = 20 // of which 18 are main's
	outlived := func(uses int) int {
		c := newS3FIFO(room, 1000)
		enter := func(b int32) { // and go on to main
			for range 3 {
				c.lookUp(b, 1)
			}
		}
		for b := range int32(room) {
			enter(b)
		}
		enter(room) // pushes out 0
		for range uses {
			c.lookUp(5, 1)
		}
		next := int32(room + 1)
		for holds(c, 5) && next < 1000 {
			enter(next)
			next++
		}
		return int(next)
	}
	unused, round := outlived(0), outlived(1)-outlived(0)
	if round < 15 {
		t.Errorf("a round of %d blocks", round)
	}
	for uses, want := range []int{unused, unused + round, unused + 2*round, unused + 3*round, unused + 3*round} {
		if got := outlived(uses); got != want {
			t.Errorf("a block used %d times is gone after %d others, want %d", uses, got, want)
		}
	}
}

func holds(c cache, b int32) bool {
	switch c := c.(type) {
	case *lru:
		return c.items[b].queue != none
	case *clock:
		return c.items[b].queue != none
	case *s3fifo:
		return c.items[b].queue == inSmall || c.items[b].queue == inMain
	}
	return false
}

// No policy holds more than fits, whatever the blocks' lengths, and what is
// longer than the cache pushes nothing out.
func TestCachesKeepToTheirSize(t *testing.T) {
	const blocks, capacity = 300, 1000
	for _, p := range Policies() {
		c := newCache(p, capacity, blocks)
		r := rand.New(rand.NewPCG(1, 6))
		length := func(b int32) int64 { return 1 + int64(b)*int64(b)%1300 }
		for range 20_000 {
			b := int32(r.IntN(blocks))
			if r.IntN(10) == 0 {
				c.forget(b)
				continue
			}
			if c.lookUp(b, length(b)); holds(c, b) != (length(b) <= capacity) {
				t.Fatalf("%v: block of %d bytes is there: %v", p, length(b), holds(c, b))
			}
			sum := int64(0)
			for b := range int32(blocks) {
				if holds(c, b) {
					sum += length(b)
				}
			}
			if sum > capacity {
				t.Fatalf("%v holds %d bytes of %d", p, sum, capacity)
			}
		}
	}
}

func TestSizesAscendToTheFootprint(t *testing.T) {
	trace := traceOf(t, churn(1, 5000, sameLength), everything, 0)
	sizes := trace.Sizes(0.01, 13)
	if len(sizes) != 13 || sizes[12] != trace.Footprint() || sizes[0] != (trace.Footprint()+50)/100 {
		t.Errorf("sizes %v of %d", sizes, trace.Footprint())
	}
	if !slices.IsSorted(sizes) {
		t.Errorf("sizes %v", sizes)
	}
}

func TestPolicyNamesParse(t *testing.T) {
	for _, p := range Policies() {
		if got, err := ParsePolicy(p.String()); got != p || err != nil {
			t.Errorf("%v: %v, %v", p, got, err)
		}
	}
	if _, err := ParsePolicy("arc"); err == nil {
		t.Error("arc is no policy here")
	}
}

// R1
func TestTheSameAccessesMakeTheSameTrace(t *testing.T) {
	s := churn(2, 50_000, sameLength)
	l := Limits{Blocks: 64, Least: 16, Events: 4000}
	a, b := *traceOf(t, s, l, 1), *traceOf(t, s, l, 1)
	if !reflect.DeepEqual(a, b) {
		t.Error("two traces of the same accesses differ")
	}
	if reflect.DeepEqual(a, *traceOf(t, s, l, 2)) {
		t.Error("another seed samples the same")
	}
}
