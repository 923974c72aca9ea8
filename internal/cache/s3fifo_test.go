package cache

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestS3FIFOKeepsWhatWasUsedTwiceFromWhatWasUsedOnce(t *testing.T) {
	c := newCache(t, Options{Budget: budgetFor(20, 1000), Policy: S3FIFO})
	for i := range uint64(20) {
		put(t, c, Key{0, i}, 1000)
	}
	for i := range uint64(10) { // 0 to 9 come to stay
		has(c, Key{0, i})
		has(c, Key{0, i})
	}
	for i := range uint64(100) {
		put(t, c, Key{1, i}, 1000)
	}
	for i := range uint64(20) {
		if got := listed(c, Key{0, i}); got != (i < 10) {
			t.Errorf("block %d is there: %v", i, got)
		}
	}
}

func TestS3FIFORemembersWhatItGaveUp(t *testing.T) {
	c := newCache(t, Options{Budget: budgetFor(20, 1000), Policy: S3FIFO})
	for i := range uint64(20) {
		put(t, c, Key{0, i}, 1000)
		has(c, Key{0, i})
		has(c, Key{0, i})
	}
	for i := range uint64(40) { // makes 0 to 19 come to main, but for one or two; the last three are in small
		put(t, c, Key{1, i}, 1000)
	}
	back, lost := Key{1, 36}, Key{1, 1}
	if listed(c, back) || listed(c, lost) {
		t.Fatal("the blocks were not given up")
	}
	put(t, c, back, 1000)
	put(t, c, lost, 1000)
	for i := range uint64(5) {
		put(t, c, Key{2, i}, 1000)
	}
	if !listed(c, back) {
		t.Error("a block that came back soon is gone with the new ones")
	}
	if listed(c, lost) {
		t.Error("a block that came back after the ghost's time has stayed")
	}
}

func TestGhostRemembersAsManyAsItIsToldTo(t *testing.T) {
	var g ghost
	const n, limit = 100_000, 1000
	for i := range uint64(n) {
		g.add(Key{0, i}.hash(), limit)
	}
	known := 0
	for i := range uint64(n) {
		if g.has(Key{0, i}.hash()) {
			known++
			if i < n-limit {
				t.Fatalf("block %d is remembered, %d after it", i, n-i)
			}
		}
	}
	if known < limit*3/4 || g.has(Key{0, n - 1}.hash()) {
		t.Errorf("%d of %d are remembered, or one twice", known, limit)
	}
}

// A trace is a stream of look-ups of blocks of one size.
type trace struct {
	name   string
	blocks int // distinct ones that are looked up more than once
	next   func(i int) uint64
}

// zipf draws blocks by Zipf's law with exponent 0.99, as YCSB draws its keys.
func zipf(blocks int) func() uint64 {
	r := rand.New(rand.NewPCG(7, 7))
	sums := make([]float64, blocks)
	sum := 0.0
	for i := range sums {
		sum += math.Pow(float64(i+1), -0.99)
		sums[i] = sum
	}
	return func() uint64 {
		want := r.Float64() * sum
		lo, hi := 0, blocks-1
		for lo < hi {
			if mid := (lo + hi) / 2; sums[mid] < want {
				lo = mid + 1
			} else {
				hi = mid
			}
		}
		return uint64(lo)
	}
}

// traces are one by Zipf's law, and one of which scans over blocks that are looked up
// only once are half.
func traces(blocks int) []trace {
	const scan = 1000
	draw, among := zipf(blocks), zipf(blocks)
	fresh := uint64(blocks)
	return []trace{
		{"zipf", blocks, func(int) uint64 { return draw() }},
		{"half scans", blocks, func(i int) uint64 {
			if i/scan%2 == 0 {
				return among()
			}
			fresh++
			return fresh
		}},
	}
}

// hitRatio plays a trace over a cache of so many blocks, and returns the share of
// hits among the last three quarters.
func hitRatio(t *testing.T, p Policy, capacity, lookUps int, tr trace) float64 {
	const blockBytes = 200
	c := newCache(t, Options{Budget: budgetFor(capacity, blockBytes), Policy: p, Kinds: []string{"data"}})
	block := make([]byte, blockBytes)
	hits := 0
	for i := range lookUps {
		key := Key{1, tr.next(i)}
		h, ok := c.Get(key, 0)
		if !ok {
			var err error
			if h, err = c.Add(key, block); err != nil {
				t.Fatal(err)
			}
		} else if i >= lookUps/4 {
			hits++
		}
		h.Release()
	}
	return float64(hits) / float64(lookUps-lookUps/4)
}

// TestHitRatiosOfPolicies prints the table of docs/CACHES.md.
func TestHitRatiosOfPolicies(t *testing.T) {
	blocks, lookUps := 20_000, 100_000
	if testing.Short() {
		blocks, lookUps = blocks/10, lookUps/10
	}
	for i := range traces(blocks) {
		for _, percent := range []int{1, 3, 10, 30} {
			var ratio [3]float64
			for p := range ratio {
				tr := traces(blocks)[i] // from its beginning
				ratio[p] = hitRatio(t, Policy(p), tr.blocks*percent/100, lookUps, tr)
			}
			t.Logf("| %s | %d %% | %.1f | %.1f | %.1f |", traces(blocks)[i].name, percent, 100*ratio[LRU], 100*ratio[Clock], 100*ratio[S3FIFO])
			if ratio[Clock] < ratio[LRU]-0.005 || ratio[S3FIFO] < ratio[LRU] {
				t.Errorf("%s at %d %%: lru hits more than clock or s3fifo: %.3f", traces(blocks)[i].name, percent, ratio)
			}
			if i == 1 && percent <= 10 && ratio[S3FIFO] < ratio[LRU]+0.02 {
				t.Errorf("%s at %d %%: s3fifo is no better at scans than lru: %.3f", traces(blocks)[i].name, percent, ratio)
			}
		}
	}
}
