package bench

import (
	"math"

	"github.com/statelab/statelab/internal/draw"
)

// A zipfLaw draws ranks from 0 to n-1, rank i with a probability in proportion
// to (i+1)^-skew: Zipf's law, which the activity of users and the popularity of
// items follow with a skew near 1 (0.99 in YCSB).
//
// It draws in constant time by Walker's alias method in whole numbers: n
// columns of equal height, each filled by at most two ranks.
type zipfLaw struct {
	height  uint64
	columns []zipfColumn
	repeat  float64 // probability that two draws are equal
}

// A zipfColumn is rank i itself, which its index names, below cut and other from there on.
type zipfColumn struct {
	cut   uint64
	other uint32
}

// zipfScale is the weight of rank 0. Weights are whole numbers, which absorbs the
// last bit in which the power function may differ between machines; the rarest
// of ten million ranks still weighs over a hundred.
const zipfScale = 1 << 32

func newZipfLaw(n int, skew float64) *zipfLaw {
	weights := make([]uint64, n)
	var total uint64
	var squares float64
	for i := range weights {
		w := uint64(math.Round(zipfScale * math.Pow(float64(i+1), -skew)))
		weights[i] = w
		total += w
		squares += float64(float64(w) * float64(w)) // converted, so that no machine fuses it with the addition
	}
	z := &zipfLaw{height: total, columns: make([]zipfColumn, n)}
	z.repeat = squares / float64(float64(total)*float64(total))
	z.fill(weights)
	return z
}

// fill divides the ranks among the columns. Each weighs n times its weight, so
// that all together fill them exactly; what a heavy rank has over its own column's
// height fills up those of light ones. (Vose, IEEE Trans. Software Eng. 17(9), 1991.)
func (z *zipfLaw) fill(weights []uint64) {
	n := len(weights)
	var light, heavy []uint32
	for i := range weights {
		weights[i] *= uint64(n)
		if weights[i] < z.height {
			light = append(light, uint32(i))
		} else {
			heavy = append(heavy, uint32(i))
		}
	}
	for len(light) > 0 { // then some rank is heavy: the mean is the height
		l, h := light[len(light)-1], heavy[len(heavy)-1]
		light = light[:len(light)-1]
		z.columns[l] = zipfColumn{weights[l], h}
		weights[h] -= z.height - weights[l]
		if weights[h] < z.height {
			heavy = heavy[:len(heavy)-1]
			light = append(light, h)
		}
	}
	for _, h := range heavy {
		z.columns[h] = zipfColumn{z.height, h}
	}
}

func (z *zipfLaw) draw(r *draw.Random) uint64 {
	i := r.Below(uint64(len(z.columns)))
	if c := z.columns[i]; r.Below(z.height) >= c.cut {
		return uint64(c.other)
	}
	return i
}
