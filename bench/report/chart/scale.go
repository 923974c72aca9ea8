package chart

import (
	"math"
	"slices"
	"strconv"
)

// A Spacing says how an axis spreads its values.
type Spacing uint8

const (
	Linear Spacing = iota
	Log            // decades
	Log2           // powers of two, for bytes
	Tail           // percentiles by the logarithm of what lies above: 90, 99 and 99.9 are as far apart
)

// An Axis says what its values are.
type Axis struct {
	Label    string
	Spacing  Spacing
	FromZero bool // a linear axis begins at zero
	Format   func(float64) string
}

func (a *Axis) format(v float64) string {
	if a.Spacing == Tail && v >= 100 {
		return "max"
	}
	if a.Format == nil {
		return strconv.FormatFloat(v, 'g', 4, 64)
	}
	return a.Format(v)
}

// A scale maps values to positions from 0 to 1.
type scale struct {
	spacing Spacing
	lo, hi  float64 // of the stretched values
	ticks   []float64
}

// newScale spans values, a little more where that gives rounder ends. Values
// that the spacing cannot show, such as zero on a logarithmic axis, are put at the end.
func newScale(a *Axis, values []float64) scale {
	s := scale{spacing: a.Spacing}
	lo, hi := math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if u, ok := s.stretch(v); ok {
			lo, hi = min(lo, u), max(hi, u)
		}
	}
	if lo > hi {
		lo, hi = 0, 1
	}
	hasMaximum := slices.ContainsFunc(values, func(v float64) bool { return v >= 100 })
	switch a.Spacing {
	case Log:
		s.logTicks(lo, hi)
	case Log2:
		s.log2Ticks(lo, hi)
	case Tail:
		s.tailTicks(lo, hi, hasMaximum)
	default:
		if a.FromZero {
			lo, hi = min(lo, 0), max(hi, 0)
		}
		s.linearTicks(lo, hi)
	}
	return s
}

// tailEnd is where a percentile of 100, the maximum, is put: half a decade
// behind the last tick.
const tailEnd = 0.5

// stretch turns a value into one that is spaced evenly; false if it has no place.
func (s *scale) stretch(v float64) (float64, bool) {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, false
	}
	switch s.spacing {
	case Log:
		return math.Log10(v), v > 0
	case Log2:
		return math.Log2(v), v > 0
	case Tail:
		return -math.Log10(1 - v/100), v >= 0 && v < 100
	}
	return v, true
}

// at returns where a value lies, from 0 to 1.
func (s *scale) at(v float64) float64 {
	u, ok := s.stretch(v)
	switch {
	case !ok && s.spacing == Tail && v >= 100:
		return 1
	case !ok || s.hi <= s.lo:
		return 0
	}
	return min(1, max(0, u/(s.hi-s.lo)-s.lo/(s.hi-s.lo)))
}

// shows says whether a value has a place on the axis.
func (s *scale) shows(v float64) bool {
	_, ok := s.stretch(v)
	return ok || s.spacing == Tail && v == 100
}

// An axis has about wantTicks ticks; a logarithmic one up to mostTicks, as it
// has no say in where they are.
const (
	wantTicks = 5
	mostTicks = 8
)

func (s *scale) linearTicks(lo, hi float64) {
	if hi-lo > math.MaxFloat64/4 || hi-lo <= math.Abs(hi)*1e-12 { // too wide to divide, or nothing
		if lo == hi && lo != 0 && math.Abs(lo) < math.MaxFloat64/4 {
			lo, hi = min(0, 2*lo), max(0, 2*hi)
		} else if lo == hi || hi-lo <= math.Abs(hi)*1e-12 {
			hi = lo + 1
		}
	}
	step := niceStep((hi/wantTicks - lo/wantTicks))
	if !(step > 0) || math.IsInf(step, 0) {
		s.lo, s.hi, s.ticks = lo, hi, []float64{lo, hi}
		return
	}
	first, last := math.Floor(lo/step+1e-9), math.Ceil(hi/step-1e-9)
	s.lo, s.hi = first*step, last*step
	for i := first; i <= last && len(s.ticks) < 4*wantTicks; i++ {
		s.ticks = append(s.ticks, i*step)
	}
}

// niceStep returns the least of 1, 2 and 5 times a power of ten that is not
// below a value.
func niceStep(v float64) float64 {
	if !(v > 0) {
		return 0
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logTicks spans decades. Up to two of them get ticks at 2 and 5 too.
func (s *scale) logTicks(lo, hi float64) {
	steps := []float64{0, math.Log10(2), math.Log10(5)}
	if hi-lo > 2 {
		steps = steps[:1]
	}
	var all []float64
	for d := math.Floor(lo) - 1; d <= math.Ceil(hi)+1; d++ {
		for _, u := range steps {
			all = append(all, d+u)
		}
	}
	s.spanTicks(lo, hi, all)
	for i, u := range s.ticks {
		s.ticks[i] = roundTo(math.Pow(10, u))
	}
}

func (s *scale) log2Ticks(lo, hi float64) {
	var all []float64
	for u := math.Floor(lo) - 1; u <= math.Ceil(hi)+1; u++ {
		all = append(all, u)
	}
	s.spanTicks(lo, hi, all)
	for i, u := range s.ticks {
		s.ticks[i] = math.Exp2(u)
	}
}

// spanTicks lets the axis go from the last of the candidates not above lo to
// the first not below hi, and picks evenly from those between.
func (s *scale) spanTicks(lo, hi float64, all []float64) {
	from, to := 0, len(all)-1
	for from+1 < len(all) && all[from+1] <= lo+1e-9 {
		from++
	}
	for to > from+1 && all[to-1] >= hi-1e-9 {
		to--
	}
	s.lo, s.hi = all[from], all[to]
	every := (to-from)/mostTicks + 1
	for i := from; i <= to; i += every {
		s.ticks = append(s.ticks, all[i])
	}
}

// roundTo removes what raising to a power has added.
func roundTo(v float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 3, 64), 64)
	if err != nil {
		return v
	}
	return r
}

func (s *scale) tailTicks(lo, hi float64, hasMaximum bool) {
	s.lo, s.hi = lo, hi
	if hasMaximum {
		s.hi += tailEnd
	}
	for _, p := range []float64{0, 50, 90, 99, 99.9, 99.99, 99.999, 99.9999} {
		if u, _ := s.stretch(p); u >= s.lo-1e-9 && u <= hi+1e-9 {
			s.ticks = append(s.ticks, p)
		}
	}
	if hasMaximum {
		s.ticks = append(s.ticks, 100)
	}
}
