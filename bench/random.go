package bench

import (
	"math"
	"math/bits"
	"math/rand/v2"
)

// A random is a seeded stream of numbers that is the same on every machine and
// under every version of Go: the generator is PCG-DXSM as package rand/v2
// specifies it, and the distributions below are made of integer arithmetic, so
// that neither a library's choice of algorithm nor a fused multiplication can
// change a workload.
type random struct{ pcg rand.PCG }

// newRandom returns the stream with the given number under a seed. Streams
// of one seed are independent of each other.
func newRandom(seed, stream uint64) *random {
	return &random{pcg: *rand.NewPCG(mix(seed), mix(stream+1))}
}

func (r *random) next() uint64 { return r.pcg.Uint64() }

// below returns a number in [0, n). The bias, under n in 2^64, is far below
// what any run could notice.
func (r *random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.pcg.Uint64(), n)
	return hi
}

// A share is a probability, as the number of favourable cases in 2^53.
type share uint64

// shareOf converts a probability in [0, 1]; the product with a power of two is exact.
func shareOf(p float64) share { return share(p * (1 << 53)) }

func (r *random) hits(s share) bool { return r.pcg.Uint64()>>11 < uint64(s) }

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): a
// bijection that makes neighbouring numbers look unrelated.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// A delayLaw is a distribution of delays in microseconds, given by its
// quantiles at 0/256, 1/256 ... 256/256 and straight lines between them.
type delayLaw [257]int64

// tailZ is where a log-normal law is cut off, in standard deviations: what lies
// beyond is one draw in 30,000.
const tailZ = 4

// logNormalDelay returns the log-normal law of the given median, in seconds,
// and sigma, the standard deviation of the delay's logarithm. Quantiles
// are whole milliseconds, which absorbs the last bit in which the exponential
// function may differ between machines.
func logNormalDelay(medianSeconds, sigma float64) *delayLaw {
	var law delayLaw
	for i := range law {
		z := math.Sqrt2 * math.Erfinv(float64(i)/128-1)
		z = min(max(z, -tailZ), tailZ)
		law[i] = int64(math.Round(1000*medianSeconds*math.Exp(sigma*z))) * 1000
	}
	return &law
}

// draw returns a delay in microseconds.
func (l *delayLaw) draw(r *random) int64 {
	u := r.pcg.Uint64()
	i, fraction := u>>56, int64(u>>40&0xffff)
	return l[i] + (l[i+1]-l[i])*fraction>>16
}

// idSize is the length of the identifiers that workloads use as join keys.
const idSize = 16

// An id is a join key: 16 bytes without order, as a UUID has none.
type id [idSize]byte

// idOf returns the identifier with a number, so that neither generator nor
// oracle has to remember identifiers. Distinct numbers have distinct ids.
func idOf(space, number uint64) (k id) {
	a := mix(number ^ mix(space))
	b := mix(a)
	for i := range 8 {
		k[i], k[8+i] = byte(a>>(8*i)), byte(b>>(8*i))
	}
	return k
}
