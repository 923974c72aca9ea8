// Package draw draws what generators of events are made of: numbers, shares and delays from a
// seed, the same on every machine, and an agenda of what is still to happen.
package draw

import (
	"math/bits"
	"math/rand/v2"
)

// A Random is a seeded stream of numbers that is the same on every machine and
// under every version of Go: the generator is PCG-DXSM as package rand/v2
// specifies it, and the distributions below are made of integer arithmetic, so
// that neither a library's choice of algorithm nor a fused multiplication can
// change a workload.
type Random struct{ pcg rand.PCG }

// New returns the stream with the given number under a seed. Streams
// of one seed are independent of each other.
func New(seed, stream uint64) *Random {
	return &Random{pcg: *rand.NewPCG(Mix(seed), Mix(stream+1))}
}

// Next returns 64 random bits.
func (r *Random) Next() uint64 { return r.pcg.Uint64() }

// Below returns a number in [0, n). The bias, under n in 2^64, is far below
// what any run could notice.
func (r *Random) Below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.pcg.Uint64(), n)
	return hi
}

// A Share is a probability, as the number of favourable cases in 2^53.
type Share uint64

// ShareOf converts a probability in [0, 1]; the product with a power of two is exact.
func ShareOf(p float64) Share { return Share(p * (1 << 53)) }

// Hits says whether a case of that probability has come about.
func (r *Random) Hits(s Share) bool { return r.pcg.Uint64()>>11 < uint64(s) }

// Mix is the finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014): a
// bijection that makes neighbouring numbers look unrelated.
func Mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
