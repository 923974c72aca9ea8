package bench

import (
	"math"
	"testing"

	"github.com/statelab/statelab/internal/draw"
)

// The critical values of the U test at 0.05, two-sided, as tables in textbooks
// have them; the rank is one more, and 0 where the tables have none.
func TestRanksAreThoseOfTheTables(t *testing.T) {
	for _, c := range []struct{ n, m, critical int }{
		{1, 1, -1}, {3, 3, -1}, {2, 7, -1}, {4, 4, 0}, {3, 5, 0}, {2, 8, 0}, {5, 5, 2}, {5, 8, 6},
		{6, 6, 5}, {8, 8, 13}, {10, 10, 23}, {20, 20, 127}, {7, 19, 32},
	} {
		if got := lowerRank(c.n, c.m); got != c.critical+1 {
			t.Errorf("%d and %d values: rank %d, not %d", c.n, c.m, got, c.critical+1)
		}
		if got := lowerRank(c.m, c.n); got != c.critical+1 {
			t.Errorf("%d and %d values: rank %d, not %d", c.m, c.n, got, c.critical+1)
		}
		if got := enough(c.n, c.m); got != (c.critical >= 0) {
			t.Errorf("%d and %d values: enough is %v", c.n, c.m, got)
		}
	}
}

func sideOf(t *testing.T, values ...float64) *Side {
	t.Helper()
	s, ok := newSide(values)
	if !ok {
		t.Fatal("no side of no values")
	}
	return &s
}

func TestAMediansIntervalNeedsFiveValues(t *testing.T) {
	s := sideOf(t, 5, 1, 4, 2, 3)
	if s.Median != 3 || s.Low != 1 || s.High != 5 || s.Confidence != 1-2.0/32 || s.spread() != "± 67%" {
		t.Errorf("side %+v, %s", s, s.spread())
	}
	s = sideOf(t, 4, 1, 2, 3)
	if s.Median != 2.5 || !math.IsInf(s.Low, -1) || !math.IsInf(s.High, 1) || s.spread() != "± ∞" {
		t.Errorf("side %+v, %s", s, s.spread())
	}
	if s := sideOf(t, 7, 7, 7, 7, 7); s.spread() != "± 0%" {
		t.Errorf("side %+v, %s", s, s.spread())
	}
	if _, ok := newSide(nil); ok {
		t.Error("no values make a side")
	}
}

func TestWhatIsTakenForMoreThanChance(t *testing.T) {
	for _, c := range []struct {
		what                 string
		a, b                 []float64
		timed, deterministic bool
		p                    float64
		exact, enough        bool
	}{
		{"five above five", []float64{1, 2, 3, 4, 5}, []float64{6, 7, 8, 9, 10}, true, false, 2.0 / 252, false, true},
		{"three above three", []float64{1, 2, 3}, []float64{6, 7, 8}, true, false, 0.1, false, false},
		{"mixed", []float64{1, 3, 5, 7, 9}, []float64{2, 4, 6, 8, 10}, true, false, 0.6904761904761905, false, true},
		{"a counter, twice", []float64{5, 5}, []float64{6, 6}, false, false, 0, true, true},
		{"a counter, once", []float64{5}, []float64{6}, false, false, 1, false, false},
		{"a deterministic counter, once", []float64{5}, []float64{6}, false, true, 0, true, true},
		{"a counter that varies", []float64{5, 5.1}, []float64{6, 6}, false, true, 1.0 / 3, false, false},
		{"a time that came out the same", []float64{5, 5}, []float64{6, 6}, true, false, 1.0 / 3, false, false},
		{"one equal to one of two", []float64{1, 3}, []float64{3}, true, false, 1, false, false},
		{"no difference at all", []float64{5, 5, 5, 5}, []float64{5, 5, 5, 5}, true, false, 1, false, true},
	} {
		got := testSides(sideOf(t, c.a...), sideOf(t, c.b...), c.timed, c.deterministic)
		if math.Abs(got.P-c.p) > 1e-12 || got.Exact != c.exact || got.Enough != c.enough || got.Significant() != (c.exact || c.p <= 0.05) {
			t.Errorf("%s: %+v", c.what, got)
		}
	}
}

// The interval holds the factors that the test would not tell from the truth, so
// that it leaves out 1 exactly where the test finds a difference.
func TestTheIntervalOfARatioAgreesWithTheTest(t *testing.T) {
	r := draw.New(11, 1)
	float := func() float64 { return float64(r.Next()>>11) / (1 << 53) }
	apart := 0
	for range 2000 {
		var a, b []float64
		factor := 1 + float()
		for range 4 + r.Below(5) {
			a = append(a, 1+float())
		}
		for range 4 + r.Below(5) {
			b = append(b, factor*(1+float()))
		}
		sideA, sideB := sideOf(t, a...), sideOf(t, b...)
		low, high, ok := ratioInterval(sideA, sideB)
		if !ok {
			t.Fatalf("no interval for %v and %v", a, b)
		}
		test := testSides(sideA, sideB, true, false)
		if excludes := low > 1 || high < 1; excludes != test.Significant() {
			t.Fatalf("%v and %v: [%v, %v], and the test says %+v", a, b, low, high, test)
		}
		if test.Significant() {
			apart++
		}
	}
	if apart < 100 || apart > 1900 {
		t.Errorf("%d of 2000 were told apart, which proves little", apart)
	}
}

func TestARatioOfFewOrOfNothingHasNoInterval(t *testing.T) {
	five := []float64{1, 2, 3, 4, 5}
	for _, c := range [][2][]float64{{{1, 2, 3}, {4, 5, 6}}, {{0, 1, 2, 3, 4}, five}, {five, {-1, 1, 2, 3, 4}}} {
		if low, high, ok := ratioInterval(sideOf(t, c[0]...), sideOf(t, c[1]...)); ok {
			t.Errorf("%v: [%v, %v]", c, low, high)
		}
	}
}
