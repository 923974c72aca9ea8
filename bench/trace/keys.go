package trace

import (
	"fmt"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Keys says how the uses of keys are spread. A Get, put, append or delete uses
// its key, a probe its lower bound.
type Keys struct {
	Uses     int64 `json:"uses"`
	Distinct int64 `json:"distinct"`
	// Top1 is the share of uses that the most used hundredth of the keys has; it
	// is 0.01 if all are used alike.
	Top1 float64 `json:"top_1_percent_share"`
	// Zipf is the exponent of the Zipf law, by rank, that fits best by maximum
	// likelihood: 0 is uniform. Ranks are those of the counts themselves, so that
	// few uses of each key look more skewed than they are.
	Zipf float64 `json:"zipf_exponent"`
}

func keyHash(key []byte) uint64 { return xxhash.Sum64(key) }

// AnswersText prints a digest of answers.
func AnswersText(sum uint64) string { return fmt.Sprintf("%016x", sum) }

// uses counts the uses of keys, which it knows by their 64-bit hashes. Among ten
// million keys two share one with a probability of 3 in a million.
type uses struct {
	counts map[uint64]use
	total  int64
}

type use struct {
	count uint32
	slot  uint32 // of the last use
}

// add counts a use. It returns whether the key was never used before, and
// whether it was used in this slot before.
func (u *uses) add(hash uint64, slot int) (fresh, again bool) {
	if u.counts == nil {
		u.counts = map[uint64]use{}
	}
	before, known := u.counts[hash]
	u.counts[hash] = use{before.count + 1, uint32(slot)}
	u.total++
	return !known, known && before.slot == uint32(slot)
}

func (u *uses) keys() Keys {
	k := Keys{Uses: u.total, Distinct: int64(len(u.counts))}
	if k.Distinct == 0 {
		return k
	}
	counts := make([]uint32, 0, len(u.counts))
	for _, one := range u.counts {
		counts = append(counts, one.count)
	}
	slices.SortFunc(counts, func(a, b uint32) int { return int(b) - int(a) })
	top := int64(0)
	for _, n := range counts[:(len(counts)+99)/100] {
		top += int64(n)
	}
	k.Top1 = float64(top) / float64(k.Uses)
	k.Zipf = zipfExponent(counts)
	return k
}

// zipfMost is the largest exponent that is looked for: beyond it nearly all uses
// are of one key.
const zipfMost = 8

// zipfExponent returns the exponent under which counts, in falling order, are
// most likely. There the mean logarithm of the rank is that of the law, which
// falls with the exponent.
func zipfExponent(counts []uint32) float64 {
	logs := make([]float64, len(counts))
	uses, seen := 0.0, 0.0
	for i, n := range counts {
		logs[i] = math.Log(float64(i + 1))
		uses += float64(n)
		seen += float64(n) * logs[i]
	}
	seen /= uses
	low, high := 0.0, float64(zipfMost)
	const steps = 30 // to a billionth
	for range steps {
		mid := (low + high) / 2
		if meanLogRank(logs, mid) > seen {
			low = mid
		} else {
			high = mid
		}
	}
	if len(counts) == 1 || low == 0 {
		return 0
	}
	return low
}

// meanLogRank is the mean logarithm of the rank under a Zipf law.
func meanLogRank(logs []float64, exponent float64) float64 {
	weights, sum := 0.0, 0.0
	for _, l := range logs {
		w := math.Exp(-exponent * l)
		weights += w
		sum += w * l
	}
	return sum / weights
}
