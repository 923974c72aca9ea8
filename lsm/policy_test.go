package lsm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
)

// sized returns a version of runs of these sizes, newest first, that hold the
// same keys and never die.
func sized(sizes ...int64) *version {
	v := &version{}
	for i, size := range sizes {
		t := figures("a", "z", 10, statelab.NoExpiry)
		t.size, t.number = size, uint64(i)
		v.runs = append(v.runs, newRun(uint64(100+i), []*table{t}))
	}
	return v
}

// figures returns a table known only by its figures.
func figures(first, last string, bases int64, maxExpiry int64) *table {
	return &table{tableMeta: tableMeta{
		records: 10, bases: bases, elements: 10, maxExpiry: maxExpiry, first: []byte(first), last: []byte(last),
	}}
}

func TestTieredChooses(t *testing.T) {
	for _, c := range []struct {
		name       string
		v          *version
		begin, end int
	}{
		{"nothing in an empty store", sized(), 0, 0},
		{"nothing with fewer runs than the fan-in", sized(1, 1, 1), 0, 0},
		{"equal runs", sized(1, 1, 1, 1), 0, 4},
		{"small ones beside a large one", sized(1, 1, 1, 1, 100), 0, 4},
		{"nothing while the large one outweighs the rest", sized(1, 1, 1, 100), 0, 0},
		{"the large one once enough has gathered", sized(30, 20, 30, 20, 100), 0, 4},
		{"all, where each run is about the sum of the newer ones", sized(1, 2, 4, 7), 0, 4},
		{"the cheapest of several", sized(9, 9, 9, 9, 1, 1, 1, 1), 4, 8},
		{"the newest of equals", sized(5, 5, 5, 5, 1000, 5, 5, 5, 5), 0, 4},
		{"many at once, which costs less for each", sized(5, 5, 5, 5, 5, 5, 5, 5), 0, 8},
	} {
		if got := tiered(c.v); got.begin != c.begin || got.end != c.end || len(got.drop) > 0 {
			t.Errorf("%s: merges [%d, %d), want [%d, %d)", c.name, got.begin, got.end, c.begin, c.end)
		}
	}
}

func TestTieredMergesAllWhenTombstonesAbound(t *testing.T) {
	v := sized(10, 100)
	v.runs[0].tombstones = 4
	if c := tiered(v); !c.nothing() {
		t.Errorf("4 tombstones over 10 records: %+v", c)
	}
	v.runs[0].tombstones = 5
	if c := tiered(v); c.begin != 0 || c.end != 2 {
		t.Errorf("5 tombstones over 10 records: %+v", c)
	}
	if c := tiered(&version{runs: v.runs[:1]}); !c.nothing() {
		t.Errorf("tombstones over nothing: %+v", c)
	}
}

// However runs arrive, applying the policy keeps their number logarithmic and
// rewrites each byte a logarithmic number of times.
func TestTieredBoundsRunsAndRewriting(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var sizes []int64
		arrived, merged := int64(0), int64(0)
		for range 2000 {
			size := int64(1 + rng.IntN(8))
			if rng.IntN(10) == 0 {
				size *= 1 + rng.Int64N(100)
			}
			arrived += size
			sizes = append([]int64{size}, sizes...)
			for c := tiered(sized(sizes...)); !c.nothing(); c = tiered(sized(sizes...)) {
				total := int64(0)
				for _, s := range sizes[c.begin:c.end] {
					total += s
				}
				merged += total
				sizes = append(append(append([]int64{}, sizes[:c.begin]...), total), sizes[c.end:]...)
			}
			if len(sizes) >= maxRuns {
				t.Fatalf("seed %d: %d runs: %v", seed, len(sizes), sizes)
			}
		}
		if merged > 9*arrived {
			t.Errorf("seed %d: %d bytes arrived and %d were rewritten", seed, arrived, merged)
		}
	}
}

func TestDeadTablesGoIfTheyHideNothing(t *testing.T) {
	const now = 100
	dead, alive := int64(now), int64(now+1)
	stack := func(runs ...[]*table) *version {
		v := &version{watermark: now}
		for i, tables := range runs {
			v.runs = append(v.runs, newRun(uint64(i+1), tables))
		}
		return v
	}
	for _, c := range []struct {
		name string
		v    *version
		drop string // run.table of those to drop
	}{
		{"alive", stack([]*table{figures("a", "z", 0, alive)}), ""},
		{"dead, oldest", stack([]*table{figures("a", "z", 10, alive)}, []*table{figures("a", "z", 10, dead)}), "1.0"},
		{"dead, over what lives", stack([]*table{figures("a", "c", 1, dead)}, []*table{figures("c", "z", 0, alive)}), ""},
		{"dead, beside what lives", stack([]*table{figures("a", "b", 1, dead)}, []*table{figures("c", "z", 0, alive)}), "0.0"},
		{"dead merges, over what lives", stack([]*table{figures("a", "c", 0, dead)}, []*table{figures("c", "z", 0, alive)}), "0.0"},
		{"dead all the way down", stack([]*table{figures("a", "z", 5, dead)}, []*table{figures("a", "z", 5, dead)}), "1.0 0.0"},
		{"one of a run", stack([]*table{figures("a", "b", 5, dead), figures("c", "d", 5, alive)}), "0.0"},
	} {
		got := ""
		for _, d := range deadTables(c.v) {
			for i, r := range c.v.runs {
				for j, tab := range r.tables {
					if tab == d {
						if got != "" {
							got += " "
						}
						got += fmt.Sprintf("%d.%d", i, j)
					}
				}
			}
		}
		if got != c.drop {
			t.Errorf("%s: drops %q, want %q", c.name, got, c.drop)
		}
	}
}
