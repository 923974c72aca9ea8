package mrc

import "math"

// logSpaced returns n whole numbers from least times most to most, each greater
// than the one before by the same factor as near as may be. n is at least two.
func logSpaced(most, least float64, n int) []int64 {
	numbers := make([]int64, n)
	for i := range numbers {
		share := math.Pow(least, 1-float64(i)/float64(n-1))
		numbers[i] = max(1, int64(math.Round(most*share)))
	}
	return numbers
}
