package lsm

import (
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
)

// flow is a store of figures: it takes flushes, and does what a policy chooses
// with tables that have bounds, sizes and expiries and no bytes.
type flow struct {
	choose  policy
	v       *version
	number  uint64
	flushed int64
	written int64
	runs    int   // most at a time, after the policy had its way
	bytes   int64 // most at a time
}

const flowTable = 1 << 20 // size at which tables are ended, more than any flush has

func (f *flow) next() uint64 {
	f.number++
	return f.number
}

// flush adds a run of one table that covers the keys, and does what is chosen.
func (f *flow) flush(t *testing.T, size, watermark, least, most int64) {
	t.Helper()
	if f.v == nil {
		f.v = &version{}
	}
	tab := drawTable(t, "a----z")
	tab.number, tab.size = f.next(), size
	setExpiries(tab, least, most)
	f.flushed += size
	f.v = &version{watermark: watermark, runs: append([]*run{newRun(f.next(), 0, []*table{tab})}, f.v.runs...)}
	for steps := 0; ; steps++ {
		c := f.choose(f.v)
		if c.nothing() {
			break
		}
		if why := c.unsound(f.v); why != "" || steps > 100 {
			t.Fatalf("step %d: %s: %s", steps, tell(f.v, c), why)
		}
		f.do(c)
	}
	f.runs, f.bytes = max(f.runs, len(f.v.runs)), max(f.bytes, totalSize(f.v.runs))
}

func (f *flow) do(c choice) {
	if len(c.drop) > 0 {
		var runs []*run
		for _, r := range f.v.runs {
			runs = append(runs, r.without(choice{only: c.drop}.takes, f.next)...)
		}
		f.v = &version{watermark: f.v.watermark, runs: runs}
		return
	}
	old := f.v.runs[c.begin:c.end]
	var tables []*table
	for _, p := range pieces(old, c, f.v.watermark, flowTable) {
		if p.moves {
			tables = append(tables, p.sources[0][0])
			continue
		}
		if tab := f.rewrite(p); tab.size > 0 {
			tables = append(tables, tab)
		}
	}
	f.v = &version{watermark: f.v.watermark, runs: f.v.merged(old, c, tables, f.next)}
}

// rewrite makes one table of what lives in the tables of a piece, as far as
// their figures tell.
func (f *flow) rewrite(p piece) *table {
	tab := &table{blockFile: blockFile{number: f.next()}}
	least, most := int64(statelab.NoExpiry), int64(statelab.MinWatermark)
	for _, tables := range p.sources {
		for _, u := range tables {
			tab.size += u.size - u.deadBytes(f.v.watermark)
			least, most = min(least, max(u.minExpiry, f.v.watermark)), max(most, u.maxExpiry)
			tab.records, tab.bases, tab.elements = tab.records+u.records, tab.bases+u.bases, tab.elements+u.elements
			if tab.first == nil || string(u.first) < string(tab.first) {
				tab.first = u.first
			}
			if string(u.last) > string(tab.last) {
				tab.last = u.last
			}
		}
	}
	setExpiries(tab, least, most)
	f.written += tab.size
	return tab
}

// However runs arrive, tiered keeps their number logarithmic and rewrites each
// byte a logarithmic number of times.
func TestTieredBoundsRunsAndRewriting(t *testing.T) {
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 0))
		f := flow{choose: tiered}
		for range 2000 {
			size := int64(1 + rng.IntN(8))
			if rng.IntN(10) == 0 {
				size *= 1 + rng.Int64N(100)
			}
			f.flush(t, size, statelab.MinWatermark, statelab.NoExpiry, statelab.NoExpiry)
		}
		if f.runs >= maxRuns {
			t.Fatalf("seed %d: %d runs", seed, f.runs)
		}
		if f.written > 9*f.flushed {
			t.Errorf("seed %d: %d bytes arrived and %d were rewritten", seed, f.flushed, f.written)
		}
	}
}

// What policies promise of state that dies after a window, which is flushed so
// many times a window: how often a byte is rewritten, how many runs there are
// and how many bytes, as a multiple of what lives.
func TestPoliciesKeepTheirBoundsOnWindows(t *testing.T) {
	leveledHere := func(v *version) choice { return leveled(v, levelBase*800) }
	window8 := func(v *version) choice { return window(v, 8, 8*runsPerSegment) }
	for _, c := range []struct {
		name               string
		choose             policy
		flushes            int64
		rewritten, runs, x float64
	}{
		{"window", window8, 4, 0, 5, 1.3},
		{"window", window8, 8, 0, 9, 1.2},
		{"window", window8, 16, 0, 17, 1.2},
		{"window", window8, 40, 0, 41, 1.2},
		{"window", window8, 200, 1, 56, 1.2},
		{"window", window8, 1000, 1.05, 69, 1.2},
		{"tiered", tiered, 40, 3.5, 10, 2.5},
		{"lazyleveled", lazyLeveled, 40, 5, 8, 1.5},
		{"leveled", leveledHere, 40, 6, 7, 2},
	} {
		const length = 100_000
		f := flow{choose: c.choose}
		step := length / c.flushes
		rng := rand.New(rand.NewPCG(1, uint64(c.flushes)))
		for i := range 6 * c.flushes {
			now := i * step
			late := int64(0)
			if rng.IntN(20) == 0 {
				late = rng.Int64N(length) // the flush has data of all ages
			}
			f.flush(t, 800, now, max(now+1, now+length-step-late), now+length)
		}
		rewritten := float64(f.written) / float64(f.flushed)
		space := float64(f.bytes) / float64(800*c.flushes)
		t.Logf("%s, %d flushes a window: %.2f rewritten, %d runs, %.2f bytes for each that lives", c.name, c.flushes, rewritten, f.runs, space)
		if rewritten > c.rewritten || float64(f.runs) > c.runs || space > c.x {
			t.Errorf("%s, %d flushes a window: %.2f times rewritten, up to %d runs, %.2f bytes for each that lives; want at most %.1f, %.0f, %.2f",
				c.name, c.flushes, rewritten, f.runs, space, c.rewritten, c.runs, c.x)
		}
	}
}
