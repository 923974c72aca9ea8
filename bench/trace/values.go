package trace

import (
	"encoding/binary"
	"math/rand/v2"

	"github.com/cespare/xxhash/v2"
)

// Values makes the elements that a replay stores. A trace keeps how long an
// element was and not what was in it; its replay is determined by the key and
// the number of the record, so that every replay of a trace, on any store,
// stores the same.
//
// An element begins with eight bytes of a hash of both, by which a store that
// hands out another one is found out; fewer if it is shorter. The rest is cut
// from a pool in which every 16 random bytes are followed by their copy, so
// that it compresses about two to one whether by matches or by entropy. What the
// recorded elements compressed to is not known.
type Values struct{ pool []byte }

const (
	poolSize  = 1 << 20
	poolPiece = 16
	stampSize = 8
	poolSeed  = 0x7374617465 // any number; it is part of the format, as the pool is
)

// NewValues returns a source of values.
func NewValues() *Values {
	r := rand.NewPCG(poolSeed, poolSeed)
	pool := make([]byte, poolSize)
	for at := 0; at < len(pool); at += 2 * poolPiece {
		for i := 0; i < poolPiece; i += 8 {
			binary.LittleEndian.PutUint64(pool[at+i:], r.Uint64())
		}
		copy(pool[at+poolPiece:], pool[at:at+poolPiece])
	}
	return &Values{pool}
}

// Append appends the element of size bytes that the record with this number
// stores under key.
func (v *Values) Append(dst, key []byte, number uint64, size int) []byte {
	var stamp [stampSize]byte
	hash := mix(xxhash.Sum64(key) ^ mix(number))
	binary.LittleEndian.PutUint64(stamp[:], hash)
	dst = append(dst, stamp[:min(size, stampSize)]...)
	for left := size - stampSize; left > 0; hash = mix(hash) {
		at := hash % (poolSize / (2 * poolPiece)) * (2 * poolPiece) // whole pairs
		piece := v.pool[at:min(poolSize, int(at)+left)]
		dst = append(dst, piece...)
		left -= len(piece)
	}
	return dst
}

// mix is the finalizer of splitmix64 (Steele, Lea and Flood, OOPSLA 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
