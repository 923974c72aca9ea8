package bench

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

// A Side is one metric of one group of repetitions. Nothing is assumed of how
// values are distributed: the interval is that between two of the values,
// chosen by their rank so that it holds the median in at least nine of ten
// cases. With fewer than five repetitions there is none, and the bounds are infinite.
type Side struct {
	Values     []float64 // ascending
	Median     float64
	Low, High  float64
	Confidence float64 // of the interval from Low to High
}

// leastConfidence is the least confidence of a median's interval. The next
// usual level, 0.95, would need a sixth repetition; five reach 0.94.
const leastConfidence = 0.90

// alpha is the probability at which a difference is taken for more than
// chance, and 1 - alpha the confidence of a ratio's interval.
const alpha = 0.05

// newSide summarises values; false if there are none.
func newSide(values []float64) (Side, bool) {
	if len(values) == 0 {
		return Side{}, false
	}
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.Thresholds{CompareAlpha: alpha})
	sum := benchmath.AssumeNothing.Summary(sample, leastConfidence)
	s := Side{Values: sample.Values, Median: sum.Center, Low: sum.Lo, High: sum.Hi, Confidence: sum.Confidence}
	if math.IsInf(s.Low, 0) || math.IsInf(s.High, 0) { // four values would have one bound, and look as if they had two
		s.Low, s.High, s.Confidence = math.Inf(-1), math.Inf(1), 1
	}
	return s, true
}

// spread renders the interval as benchstat does: the greater distance from the
// median, in percent of it.
func (s *Side) spread() string {
	return "± " + benchmath.Summary{Center: s.Median, Lo: s.Low, Hi: s.High}.PctRangeString()
}

// constant says whether all values are one.
func (s *Side) constant() bool { return s.Values[0] == s.Values[len(s.Values)-1] }

// A Test says whether two sides differ by more than chance.
type Test struct {
	// P is the probability that values of one distribution differ as much as
	// these do: the Mann-Whitney U test, two-sided. 0 where Exact.
	P float64
	// Exact means that there is no chance in it: a counter that comes out the same
	// in each repetition.
	Exact bool
	// Enough means that so many repetitions could have shown a difference, had
	// there been one.
	Enough bool
}

// Significant says whether the sides differ by more than chance.
func (t *Test) Significant() bool { return t.Exact || t.P <= alpha }

// testSides compares two sides. deterministic says that a run alone would give
// the same value again; else repetitions must have shown that it does.
func testSides(a, b *Side, timed, deterministic bool) Test {
	repeated := len(a.Values) > 1 && len(b.Values) > 1
	if !timed && a.constant() && b.constant() && (repeated || deterministic) {
		return Test{Exact: true, Enough: true}
	}
	thresholds := &benchmath.Thresholds{CompareAlpha: alpha}
	cmp := benchmath.AssumeNothing.Compare(
		&benchmath.Sample{Values: a.Values, Thresholds: thresholds},
		&benchmath.Sample{Values: b.Values, Thresholds: thresholds})
	p := min(1, cmp.P) // twice one tail may be more than both
	return Test{P: p, Enough: enough(len(a.Values), len(b.Values))}
}

// enough says whether the U test of so many values each can come below alpha at
// all: if all of one side are below all of the other, that is chance in 2 of
// the ways to choose n of n + m. Four and four are enough, three and three not.
func enough(n, m int) bool {
	ways := 1.0
	for i := 1; i <= n; i++ {
		ways *= float64(m+i) / float64(i)
	}
	return 2/ways <= alpha
}

// ratioInterval returns the interval that holds the ratio of b to a with a
// confidence of 1 - alpha, of all ratios of a value of b to one of a the k-th
// least and the k-th greatest: the factors by which the U test would not tell
// the sides apart (Hodges and Lehmann's interval, for a factor instead of a
// shift). False if there are too few values, or one that is not positive.
func ratioInterval(a, b *Side) (low, high float64, ok bool) {
	if a.Values[0] <= 0 || b.Values[0] <= 0 {
		return 0, 0, false
	}
	k := lowerRank(len(a.Values), len(b.Values))
	if k < 1 {
		return 0, 0, false
	}
	ratios := make([]float64, 0, len(a.Values)*len(b.Values))
	for _, x := range a.Values {
		for _, y := range b.Values {
			ratios = append(ratios, y/x)
		}
	}
	slices.Sort(ratios)
	return ratios[k-1], ratios[len(ratios)-k], true
}

// lowerRank returns the greatest k for which U, of n and m values of one
// distribution, is below k with a probability of at most alpha/2; 0 if there
// is none.
func lowerRank(n, m int) int {
	counts := orderings(n, m)
	total := 0.0
	for _, c := range counts {
		total += c
	}
	below := 0.0
	for u, c := range counts {
		below += c
		if below/total > alpha/2 {
			return u
		}
	}
	return 0
}

// orderings returns, for each U, in how many orders n and m values stand so that
// U pairs of them have the second's first. These are the coefficients of a Gaussian
// binomial, and counts for one more value of the first kind follow from
//
//	count(n, m, u) = count(n-1, m, u-m) + count(n, m-1, u)
func orderings(n, m int) []float64 {
	row := make([][]float64, m+1) // by the number of the second kind, for as many of the first as were added
	for j := range row {
		row[j] = []float64{1}
	}
	for i := 1; i <= n; i++ {
		next := make([][]float64, m+1)
		next[0] = []float64{1}
		for j := 1; j <= m; j++ {
			next[j] = make([]float64, i*j+1)
			for u, c := range row[j] {
				next[j][u+j] += c
			}
			for u, c := range next[j-1] {
				next[j][u] += c
			}
		}
		row = next
	}
	return row[m]
}

// timed says whether a clock measures the metric: its values may come out the
// same by chance.
func timed(doc MetricDoc) bool {
	return slices.Contains([]string{"us", "ns", "s", "events/s"}, doc.Unit)
}

// deterministic says whether two runs with inline maintenance give the same
// value: what an engine counts, as its rule O3 has it.
func deterministic(doc MetricDoc) bool {
	return slices.Contains(deterministicMetrics, doc.Name)
}

var deterministicMetrics = []string{
	"write_amp_engine", "space_amp", "memory_amp", "cache_hit_ratio", "filter_negative_ratio",
	"written_log_bytes", "written_flush_bytes", "written_compaction_bytes", "written_page_bytes",
	"written_images_bytes", "written_snapshot_bytes", "written_checkpoint_bytes", "written_meta_bytes",
	"read_bytes", "file_syncs", "disk_bytes", "disk_peak_bytes", "memory_bytes", "memory_peak_bytes",
	"memory_bytes_per_record", "disk_bytes_per_record",
	"write_amp_sent", "write_amp_device", "write_amp_total", "device_bytes", "device_sent_bytes", "device_erases",
	"block_accesses_per_event", "blocks_read", "read_bytes_per_lookup", "block_footprint_bytes",
}

// percentWorse says by how many percent b is worse than a: 25 if it costs a
// quarter more, or if it takes a quarter more time where more is better.
func percentWorse(better Direction, a, b float64) float64 {
	if better == Higher {
		a, b = b, a
	}
	switch {
	case a == b:
		return 0
	case a == 0:
		return math.Inf(1)
	}
	return 100 * (b/a - 1)
}
