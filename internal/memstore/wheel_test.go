package memstore

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/statelab/statelab"
	"github.com/statelab/statelab/internal/arena"
)

// wheelModel runs a wheel beside a map.
type wheelModel struct {
	t         *testing.T
	r         *records
	waiting   map[arena.Ref]int64
	touches   map[arena.Ref]int
	watermark int64
}

func newWheelModel(t *testing.T) *wheelModel {
	r := &records{mem: arena.NewSlabs()}
	t.Cleanup(r.mem.Release)
	return &wheelModel{t: t, r: r, waiting: map[arena.Ref]int64{}, touches: map[arena.Ref]int{}, watermark: statelab.MinWatermark}
}

func (m *wheelModel) insert(expireAt int64) {
	if expireAt <= m.watermark || expireAt == never {
		return
	}
	ref, err := m.r.newElement(statelab.Op{ExpireAt: expireAt}, 1)
	must(m.t, err)
	m.r.wheel.insert(m.r.mem, ref)
	m.waiting[ref] = expireAt
}

// drain makes steps until none is left or limit is reached.
func (m *wheelModel) drain(limit int) {
	for range limit {
		head := arena.Ref(0)
		if w := &m.r.wheel; w.emptying > 0 {
			head = w.slots[w.emptying-1][digit(w.now, w.emptying-1)]
		}
		due, more := m.r.wheel.step(m.r.mem, m.watermark)
		if head != 0 {
			m.touches[head]++
		}
		if due != 0 {
			expireAt, ok := m.waiting[due]
			if !ok || !statelab.Expired(expireAt, m.watermark) {
				m.t.Fatalf("R6: at %d an element is due that expires at %d, waiting: %v", m.watermark, expireAt, ok)
			}
			delete(m.waiting, due)
		}
		if !more {
			for _, expireAt := range m.waiting {
				if statelab.Expired(expireAt, m.watermark) {
					m.t.Fatalf("R6: at %d nothing is due, but an element expired at %d", m.watermark, expireAt)
				}
			}
			return
		}
	}
}

func (m *wheelModel) removeOne() {
	for ref := range m.waiting {
		m.r.wheel.remove(m.r.mem, ref)
		delete(m.waiting, ref)
		return
	}
}

func TestWheelFindsWhatIsDueAndNothingElse(t *testing.T) {
	for seed := range uint64(20) {
		m := newWheelModel(t)
		rnd := rand.New(rand.NewPCG(seed, 1))
		scale := int64(1) << rnd.IntN(40)
		if seed%2 == 0 {
			m.watermark = rnd.Int64N(1000)
		}
		for range 2000 {
			switch k := rnd.IntN(10); {
			case k < 5:
				base := max(m.watermark, 0)
				m.insert(base + rnd.Int64N(scale*100) + 1)
			case k < 7:
				m.removeOne()
			case k < 8:
				m.watermark = max(m.watermark, 0) + rnd.Int64N(scale*10)
			default:
				m.drain(rnd.IntN(50))
			}
		}
		m.drain(math.MaxInt)
		m.watermark = math.MaxInt64 - 1
		m.drain(math.MaxInt)
		if len(m.waiting) != 0 {
			t.Fatalf("seed %d: %d elements are never due", seed, len(m.waiting))
		}
		for ref, n := range m.touches {
			if n > levels+1 {
				t.Fatalf("seed %d: element %d was touched %d times", seed, ref, n)
			}
		}
	}
}

func TestWheelHoldsAllTimes(t *testing.T) {
	m := newWheelModel(t)
	times := []int64{math.MinInt64 + 1, math.MinInt64 + 256, -1, 0, 1, 255, 256, 1 << 40, math.MaxInt64 - 1}
	for _, at := range times {
		m.insert(at)
	}
	for i, at := range times {
		m.watermark = at - 1
		m.drain(math.MaxInt)
		if len(m.waiting) != len(times)-i {
			t.Fatalf("just before %d, %d elements wait, want %d", at, len(m.waiting), len(times)-i)
		}
		m.watermark = at
		m.drain(math.MaxInt)
		if len(m.waiting) != len(times)-i-1 {
			t.Fatalf("at %d, %d elements wait, want %d", at, len(m.waiting), len(times)-i-1)
		}
	}
}
