package ftl

import "math"

// RandomAmplification returns the write amplification of a device whose pages
// are all mapped and overwritten uniformly at random, in the limit of large blocks
// and many of them: A = a / (a + W(-a e^-a)), where a = 1 + spare and W is the principal
// branch of Lambert's function. FIFO collection reaches it with any block size,
// greedy collection approaches it from below as blocks grow (Xiang and
// Kurkoski, arXiv 1110.4245; Desnoyers, SYSTOR 2012).
//
// A device of which the share u is mapped and the rest trimmed behaves as one
// with spare (1+spare)/u - 1.
func RandomAmplification(spare float64) float64 {
	a := 1 + spare
	return a / (a + lambertW(-a*math.Exp(-a)))
}

// lambertW returns the w in [-1, 0) with w e^w = x, for x in (-1/e, 0). Newton's iteration
// from the branch point's series converges in a few steps.
func lambertW(x float64) float64 {
	p := math.Sqrt(2 * (math.E*x + 1))
	w := -1 + p - p*p/3
	for range 64 {
		e := math.Exp(w)
		step := (w*e - x) / (e * (w + 1))
		w -= step
		if math.Abs(step) < 1e-15 {
			break
		}
	}
	return w
}
